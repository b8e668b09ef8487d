//! How a producer works. The names are those of the Kinesis Producer Library's configuration.

use crate::pipeline::{Micros, Rules};
use crate::spool::Spool;
use std::time::Duration;

pub(crate) mod dimension;
mod kpl;
mod properties;

pub use dimension::{AdditionalDimension, DimensionError};
pub use kpl::{
    KplFileError, KplSettings, LogLevel, MetricsGranularity, MetricsLevel, ThreadingModel,
    UnknownSetting, WrongSetting,
};
pub use properties::PropertiesError;

/// What the service takes in one request.
const REQUEST_BYTES_MAX: usize = 10 << 20;
/// Twice what a record waits for others at most.
const LINGER_MAX: Duration = Duration::from_secs(24 * 3_600);

/// How a producer works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `AggregationEnabled`: packs several user records into one stored record. On by default.
    pub aggregation_enabled: bool,
    /// `AggregationMaxCount`: user records of an aggregate at most.
    pub aggregation_max_count: usize,
    /// `AggregationMaxSize`: bytes of an aggregate at most, 51,200 by default. A larger user record is
    /// stored by itself.
    pub aggregation_max_size: usize,
    /// `CollectionMaxCount`: stored records of a request at most, 500 by default, which is the service's
    /// bound.
    pub collection_max_count: usize,
    /// `CollectionMaxSize`: bytes of a request at most, partition keys included; 5 MiB by default, and never
    /// more than 10 MiB, which is the service's bound.
    pub collection_max_size: usize,
    /// `RecordMaxBufferedTime`: how long a record may wait for others; 100 ms by default. Half of `record_ttl` at
    /// most.
    pub record_max_buffered_time: Duration,
    /// `RecordTtl`: a record that is not stored after so long fails with `Expired`; 30 s by default. `None`:
    /// it is tried for ever.
    pub record_ttl: Option<Duration>,
    /// `RateLimit`: in percent of what the service takes for a shard, 150 by default, since several
    /// producers share a shard. `None`: as fast as it goes.
    pub rate_limit: Option<u32>,
    /// `FailIfThrottled`: a throttled record is not sent again.
    pub fail_if_throttled: bool,
    /// `MaxConnections`: requests under way at once for a stream; 24 by default.
    pub max_connections: usize,
    /// `MaxUserRecordSize`: bytes of a user record at most, its partition key included; 1 MiB by default.
    pub max_user_record_size: usize,
    /// Bytes of records that have no outcome yet, each with [`Settings::RECORD_OVERHEAD_BYTES`] more; 64 MiB
    /// by default. Beyond it [`crate::Producer::put`] waits.
    pub buffer_max_bytes: usize,
    /// `MetricsLevel`: how much is counted for [`crate::Producer::metrics`]; all by default.
    pub metrics_level: MetricsLevel,
    /// `MetricsGranularity`: for what it is counted; for each shard by default.
    pub metrics_granularity: MetricsGranularity,
    /// Dimensions of the user's own, in the metrics that they are for; none by default. Of a name the first one
    /// counts, and of more than 27 the first 27.
    pub metrics_dimensions: Vec<AdditionalDimension>,
    /// Bytes of what is counted of streams and shards; 32 MiB by default, which are some 800 shards with all
    /// metrics. What finds no room is counted under `(others)`; beside it there is 1 MiB at most.
    pub metrics_max_bytes: usize,
    /// `RequestTimeout`: how long an answer may take; 6 s by default.
    pub request_timeout: Duration,
    /// Keeps records on the disk until they have an outcome, through the end of the process and an outage that
    /// is longer than memory; off by default. For [`crate::Producer::open`]. With it `record_ttl` does not
    /// hold: no record becomes too old.
    pub spool: Option<Spool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            aggregation_enabled: true,
            aggregation_max_count: u32::MAX as usize,
            aggregation_max_size: 51_200,
            collection_max_count: 500,
            collection_max_size: 5 << 20,
            record_max_buffered_time: Duration::from_millis(100),
            record_ttl: Some(Duration::from_secs(30)),
            rate_limit: Some(150),
            fail_if_throttled: false,
            max_connections: 24,
            max_user_record_size: 1 << 20,
            buffer_max_bytes: 64 << 20,
            metrics_level: MetricsLevel::Detailed,
            metrics_granularity: MetricsGranularity::Shard,
            metrics_dimensions: Vec::new(),
            metrics_max_bytes: 32 << 20,
            request_timeout: Duration::from_secs(6),
            spool: None,
        }
    }
}

impl Settings {
    /// What a record is charged beside its key and data: what is known of it until it has an outcome.
    pub const RECORD_OVERHEAD_BYTES: usize = 256;

    pub(crate) fn rules(&self, seed: u64) -> Rules {
        let ttl = self.record_ttl.unwrap_or(LINGER_MAX).min(LINGER_MAX);
        Rules {
            aggregate: self.aggregation_enabled,
            aggregate_records_max: self.aggregation_max_count.max(1),
            aggregate_bytes_max: self.aggregation_max_size,
            request_records_max: self.collection_max_count.clamp(1, 500),
            request_bytes_max: self.collection_max_size.min(REQUEST_BYTES_MAX),
            // What waits is not yet looked at for its age.
            linger: micros(self.record_max_buffered_time.min(ttl / 2)),
            ttl: self.record_ttl.map(micros),
            rate_percent: self.rate_limit.map(|percent| percent.max(1)),
            fail_if_throttled: self.fail_if_throttled,
            requests_max: self.max_connections.max(1),
            is_counted: self.metrics_level > MetricsLevel::None,
            seed,
        }
    }
}

/// A wait of so many milliseconds has no end.
const ENDLESS_MILLIS: u64 = 1_000 * 60 * 60 * 24 * 365;

impl From<&KplSettings> for Settings {
    /// What of them concerns records. Waits of a year and more are without end.
    fn from(kpl: &KplSettings) -> Self {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let ttl = Some(kpl.record_ttl).filter(|ttl| *ttl < ENDLESS_MILLIS);
        let linger = kpl.record_max_buffered_time.min(ENDLESS_MILLIS);
        Self {
            aggregation_enabled: kpl.aggregation_enabled,
            aggregation_max_count: size(kpl.aggregation_max_count),
            aggregation_max_size: size(kpl.aggregation_max_size),
            collection_max_count: size(kpl.collection_max_count),
            collection_max_size: size(kpl.collection_max_size).min(REQUEST_BYTES_MAX),
            record_max_buffered_time: Duration::from_millis(linger),
            record_ttl: ttl.map(Duration::from_millis),
            rate_limit: Some(u32::try_from(kpl.rate_limit).unwrap_or(u32::MAX)),
            fail_if_throttled: kpl.fail_if_throttled,
            max_connections: size(kpl.max_connections),
            max_user_record_size: size(kpl.max_user_record_size),
            metrics_level: kpl.metrics_level,
            metrics_granularity: kpl.metrics_granularity,
            request_timeout: Duration::from_millis(kpl.request_timeout),
            ..Self::default()
        }
    }
}

fn micros(span: Duration) -> Micros {
    Micros::try_from(span.as_micros()).unwrap_or(Micros::MAX)
}
