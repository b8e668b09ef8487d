use super::group::Group;
use super::{MetricName, Place, Registry};
use crate::pipeline::Fact;
use crate::settings::{MetricsGranularity, MetricsLevel};
use crate::statistics::Statistics;
use std::collections::BTreeSet;
use std::sync::Arc;

const LARGE: usize = 64 << 20;

fn registry(level: MetricsLevel, granularity: MetricsGranularity) -> Registry {
    Registry::new(level, granularity, &[], LARGE)
}

fn detailed() -> Registry {
    registry(MetricsLevel::Detailed, MetricsGranularity::Shard)
}

fn stored(shard: &str) -> Fact {
    Fact::Stored {
        shard: shard.into(),
        bytes: 100,
        data: Statistics { count: 2, sum: 50.0, min: 20.0, max: 30.0 },
        buffering: Statistics { count: 2, sum: 3.0, min: 1.0, max: 2.0 },
        retries: Statistics { count: 2, sum: 1.0, min: 0.0, max: 1.0 },
    }
}

fn refused(shard: Option<&str>, code: &str, count: u64) -> Fact {
    Fact::Refused { shard: shard.map(Into::into), code: code.into(), count }
}

impl Registry {
    fn tell(&mut self, stream: &str, facts: &[Fact], now: u64) {
        self.record(&stream.into(), facts, 7, now);
    }

    /// The dimensions, count and sum of all series of a name.
    fn found(&self, name: MetricName, seconds: Option<u64>, now: u64) -> Vec<(String, u64, f64)> {
        let metrics = self.snapshot(seconds, now);
        let of_name = metrics.iter().filter(|metric| metric.name == name);
        let line = |metric: &super::Metric| {
            let values: Vec<&str> = metric.dimensions().map(|(_, value)| value).collect();
            (values.join(" "), metric.statistics.count, metric.statistics.sum)
        };
        of_name.map(line).collect()
    }
}

#[test]
fn counts_for_all_for_streams_and_for_shards() {
    let mut registry = detailed();
    registry.tell("a", &[stored("s0"), stored("s1")], 0);
    registry.tell("b", &[stored("s0")], 1);
    let expected = [
        ("".to_owned(), 6, 6.0),
        ("a".to_owned(), 4, 4.0),
        ("a s0".to_owned(), 2, 2.0),
        ("a s1".to_owned(), 2, 2.0),
        ("b".to_owned(), 2, 2.0),
        ("b s0".to_owned(), 2, 2.0),
    ];
    assert_eq!(registry.found(MetricName::UserRecordsPut, None, 1), expected);
    let metrics = registry.snapshot(None, 1);
    let of = |name| {
        let found = metrics.iter().find(|metric| metric.name == name).expect("it is there");
        assert_eq!(found.place, Place::All);
        let Statistics { count, sum, min, max } = found.statistics;
        (count, sum, min, max)
    };
    assert_eq!(of(MetricName::UserRecordsDataPut), (6, 150.0, 20.0, 30.0));
    assert_eq!(of(MetricName::KinesisRecordsPut), (3, 3.0, 1.0, 1.0));
    assert_eq!(of(MetricName::KinesisRecordsDataPut), (3, 300.0, 100.0, 100.0));
    assert_eq!(of(MetricName::UserRecordsPerKinesisRecord), (3, 6.0, 2.0, 2.0));
    assert_eq!(of(MetricName::BufferingTime), (6, 9.0, 1.0, 2.0));
    assert_eq!(of(MetricName::RetriesPerRecord), (6, 3.0, 0.0, 1.0));
    assert_eq!(of(MetricName::UserRecordsPending), (2, 14.0, 7.0, 7.0));
}

