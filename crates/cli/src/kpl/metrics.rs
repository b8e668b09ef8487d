//! What the Java half can ask of by `getMetrics`: counts under the Kinesis Producer Library's names, since
//! the start or of the last seconds. What needs to be known of requests is not among them, and nothing is
//! uploaded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anabranch_producer::{MetricsGranularity, MetricsLevel, PutError, PutErrorKind, Stored};

use super::messages::{Dimension, Metric, MetricsRequest, MetricsResponse, Stats};

/// Seconds that are kept one by one.
const SECONDS_KEPT: u64 = 60;
/// Series at most. Those of further streams and shards are not begun.
const SERIES_MAX: usize = 10_000;

/// Names, and whether they are of the level `summary` already.
const RECEIVED: Name = Name("UserRecordsReceived", MetricsLevel::Detailed);
const PENDING: Name = Name("UserRecordsPending", MetricsLevel::Detailed);
const PUT: Name = Name("UserRecordsPut", MetricsLevel::Summary);
const DATA_PUT: Name = Name("UserRecordsDataPut", MetricsLevel::Detailed);
const KINESIS_RECORDS: Name = Name("KinesisRecordsPut", MetricsLevel::Summary);
const ERRORS_BY_CODE: Name = Name("ErrorsByCode", MetricsLevel::Summary);
const ALL_ERRORS: Name = Name("AllErrors", MetricsLevel::Summary);
const RETRIES: Name = Name("RetriesPerRecord", MetricsLevel::Detailed);
const EXPIRED: Name = Name("UserRecordExpired", MetricsLevel::Summary);
const BUFFERING: Name = Name("BufferingTime", MetricsLevel::Summary);

#[derive(Clone, Copy, Debug)]
struct Name(&'static str, MetricsLevel);

/// What a series is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    name: &'static str,
    stream: Option<Arc<str>>,
    shard: Option<Arc<str>>,
    code: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
}

#[derive(Debug)]
struct Series {
    all: Sample,
    /// By seconds since the start, the oldest first.
    recent: VecDeque<(u64, Sample)>,
}

/// Counts of one child. Times are those since its start.
#[derive(Debug)]
pub(super) struct Metrics {
    level: MetricsLevel,
    granularity: MetricsGranularity,
    series: BTreeMap<Key, Series>,
    pending: u64,
}

impl Metrics {
    pub(super) fn new(level: MetricsLevel, granularity: MetricsGranularity) -> Self {
        Self { level, granularity, series: BTreeMap::new(), pending: 0 }
    }

    /// A record came.
    pub(super) fn on_received(&mut self, stream: &Arc<str>, at: Duration) {
        self.pending += 1;
        self.count(RECEIVED, Some(stream), None, None, 1.0, at);
        self.count(PENDING, None, None, None, self.pending as f64, at);
    }

    /// A record of so many bytes of data has a result.
    pub(super) fn on_result(
        &mut self,
        stream: &Arc<str>,
        bytes: usize,
        outcome: &Result<Stored, PutError>,
        at: Duration,
    ) {
        self.pending = self.pending.saturating_sub(1);
        let (attempts, shard, count) = match outcome {
            Ok(stored) => {
                let shard = Arc::<str>::from(stored.shard_id());
                (stored.attempts(), Some(shard), stored.attempt_count())
            }
            Err(error) => (error.attempts.clone(), None, error.attempt_count),
        };
        let (shard, count) = (shard.as_ref(), f64::from(count));
        let stream = Some(stream);
        self.count(PUT, stream, shard, None, f64::from(u8::from(outcome.is_ok())), at);
        self.count(RETRIES, stream, shard, None, (count - 1.0).max(0.0), at);
        if let Ok(stored) = outcome {
            self.count(DATA_PUT, stream, shard, None, bytes as f64, at);
            // Each stored record has one user record that is its first.
            if stored.sub_sequence_number().is_none_or(|number| number == 0) {
                self.count(KINESIS_RECORDS, stream, shard, None, 1.0, at);
            }
        }
        if let Some(first) = attempts.first() {
            self.count(BUFFERING, stream, shard, None, first.delay.as_secs_f64() * 1e3, at);
        }
        for (code, _) in attempts.iter().filter_map(|attempt| attempt.error.as_ref()) {
            self.count(ALL_ERRORS, stream, shard, None, 1.0, at);
            self.count(ERRORS_BY_CODE, stream, shard, Some(code), 1.0, at);
        }
        if matches!(outcome, Err(PutError { kind: PutErrorKind::Expired, .. })) {
            self.count(EXPIRED, stream, shard, None, 1.0, at);
        }
    }

    /// What was asked for.
    pub(super) fn answer(&self, request: &MetricsRequest, at: Duration) -> MetricsResponse {
        let now = at.as_secs();
        let wanted = self.series.iter().filter(|(key, _)| {
            request.name.as_deref().is_none_or(|name| name.is_empty() || name == key.name)
        });
        let metric = |(key, series): (&Key, &Series)| {
            let (sample, seconds) = match request.seconds {
                None => (Some(series.all), now.max(1)),
                Some(seconds) => {
                    let seconds = seconds.clamp(1, SECONDS_KEPT);
                    (series.since((now + 1).saturating_sub(seconds)), seconds)
                }
            };
            let stats = Some(sample?.stats());
            let name = key.name.to_owned();
            Some(Metric { name, dimensions: key.dimensions(), stats, seconds })
        };
        MetricsResponse { metrics: wanted.filter_map(metric).collect() }
    }

