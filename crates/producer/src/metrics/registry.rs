//! All counts of a producer.

use super::group::{Group, OTHERS, Room};
use super::name::MetricName;
use super::snapshot::{Metric, Metrics, Place};
use crate::pipeline::Fact;
use crate::settings::{AdditionalDimension, MetricsGranularity, MetricsLevel, dimension};
use crate::statistics::Statistics;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Shards of which nothing came for so many seconds are let go when room is needed.
const IDLE_SECONDS: u64 = 900;
/// Between two looks for them.
const LOOK_SECONDS: u64 = 60;
/// What a place is charged beside its series and its name.
const PLACE_BYTES: usize = 256;

/// All counts of a producer. Times are seconds since its start.
///
/// Invariant: series and names of streams and shards have `room` bytes at most. What finds no room is counted
/// for all streams, and for the stream and the shard `(others)`, which have no more series than one place.
#[derive(Debug)]
pub(crate) struct Registry {
    level: MetricsLevel,
    granularity: MetricsGranularity,
    additional: Arc<[AdditionalDimension]>,
    room: Room,
    all: Group,
    streams: BTreeMap<Arc<str>, OfStream>,
    other_streams: Group,
    other_shards: Group,
    looked_at: u64,
}

#[derive(Debug, Default)]
struct OfStream {
    own: Group,
    shards: BTreeMap<Arc<str>, Group>,
    pending: u64,
}

/// Where something is counted; `None`: it is not known, or not of one.
type OfShard<'a> = Option<&'a Arc<str>>;

impl Registry {
    pub(crate) fn new(
        level: MetricsLevel,
        granularity: MetricsGranularity,
        additional: &[AdditionalDimension],
        bytes_max: usize,
    ) -> Self {
        Self {
            level,
            granularity,
            additional: dimension::taken(additional),
            room: Room(bytes_max),
            all: Group::default(),
            streams: BTreeMap::new(),
            other_streams: Group::default(),
            other_shards: Group::default(),
            looked_at: 0,
        }
    }

    /// What happened in a stream, which has so many user records without an outcome now.
    pub(crate) fn record(&mut self, stream: &Arc<str>, facts: &[Fact], pending: usize, now: u64) {
        use MetricName as Name;

        if facts.is_empty() || self.level == MetricsLevel::None {
            return;
        }
        let pending = pending as u64;
        let is_there = self.streams.contains_key(stream);
        if is_there || self.make_room(stream.len() + PLACE_BYTES, now) {
            self.streams.entry(stream.clone()).or_default().pending = pending;
        }
        let one = |value: f64| Statistics::of(value);
        self.add(stream, None, Name::UserRecordsPending, one(pending as f64), now);
        for fact in facts {
            match fact {
                Fact::Received(count) => {
                    let values = Statistics::of_same(1.0, *count);
                    self.add(stream, None, Name::UserRecordsReceived, values, now);
                }
                Fact::Request { millis, kinesis_records, user_records } => {
                    for (name, value) in [
                        (Name::RequestTime, *millis),
                        (Name::KinesisRecordsPerPutRecordsRequest, *kinesis_records as f64),
                        (Name::UserRecordsPerPutRecordsRequest, *user_records as f64),
                    ] {
                        self.add(stream, None, name, one(value), now);
                    }
                }
                Fact::Stored { shard, bytes, data, buffering, retries } => {
                    let users = retries.count;
                    for (name, values) in [
                        (Name::UserRecordsPut, Statistics::of_same(1.0, users)),
                        (Name::UserRecordsDataPut, *data),
                        (Name::KinesisRecordsPut, one(1.0)),
                        (Name::KinesisRecordsDataPut, one(*bytes as f64)),
                        (Name::UserRecordsPerKinesisRecord, one(users as f64)),
                        (Name::BufferingTime, *buffering),
                        (Name::RetriesPerRecord, *retries),
                    ] {
                        self.add(stream, Some(shard), name, values, now);
                    }
                }
                Fact::Refused { shard, code, count } => {
                    let failed = Statistics::of_same(0.0, *count);
                    self.add(stream, shard.as_ref(), Name::KinesisRecordsPut, failed, now);
                    self.add_errors(stream, shard.as_ref(), code, *count, now);
                }
                Fact::Failed { count, expired, retries, buffering } => {
                    let failed = Statistics::of_same(0.0, *count);
                    self.add(stream, None, Name::UserRecordsPut, failed, now);
                    self.add(stream, None, Name::RetriesPerRecord, *retries, now);
                    if let Some(buffering) = buffering {
                        self.add(stream, None, Name::BufferingTime, *buffering, now);
                    }
                    if *expired > 0 {
                        let values = Statistics::of_same(1.0, *expired);
                        self.add(stream, None, Name::UserRecordExpired, values, now);
                        self.add_errors(stream, None, "Expired", *expired, now);
                    }
                }
            }
        }
    }

    fn add_errors(
        &mut self,
        stream: &Arc<str>,
        shard: OfShard<'_>,
        code: &str,
        count: u64,
        now: u64,
    ) {
        let values = Statistics::of_same(1.0, count);
        self.add(stream, shard, MetricName::AllErrors, values, now);
        self.each_place(stream, shard, now, |group, room| group.add_code(code, values, now, room));
    }

    fn add(
        &mut self,
        stream: &Arc<str>,
        shard: OfShard<'_>,
        name: MetricName,
        values: Statistics,
        now: u64,
    ) {
        if name.level() <= self.level {
            self.each_place(stream, shard, now, |group, room| group.add(name, values, now, room));
        }
    }