#[test]
fn failures_are_values_of_zero_and_errors_have_codes() {
    let mut registry = detailed();
    let failed = Fact::Failed {
        count: 3,
        expired: 2,
        retries: Statistics::of_same(1.0, 3),
        buffering: None,
    };
    registry.tell("a", &[refused(Some("s0"), "Slow", 4), refused(None, "Gone", 1), failed], 0);
    let all = |name| registry.found(name, None, 0).remove(0);
    assert_eq!(all(MetricName::UserRecordsPut), (String::new(), 3, 0.0));
    assert_eq!(all(MetricName::KinesisRecordsPut), (String::new(), 5, 0.0));
    assert_eq!(all(MetricName::UserRecordExpired), (String::new(), 2, 2.0));
    assert_eq!(all(MetricName::AllErrors), (String::new(), 7, 7.0));
    let codes: Vec<String> = registry
        .found(MetricName::ErrorsByCode, None, 0)
        .into_iter()
        .map(|(dimensions, _, sum)| format!("{dimensions}={sum}"))
        .collect();
    let expected = ["Expired=2", "Gone=1", "Slow=4", "a Expired=2", "a Gone=1", "a Slow=4"];
    assert_eq!(codes[..6], expected);
    assert_eq!(codes[6..], ["a s0 Slow=4"]);
}

#[test]
fn requests_are_counted() {
    let mut registry = registry(MetricsLevel::Detailed, MetricsGranularity::Global);
    let request = Fact::Request { millis: 2.5, kinesis_records: 3, user_records: 40 };
    registry.tell("a", &[Fact::Received(40), request], 0);
    let found = |name| registry.found(name, None, 0);
    assert_eq!(found(MetricName::UserRecordsReceived), [(String::new(), 40, 40.0)]);
    assert_eq!(found(MetricName::RequestTime), [(String::new(), 1, 2.5)]);
    assert_eq!(found(MetricName::KinesisRecordsPerPutRecordsRequest), [(String::new(), 1, 3.0)]);
    assert_eq!(found(MetricName::UserRecordsPerPutRecordsRequest), [(String::new(), 1, 40.0)]);
}

#[test]
fn a_window_ends() {
    let mut registry = registry(MetricsLevel::Detailed, MetricsGranularity::Global);
    for second in 0..100 {
        registry.tell("a", &[Fact::Received(1)], second);
    }
    let sum = |seconds, now| {
        let found = registry.found(MetricName::UserRecordsReceived, seconds, now);
        found.first().map(|(_, _, sum)| *sum)
    };
    assert_eq!(sum(None, 99), Some(100.0));
    assert_eq!((sum(Some(1), 99), sum(Some(10), 99)), (Some(1.0), Some(10.0)));
    assert_eq!((sum(Some(10), 104), sum(Some(10), 109)), (Some(5.0), None));
    assert_eq!((sum(Some(1_000), 99), sum(Some(0), 99)), (Some(60.0), Some(1.0)));
}

#[test]
fn the_level_decides_what_is_counted() {
    for (level, put, received) in [
        (MetricsLevel::None, false, false),
        (MetricsLevel::Summary, true, false),
        (MetricsLevel::Detailed, true, true),
    ] {
        let mut registry = registry(level, MetricsGranularity::Shard);
        registry.tell("a", &[Fact::Received(1), stored("s0")], 0);
        let is_counted = |name| !registry.found(name, None, 0).is_empty();
        assert_eq!(is_counted(MetricName::UserRecordsPut), put, "{level:?}");
        assert_eq!(is_counted(MetricName::UserRecordsReceived), received, "{level:?}");
    }
}

