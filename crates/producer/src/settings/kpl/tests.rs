use super::*;
use crate::Settings;
use std::time::Duration;

fn read_file(text: &str) -> KplSettings {
    let (settings, unknown) = KplSettings::from_properties(text.as_bytes()).expect("settings");
    assert_eq!(unknown, []);
    settings
}

fn refusal(text: &str) -> String {
    KplSettings::from_properties(text.as_bytes()).expect_err("refused").to_string()
}

#[test]
fn defaults_are_in_their_ranges() {
    assert_eq!(KplSettings::default().check(), Ok(()));
    assert_eq!(Settings::from(&KplSettings::default()), Settings::default());
}

#[test]
fn a_file_sets_what_is_in_it() {
    let settings = read_file(
        "# ours\nRateLimit = 200\nAggregationEnabled=FALSE\nKinesisEndpoint: localhost\n\
         KinesisPort 4567\nMetricsLevel=Summary\nRateLimit=100 \n",
    );
    let expected = KplSettings {
        rate_limit: 100,
        aggregation_enabled: false,
        kinesis_endpoint: "localhost".to_owned(),
        kinesis_port: 4567,
        metrics_level: MetricsLevel::Summary,
        ..KplSettings::default()
    };
    assert!(settings == expected);
    assert_eq!(settings.kinesis_url().as_deref(), Some("https://localhost:4567"));
}

#[test]
fn what_is_wrong_is_said_with_line_name_and_range() {
    for (text, expected) in [
        (
            "CollectionMaxCount=501",
            "CollectionMaxCount must be a number from 1 to 500, not \"501\"",
        ),
        (
            "RecordTtl=soon",
            "RecordTtl must be a number from 100 to 9223372036854775807, not \"soon\"",
        ),
        ("KinesisPort=-1", "KinesisPort must be a number from 1 to 65535, not \"-1\""),
        ("FailIfThrottled=yes", "FailIfThrottled must be true or false, not \"yes\""),
        ("LogLevel=loud", "LogLevel must be trace, debug, info, warning or error, not \"loud\""),
        ("Region=EU", "Region must be small letters, digits and hyphens, not \"EU\""),
        (
            "MetricsNamespace=AWS/x",
            "MetricsNamespace must be 1 to 255 characters that do not begin with AWS/, not \"AWS/x\"",
        ),
    ] {
        assert_eq!(refusal(&format!("\n# x\n{text}\n")), format!("line 3: {expected}"));
    }
    assert!(refusal("a=1\nb=\\u1").starts_with("line 2: \\u must"));
}

#[test]
fn what_is_not_known_is_told_and_ignored() {
    let text = "RecordTTL=5\nrecordTtl=6\nRecordTtl=700\n";
    let (settings, unknown) = KplSettings::from_properties(text.as_bytes()).expect("settings");
    assert_eq!(settings.record_ttl, 700);
    let told: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    let expected =
        ["line 1: there is no setting \"RecordTTL\"", "line 2: there is no setting \"recordTtl\""];
    assert_eq!(told, expected);
}

#[test]
fn an_endpoint_may_be_a_url() {
    for (endpoint, url) in [
        ("kinesis.test", "https://kinesis.test:443"),
        ("http://127.0.0.1:4567", "http://127.0.0.1:4567"),
        ("https://kinesis.test/", "https://kinesis.test/"),
    ] {
        let settings = read_file(&format!("KinesisEndpoint={}", endpoint.replace(':', "\\:")));
        assert_eq!(settings.kinesis_url().as_deref(), Some(url));
    }
    assert_eq!(read_file("KinesisEndpoint=").kinesis_url(), None);
    for wrong in ["a:1", "a/b", "ftp://a", "http://", "http://a:0", "http://a:x", "http://a/b"] {
        assert!(refusal(&format!("KinesisEndpoint={wrong}")).contains("a host name"), "{wrong}");
    }
}

#[test]
fn what_concerns_records_reaches_the_producer() {
    let settings = Settings::from(&read_file(
        "AggregationMaxCount=7\nAggregationMaxSize=640\nCollectionMaxCount=9\n\
         CollectionMaxSize=60000\nRecordMaxBufferedTime=250\nRecordTtl=9000\nRateLimit=80\n\
         FailIfThrottled=true\nMaxConnections=3\nMaxUserRecordSize=2000\nRequestTimeout=700\n\
         AggregationEnabled=false",
    ));
    let expected = Settings {
        aggregation_enabled: false,
        aggregation_max_count: 7,
        aggregation_max_size: 640,
        collection_max_count: 9,
        collection_max_size: 60_000,
        record_max_buffered_time: Duration::from_millis(250),
        record_ttl: Some(Duration::from_secs(9)),
        rate_limit: Some(80),
        fail_if_throttled: true,
        max_connections: 3,
        max_user_record_size: 2_000,
        request_timeout: Duration::from_millis(700),
        ..Settings::default()
    };
    assert_eq!(settings, expected);
    let endless = Settings::from(&read_file(
        "RecordTtl=9223372036854775807\nRecordMaxBufferedTime=9223372036854775807\n\
         CollectionMaxSize=9223372036854775807",
    ));
    assert_eq!((endless.record_ttl, endless.collection_max_size), (None, 10 << 20));
    assert_eq!(endless.record_max_buffered_time, Duration::from_secs(60 * 60 * 24 * 365));
}

#[test]
fn each_name_is_a_setting() {
    for name in NAMES {
        assert!(name.starts_with(|first: char| first.is_ascii_uppercase()), "{name}");
        assert_ne!(KplSettings::default().set(name, "?"), Ok(false), "{name}");
    }
    assert_eq!(KplSettings::default().set("ratelimit", "5"), Ok(false));
}
