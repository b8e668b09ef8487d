//! The Java half's configuration as settings. Their ranges are checked again.

use anabranch_producer::{AdditionalDimension, KplSettings, MetricsGranularity, WrongSetting};

use super::messages::{self, Configuration};

/// The settings that a message has; the others are the defaults.
pub(super) fn settings(message: &Configuration) -> Result<KplSettings, WrongSetting> {
    let mut settings = KplSettings::default();
    macro_rules! take {
        ($($field:ident)+) => {
            $(if let Some(value) = &message.$field { settings.$field = value.clone(); })+
        };
    }
    take! {
        aggregation_enabled aggregation_max_count aggregation_max_size
        cloudwatch_endpoint cloudwatch_port collection_max_count collection_max_size
        connect_timeout enable_core_dumps fail_if_throttled kinesis_endpoint kinesis_port
        max_connections metrics_namespace metrics_upload_delay min_connections rate_limit
        record_max_buffered_time record_ttl region request_timeout verify_certificate
        proxy_host proxy_port proxy_user_name proxy_password
    }
    for (name, word) in [
        ("LogLevel", &message.log_level),
        ("MetricsGranularity", &message.metrics_granularity),
        ("MetricsLevel", &message.metrics_level),
    ] {
        // Every field is set, if only to nothing.
        if let Some(word) = word.as_deref().filter(|word| !word.is_empty()) {
            settings.set(name, word)?;
        }
    }
    settings.check()?;
    // The Java half has refused what is larger than its own setting, which it does not hand on.
    settings.max_user_record_size = RECORD_BYTES_MAX;
    Ok(settings)
}

/// The dimensions that the user has added to metrics. Those that cannot be are logged and left out: metrics keep no
/// records from being stored.
pub(super) fn dimensions(message: &Configuration) -> Vec<AdditionalDimension> {
    let dimension = |one: &messages::AdditionalDimension| {
        let granularity = match one.granularity.as_str() {
            "global" => MetricsGranularity::Global,
            "stream" => MetricsGranularity::Stream,
            "shard" => MetricsGranularity::Shard,
            other => {
                tracing::warn!(name = one.key, granularity = other, "a dimension is left out");
                return None;
            }
        };
        AdditionalDimension::new(&one.key, &one.value, granularity)
            .inspect_err(|error| tracing::warn!(%error, "a dimension is left out"))
            .ok()
    };
    message.additional_metric_dims.iter().filter_map(dimension).collect()
}

/// The largest record of any stream.
const RECORD_BYTES_MAX: u64 = 10 << 20;

#[cfg(test)]
mod tests {
    use anabranch_producer::{LogLevel, MetricsLevel};

    use super::*;

    #[test]
    fn takes_what_is_there_and_defaults_for_the_rest() {
        let message = Configuration {
            rate_limit: Some(42),
            region: Some(String::new()),
            log_level: Some("warning".to_owned()),
            metrics_level: Some(String::new()),
            kinesis_endpoint: Some("localhost".to_owned()),
            kinesis_port: Some(1),
            ..Configuration::default()
        };
        let found = settings(&message).expect("settings");
        assert_eq!(found.rate_limit, 42);
        assert_eq!(
            (found.log_level, found.metrics_level),
            (LogLevel::Warning, MetricsLevel::Detailed)
        );
        assert_eq!(found.kinesis_url().as_deref(), Some("https://localhost:1"));
        assert_eq!((found.record_ttl, found.max_user_record_size), (30_000, 10 << 20));
    }

    #[test]
    fn dimensions_that_cannot_be_are_left_out() {
        let one = |key: &str, granularity: &str| messages::AdditionalDimension {
            key: key.to_owned(),
            value: "v".to_owned(),
            granularity: granularity.to_owned(),
        };
        let given = [one("a", "global"), one("b", "region"), one("", "shard"), one("c", "shard")];
        let message =
            Configuration { additional_metric_dims: given.into(), ..Configuration::default() };
        let wanted = [("a", MetricsGranularity::Global), ("c", MetricsGranularity::Shard)];
        let wanted = wanted.map(|(name, granularity)| {
            AdditionalDimension::new(name, "v", granularity).expect("a dimension")
        });
        assert_eq!(dimensions(&message), wanted);
    }

    #[test]
    fn refuses_what_is_out_of_range() {
        let wrong = Configuration { collection_max_count: Some(501), ..Configuration::default() };
        let told = settings(&wrong).expect_err("refused").to_string();
        assert_eq!(told, "CollectionMaxCount must be a number from 1 to 500, not \"501\"");
        let wrong = Configuration { metrics_level: Some("x".into()), ..Configuration::default() };
        assert_eq!(settings(&wrong).expect_err("refused").name, "MetricsLevel");
    }
}