#[test]
fn memory_is_bounded_and_what_finds_no_room_is_counted_with_the_others() {
    const BYTES: usize = 1 << 20;
    let mut registry = Registry::new(MetricsLevel::Detailed, MetricsGranularity::Shard, &[], BYTES);
    for number in 0..500 {
        let facts = [stored(&format!("shard-{number}")), refused(None, &format!("C{number}"), 1)];
        registry.tell(&format!("stream-{}", number % 100), &facts, 0);
        assert_eq!(registry.bytes() + registry.bytes_left(), BYTES);
    }
    let found = registry.found(MetricName::UserRecordsPut, None, 0);
    let sum = |words: usize| {
        let of_place = found.iter().filter(|(place, ..)| place.split_whitespace().count() == words);
        of_place.map(|(_, _, sum)| sum).sum::<f64>()
    };
    assert_eq!((sum(0), sum(1), sum(2)), (1_000.0, 1_000.0, 1_000.0));
    assert!(found.iter().any(|(place, ..)| place == "(others)"));
    assert!(found.iter().any(|(place, ..)| place == "(others) (others)"));
    let errors = registry.found(MetricName::ErrorsByCode, None, 0);
    assert_eq!(errors.iter().find(|(code, ..)| code == "(others)").map(|one| one.2), Some(468.0));
    const { assert!(3 * Group::BYTES_MAX < 1 << 20) };
}

#[test]
fn idle_shards_make_room_for_new_ones() {
    let mut registry =
        Registry::new(MetricsLevel::Detailed, MetricsGranularity::Shard, &[], 256 << 10);
    let shards = |registry: &Registry, now| -> BTreeSet<String> {
        let found = registry.found(MetricName::UserRecordsPut, None, now);
        found.into_iter().map(|(place, ..)| place).collect()
    };
    for number in 0..100 {
        registry.tell("a", &[stored(&format!("old-{number}"))], 0);
    }
    registry.tell("a", &[stored("busy")], 800);
    registry.tell("a", &[stored("old-0")], 899);
    assert!(shards(&registry, 899).contains("a old-1"));
    registry.tell("a", &[stored("new")], 960);
    let left = shards(&registry, 960);
    assert!(left.contains("a new") && left.contains("a old-0"), "{left:?}");
    assert!(!left.contains("a old-1"), "{left:?}");
}

#[test]
fn prometheus_has_each_family_once_and_counts_nothing_twice() {
    let mut registry = detailed();
    let facts = [
        Fact::Received(5),
        Fact::Request { millis: 250.0, kinesis_records: 2, user_records: 5 },
        stored("s0"),
        refused(Some("s0"), "a\"b\\c\nd", 2),
    ];
    registry.tell("a", &facts, 0);
    let text = registry.snapshot(None, 0).to_prometheus();
    let lines: Vec<&str> = text.lines().collect();
    for line in [
        "# TYPE anabranch_producer_user_records_received_total counter",
        "anabranch_producer_user_records_received_total{stream=\"a\"} 5",
        "anabranch_producer_shard_user_records_put_total{stream=\"a\",shard=\"s0\"} 2",
        "anabranch_producer_kinesis_records_failed_total{stream=\"a\"} 2",
        "anabranch_producer_errors_total{stream=\"a\",code=\"a\\\"b\\\\c\\nd\"} 2",
        "anabranch_producer_request_time_seconds_sum{stream=\"a\"} 0.25",
        "anabranch_producer_request_time_seconds_count{stream=\"a\"} 1",
        "anabranch_producer_user_records_pending{stream=\"a\"} 7",
    ] {
        assert!(lines.contains(&line), "{line} is not in {text}");
    }
    check_exposition(&text);
    let mut global = self::registry(MetricsLevel::Detailed, MetricsGranularity::Global);
    global.tell("a", &facts, 0);
    let text = global.snapshot(None, 0).to_prometheus();
    assert!(text.contains("\nanabranch_producer_user_records_received_total 5\n"), "{text}");
    check_exposition(&text);
}

