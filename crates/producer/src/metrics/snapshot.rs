//! What was counted, as it is handed out.

use super::name::MetricName;
use crate::settings::{AdditionalDimension, MetricsGranularity};
use crate::statistics::Statistics;
use std::sync::Arc;

/// What a producer has counted: a copy, which does not change.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    pub(super) metrics: Vec<Metric>,
    /// User records without an outcome of each stream.
    pub(super) pending: Vec<(Arc<str>, u64)>,
    pub(super) granularity: MetricsGranularity,
    pub(super) additional: Arc<[AdditionalDimension]>,
    pub(super) seconds: u64,
}

/// The values of one metric in one place.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// Which.
    pub name: MetricName,
    /// Of what.
    pub place: Place,
    /// The code, of [`MetricName::ErrorsByCode`] alone; `(others)`: of codes beyond the first 32 of a place.
    pub error_code: Option<Arc<str>>,
    /// The values.
    pub statistics: Statistics,
    pub(super) additional: Arc<[AdditionalDimension]>,
}

/// What something was counted of. `(others)` stands for streams and shards that found no room.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// All streams of the producer.
    All,
    /// A stream, by the name or ARN that its records were put to.
    Stream(Arc<str>),
    /// A stream's shard.
    Shard(Arc<str>, Arc<str>),
}

impl Place {
    /// Of what it is one.
    pub(super) fn granularity(&self) -> MetricsGranularity {
        match self {
            Self::All => MetricsGranularity::Global,
            Self::Stream(_) => MetricsGranularity::Stream,
            Self::Shard(..) => MetricsGranularity::Shard,
        }
    }
}

impl Metrics {
    /// All of them, in the order of names; of a name those of all streams first.
    pub fn iter(&self) -> impl Iterator<Item = &Metric> {
        self.metrics.iter()
    }

    /// How many seconds they are of.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.seconds
    }
}

impl Metric {
    /// The dimensions that the Kinesis Producer Library gives it: `StreamName`, `ShardId`, `ErrorCode`, as far
    /// as it has them, and those of [`crate::Settings::metrics_dimensions`] that are for such places.
    pub fn dimensions(&self) -> impl Iterator<Item = (&str, &str)> {
        let (stream, shard) = match &self.place {
            Place::All => (None, None),
            Place::Stream(stream) => (Some(stream), None),
            Place::Shard(stream, shard) => (Some(stream), Some(shard)),
        };
        let all =
            [("StreamName", stream), ("ShardId", shard), ("ErrorCode", self.error_code.as_ref())];
        let own = all.into_iter().filter_map(|(name, value)| Some((name, &**value?)));
        own.chain(self.additional().map(|one| (&*one.name, &*one.value)))
    }

    /// Those that the user has added to it.
    pub(super) fn additional(&self) -> impl Iterator<Item = &AdditionalDimension> {
        let granularity = self.place.granularity();
        self.additional.iter().filter(move |one| one.is_of(granularity))
    }
}