    /// Counts it for all, and as far as it is wanted for its stream and its shard.
    fn count(
        &mut self,
        Name(name, level): Name,
        stream: Option<&Arc<str>>,
        shard: Option<&Arc<str>>,
        code: Option<&str>,
        value: f64,
        at: Duration,
    ) {
        if self.level < level {
            return;
        }
        let key = |stream: Option<&Arc<str>>, shard: Option<&Arc<str>>| Key {
            name,
            stream: stream.cloned(),
            shard: shard.cloned(),
            code: code.map(Box::from),
        };
        self.add(key(None, None), value, at);
        if stream.is_some() && self.granularity >= MetricsGranularity::Stream {
            self.add(key(stream, None), value, at);
        }
        if shard.is_some() && self.granularity >= MetricsGranularity::Shard {
            self.add(key(stream, shard), value, at);
        }
    }

    fn add(&mut self, key: Key, value: f64, at: Duration) {
        if let Some(series) = self.series.get_mut(&key) {
            series.add(value, at.as_secs());
        } else if self.series.len() < SERIES_MAX {
            let sample = Sample::of(value);
            let recent = VecDeque::from([(at.as_secs(), sample)]);
            self.series.insert(key, Series { all: sample, recent });
        }
    }
}

impl Key {
    fn dimensions(&self) -> Vec<Dimension> {
        let dimension = |key: &str, value: Option<&str>| {
            value.map(|value| Dimension { key: key.to_owned(), value: value.to_owned() })
        };
        let all = [
            dimension("StreamName", self.stream.as_deref()),
            dimension("ShardId", self.shard.as_deref()),
            dimension("ErrorCode", self.code.as_deref()),
        ];
        all.into_iter().flatten().collect()
    }
}

impl Series {
    fn add(&mut self, value: f64, second: u64) {
        let sample = Sample::of(value);
        self.all = self.all.and(sample);
        match self.recent.back_mut() {
            Some((last, held)) if *last >= second => *held = held.and(sample),
            _ => self.recent.push_back((second, sample)),
        }
        while self.recent.front().is_some_and(|(old, _)| old + SECONDS_KEPT <= second) {
            self.recent.pop_front();
        }
    }

    fn since(&self, second: u64) -> Option<Sample> {
        let recent = self.recent.iter().filter(|(at, _)| *at >= second);
        recent.map(|(_, sample)| *sample).reduce(Sample::and)
    }
}

impl Sample {
    fn of(value: f64) -> Self {
        Self { count: 1.0, sum: value, min: value, max: value }
    }

    fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    fn stats(self) -> Stats {
        let Self { count, sum, min, max } = self;
        Stats { count, sum, mean: sum / count, min, max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(level: MetricsLevel, granularity: MetricsGranularity) -> Metrics {
        Metrics::new(level, granularity)
    }

    /// What is counted of it, as name, dimensions and sum.
    fn sums(metrics: &Metrics, name: &str, seconds: Option<u64>, now: u64) -> Vec<(String, f64)> {
        let request = MetricsRequest { name: Some(name.to_owned()), seconds };
        let answer = metrics.answer(&request, Duration::from_secs(now));
        let line = |metric: Metric| {
            let values: Vec<String> = metric.dimensions.into_iter().map(|one| one.value).collect();
            (values.join(" "), metric.stats.expect("stats").sum)
        };
        answer.metrics.into_iter().map(line).collect()
    }

    fn received(metrics: &mut Metrics, stream: &str, seconds: u64) {
        metrics.on_received(&stream.into(), Duration::from_secs(seconds));
    }

    #[test]
    fn counts_for_all_and_for_each_stream() {
        let mut metrics = metrics(MetricsLevel::Detailed, MetricsGranularity::Stream);
        received(&mut metrics, "a", 0);
        received(&mut metrics, "a", 1);
        received(&mut metrics, "b", 1);
        let expected = [(String::new(), 3.0), ("a".to_owned(), 2.0), ("b".to_owned(), 1.0)];
        assert_eq!(sums(&metrics, RECEIVED.0, None, 2), expected);
        assert_eq!(sums(&metrics, "nothing", None, 2), []);
        let all = metrics.answer(&MetricsRequest::default(), Duration::from_secs(2)).metrics;
        let pending = all.iter().find(|metric| metric.name == PENDING.0).expect("pending");
        let stats = pending.stats.expect("stats");
        assert_eq!((stats.count, stats.mean, stats.min, stats.max), (3.0, 2.0, 1.0, 3.0));
    }

    #[test]
    fn a_window_ends() {
        let mut metrics = metrics(MetricsLevel::Detailed, MetricsGranularity::Global);
        for second in 0..100 {
            received(&mut metrics, "a", second);
        }
        let sum =
            |seconds, now| sums(&metrics, RECEIVED.0, seconds, now).first().map(|(_, sum)| *sum);
        assert_eq!(sum(None, 99), Some(100.0));
        assert_eq!((sum(Some(1), 99), sum(Some(10), 99)), (Some(1.0), Some(10.0)));
        assert_eq!((sum(Some(10), 104), sum(Some(10), 109)), (Some(5.0), None));
        assert_eq!(sum(Some(1_000), 99), Some(60.0));
    }

    #[test]
    fn the_level_decides_what_is_counted() {
        for (level, is_counted) in [
            (MetricsLevel::None, false),
            (MetricsLevel::Summary, false),
            (MetricsLevel::Detailed, true),
        ] {
            let mut metrics = metrics(level, MetricsGranularity::Shard);
            received(&mut metrics, "a", 0);
            assert_eq!(!sums(&metrics, RECEIVED.0, None, 0).is_empty(), is_counted, "{level:?}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut metrics = metrics(MetricsLevel::Detailed, MetricsGranularity::Shard);
        for stream in 0..SERIES_MAX + 10 {
            received(&mut metrics, &stream.to_string(), 0);
        }
        assert_eq!(metrics.series.len(), SERIES_MAX);
    }
}