/// What Prometheus takes: a type before the samples of each family, families in one piece, no series twice, no
/// timestamps, no empty lines, values that are numbers.
fn check_exposition(text: &str) {
    let (mut families, mut series) = (BTreeSet::new(), BTreeSet::new());
    let mut family: (String, String) = Default::default();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a kind");
            assert!(families.insert(name.to_owned()), "{name} twice");
            assert!(kind == "counter" || kind == "summary" || kind == "gauge");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            family = (name.to_owned(), kind.to_owned());
        } else if !line.starts_with("# HELP ") {
            let (of, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
            assert!(series.insert(of.to_owned()), "{of} twice");
            let name = of.split('{').next().expect("a name");
            let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
            assert!(name.chars().all(is_name), "{name}");
            let suffix = name.strip_prefix(&*family.0).expect("it is of the family");
            let suffixes: &[&str] = if family.1 == "summary" { &["_sum", "_count"] } else { &[""] };
            assert!(suffixes.contains(&suffix), "{name}");
            let labels: Arc<str> = of[name.len()..].into();
            assert!(labels.is_empty() || (labels.starts_with('{') && labels.ends_with("\"}")));
        }
    }
    assert!(text.ends_with('\n') && !text.contains("\n\n") && !text.contains('\r'));
}

#[test]
fn what_is_taken_for_an_upload_is_taken_once() {
    let mut registry = detailed();
    registry.tell("a", &[stored("s0"), refused(Some("s0"), "code", 2)], 0);
    let all = registry.snapshot(None, 0);
    let sorted = |mut metrics: Vec<super::Metric>| {
        metrics.sort_by(|a, b| {
            (a.name, &a.place, &a.error_code).cmp(&(b.name, &b.place, &b.error_code))
        });
        metrics
    };
    assert_eq!(sorted(registry.take_fresh()), sorted(all.iter().cloned().collect()));
    assert_eq!(registry.take_fresh(), []);
    registry.tell("a", &[stored("s1")], 100);
    let fresh = registry.take_fresh();
    let put = |metric: &&super::Metric| metric.name == MetricName::UserRecordsPut;
    let counts: Vec<u64> = fresh.iter().filter(put).map(|metric| metric.statistics.count).collect();
    assert_eq!(counts, [2, 2, 2], "of all, of the stream, of the shard");
    assert_eq!(
        registry.snapshot(None, 100).iter().find(put).map(|metric| metric.statistics.count),
        Some(4)
    );
}

#[test]
fn dimensions_of_the_users_own_are_of_their_places() {
    use MetricsGranularity::{Global, Shard, Stream};
    let one = |name: &str, granularity| {
        crate::settings::AdditionalDimension::new(name, "v\"", granularity).expect("a dimension")
    };
    let additional = [one("Host name", Global), one("code", Stream), one("Rack", Shard)];
    let mut registry = Registry::new(MetricsLevel::Detailed, Shard, &additional, LARGE);
    registry.tell("a", &[Fact::Received(5), stored("s0")], 0);
    let metrics = registry.snapshot(None, 0);
    let names =
        |metric: &super::Metric| metric.dimensions().map(|(name, _)| name.to_owned()).collect();
    let put = |metric: &&super::Metric| metric.name == MetricName::UserRecordsPut;
    let found: Vec<Vec<String>> = metrics.iter().filter(put).map(names).collect();
    assert_eq!(
        found,
        [
            vec!["Host name"],
            vec!["StreamName", "Host name", "code"],
            vec!["StreamName", "ShardId", "Host name", "code", "Rack"],
        ]
    );
    let uploaded = registry.take_fresh();
    let uploaded: Vec<Vec<String>> = uploaded.iter().filter(put).map(names).collect();
    assert_eq!(
        uploaded,
        [
            vec![],
            vec!["Host name"],
            vec!["StreamName", "Host name"],
            vec!["StreamName", "Host name", "code"],
            vec!["StreamName", "ShardId", "Host name", "code"],
            vec!["StreamName", "ShardId", "Host name", "code", "Rack"],
        ]
    );
    let text = metrics.to_prometheus();
    check_exposition(&text);
    let line = "anabranch_producer_user_records_received_total{stream=\"a\",Host_name=\"v\\\"\",dimension_code=\"v\\\"\"} 5\n";
    assert!(text.contains(line), "{text}");
}