    /// Counts something for all, and as far as it is wanted for its stream and its shard.
    fn each_place(
        &mut self,
        stream: &Arc<str>,
        shard: OfShard<'_>,
        now: u64,
        count: impl Fn(&mut Group, &mut Room) -> bool,
    ) {
        count(&mut self.all, &mut Room(usize::MAX));
        if self.granularity >= MetricsGranularity::Stream {
            let of_stream = self.streams.get_mut(stream);
            if !of_stream.is_some_and(|of_stream| count(&mut of_stream.own, &mut self.room)) {
                count(&mut self.other_streams, &mut Room(usize::MAX));
            }
        }
        if self.granularity >= MetricsGranularity::Shard
            && let Some(shard) = shard
        {
            let is_there = self.streams.get(stream).is_some_and(|of| of.shards.contains_key(shard));
            let has_room = is_there || self.make_room(shard.len() + PLACE_BYTES, now);
            let counted = match self.streams.get_mut(stream) {
                Some(of_stream) if has_room => {
                    let group = of_stream.shards.entry(shard.clone()).or_default();
                    count(group, &mut self.room)
                }
                _ => false,
            };
            if !counted {
                count(&mut self.other_shards, &mut Room(usize::MAX));
            }
        }
    }

    /// Takes room for a place; lets idle shards go if there is none.
    fn make_room(&mut self, bytes: usize, now: u64) -> bool {
        // Of its series, not all find room later; some should.
        let wanted = bytes + super::series::Series::BYTES_MAX;
        if self.room.0 < wanted && now >= self.looked_at + LOOK_SECONDS {
            self.looked_at = now;
            self.let_go(now);
        }
        self.room.0 >= wanted && self.room.take(bytes)
    }

    fn let_go(&mut self, now: u64) {
        let room = &mut self.room;
        for of_stream in self.streams.values_mut() {
            of_stream.shards.retain(|shard, group| {
                let is_kept = group.newest() + IDLE_SECONDS > now;
                if !is_kept {
                    room.0 += group.bytes() + shard.len() + PLACE_BYTES;
                }
                is_kept
            });
        }
    }

    /// All that was counted since the start, or in so many seconds, 1 to 60, that end with this one.
    pub(crate) fn snapshot(&self, seconds: Option<u64>, now: u64) -> Metrics {
        let window = seconds.map(|seconds| seconds.clamp(1, super::series::SECONDS_KEPT));
        let first = window.map(|window| (now + 1).saturating_sub(window));
        let mut metrics = Vec::new();
        let mut place = |group: &Group, place: Place| {
            for (name, code, series) in group.iter() {
                let statistics = match first {
                    None => Some(series.all),
                    Some(first) => series.since(first),
                };
                if let Some(statistics) = statistics {
                    let error_code = code.cloned();
                    let (place, additional) = (place.clone(), self.additional.clone());
                    metrics.push(Metric { name, place, error_code, statistics, additional });
                }
            }
        };
        let others: Arc<str> = OTHERS.into();
        place(&self.all, Place::All);
        for (stream, of_stream) in &self.streams {
            place(&of_stream.own, Place::Stream(stream.clone()));
            for (shard, group) in &of_stream.shards {
                place(group, Place::Shard(stream.clone(), shard.clone()));
            }
        }
        place(&self.other_streams, Place::Stream(others.clone()));
        place(&self.other_shards, Place::Shard(others.clone(), others));
        metrics.sort_by_key(|metric| metric.name);
        let pending = self.streams.iter().map(|(name, of)| (name.clone(), of.pending)).collect();
        Metrics {
            metrics,
            pending: if self.level == MetricsLevel::Detailed { pending } else { Vec::new() },
            granularity: self.granularity,
            additional: self.additional.clone(),
            seconds: window.unwrap_or(now.max(1)),
        }
    }

    /// What was counted since this was called before, once with each set of dimensions that it is uploaded with.
    pub(crate) fn take_fresh(&mut self) -> Vec<Metric> {
        let mut metrics = Vec::new();
        let additional = &self.additional;
        let mut take = |group: &mut Group, place: Place| {
            let sets = dimension::sets(additional, place.granularity());
            for (name, error_code, statistics) in group.take_fresh() {
                metrics.extend(sets.iter().map(|additional| {
                    let (place, error_code) = (place.clone(), error_code.clone());
                    Metric { name, place, error_code, statistics, additional: additional.clone() }
                }));
            }
        };
        let others: Arc<str> = OTHERS.into();
        take(&mut self.all, Place::All);
        for (stream, of_stream) in &mut self.streams {
            take(&mut of_stream.own, Place::Stream(stream.clone()));
            for (shard, group) in &mut of_stream.shards {
                take(group, Place::Shard(stream.clone(), shard.clone()));
            }
        }
        take(&mut self.other_streams, Place::Stream(others.clone()));
        take(&mut self.other_shards, Place::Shard(others.clone(), others));
        metrics
    }

    #[cfg(test)]
    pub(super) fn bytes_left(&self) -> usize {
        self.room.0
    }

    /// Bytes that its places and series were charged, counted again.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let of_shard =
            |(name, group): (&Arc<str>, &Group)| name.len() + PLACE_BYTES + group.bytes();
        let of_stream = |(name, of): (&Arc<str>, &OfStream)| {
            name.len()
                + PLACE_BYTES
                + of.own.bytes()
                + of.shards.iter().map(of_shard).sum::<usize>()
        };
        self.streams.iter().map(of_stream).sum()
    }
}
