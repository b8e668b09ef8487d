//! Uploads to CloudWatch.

use super::name::MetricUnit;
use super::sink::MetricsSink;
use super::snapshot::Metric;
use super::upload::{Upload, UploadError};
use anabranch_client::{Failure, Sent};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};
use aws_smithy_types::DateTime;
use std::pin::Pin;

/// CloudWatch, or what answers like it.
#[derive(Clone, Debug)]
pub struct CloudWatch {
    client: Client,
    namespace: String,
}

impl CloudWatch {
    /// In this namespace, `KinesisProducerLibrary` in the Kinesis Producer Library. The client is
    /// [`anabranch_client::Connection::cloudwatch`]'s, of a connection without retries.
    pub fn new(client: Client, namespace: impl Into<String>) -> Self {
        Self { client, namespace: namespace.into() }
    }
}

impl MetricsSink for CloudWatch {
    fn put<'a>(
        &'a self,
        upload: &'a Upload,
    ) -> Pin<Box<dyn Future<Output = Result<(), UploadError>> + Send + 'a>> {
        Box::pin(async move {
            let data = upload.metrics.iter().map(|metric| datum(metric, upload.at_ms)).collect();
            let put = self.client.put_metric_data().namespace(&self.namespace);
            let put = put.set_metric_data(Some(data));
            let sent = put.send().await;
            sent.map(|_| ()).map_err(|error| why(&Failure::of(&error, false)))
        })
    }
}

/// Codes of those who may not do it. Credentials and permissions may be given later. The status does not tell: in some
/// protocols it is 400 for these too.
const NOT_ALLOWED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

fn why(failure: &Failure) -> UploadError {
    let text = failure.to_string();
    match failure {
        // The service is in trouble, and may have taken it.
        Failure::Service { is_retryable: true, .. } => UploadError::Unknown(text),
        Failure::Service { code, .. } if NOT_ALLOWED.contains(&&**code) => {
            UploadError::NotNow(text)
        }
        Failure::Service { status: 401 | 403, .. } => UploadError::NotNow(text),
        Failure::Service { status: 400..=499, .. } | Failure::NotMade { .. } => {
            UploadError::Never(text)
        }
        _ if failure.sent() == Sent::MaybeSent => UploadError::Unknown(text),
        _ => UploadError::NotNow(text),
    }
}

/// Bytes of a dimension's value: CloudWatch's bound.
const VALUE_BYTES_MAX: usize = 1_024;

/// A value as CloudWatch takes it. Names of streams are what callers put to, and codes what a service answered: one that
/// is refused would take all metrics of its request with it.
fn value_of(text: &str) -> String {
    let characters = text.chars().take(VALUE_BYTES_MAX);
    let value: String =
        characters.map(|one| if (' '..='~').contains(&one) { one } else { '?' }).collect();
    if value.trim().is_empty() { "(empty)".to_owned() } else { value }
}

fn datum(metric: &Metric, at_ms: u64) -> MetricDatum {
    let dimensions = metric
        .dimensions()
        .map(|(name, value)| Dimension::builder().name(name).value(value_of(value)).build());
    let values = metric.statistics;
    let set = StatisticSet::builder()
        .sample_count(values.count as f64)
        .sum(values.sum)
        .minimum(values.min)
        .maximum(values.max);
    let unit = match metric.name.unit() {
        MetricUnit::Count => StandardUnit::Count,
        MetricUnit::Bytes => StandardUnit::Bytes,
        MetricUnit::Milliseconds => StandardUnit::Milliseconds,
    };
    MetricDatum::builder()
        .metric_name(metric.name.as_str())
        .set_dimensions(Some(dimensions.collect()))
        .timestamp(DateTime::from_millis(i64::try_from(at_ms).unwrap_or(i64::MAX)))
        .statistic_values(set.build())
        .unit(unit)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(status: u16, code: &str, is_retryable: bool) -> UploadError {
        let (code, message) = (code.to_owned(), String::new());
        why(&Failure::Service { code, message, status, is_retryable })
    }

    #[test]
    fn values_are_such_as_the_service_takes() {
        assert_eq!(value_of("a stream ~"), "a stream ~");
        assert_eq!(value_of("\u{e4}b\nc\u{7f}"), "?b?c?");
        assert_eq!((value_of(""), value_of("  ")), ("(empty)".to_owned(), "(empty)".to_owned()));
        assert_eq!(value_of(&"\u{e4}".repeat(2_000)).len(), VALUE_BYTES_MAX);
    }

    #[test]
    fn what_the_service_refuses_for_good_is_not_sent_again() {
        for (status, code) in [(400, "InvalidParameterValue"), (404, "Unknown"), (413, "Unknown")] {
            let error = service(status, code, false);
            assert!(matches!(error, UploadError::Never(_)), "{status} {code}: {error:?}");
        }
        let error = why(&Failure::NotMade { cause: String::new() });
        assert!(matches!(error, UploadError::Never(_)), "{error:?}");
    }

    #[test]
    fn what_waits_for_credentials_permission_or_a_way_is_sent_again() {
        for (status, code) in
            [(403, "Unknown"), (400, "ExpiredTokenException"), (400, "AccessDenied")]
        {
            let error = service(status, code, false);
            assert!(matches!(error, UploadError::NotNow(_)), "{status} {code}: {error:?}");
        }
        let (cause, sent) = (String::new(), Sent::NotSent);
        for failure in [
            Failure::Throttled { code: "Throttling".to_owned(), message: String::new() },
            Failure::NotReached { cause: cause.clone(), sent },
            Failure::TimedOut { cause: cause.clone(), sent },
            Failure::NoCredentials { cause, sent },
        ] {
            let error = why(&failure);
            assert!(matches!(error, UploadError::NotNow(_)), "{failure:?}: {error:?}");
        }
    }

    #[test]
    fn what_may_have_been_taken_is_not_sent_again() {
        let cause = String::new();
        for failure in [
            Failure::Broken { cause: cause.clone() },
            Failure::TimedOut { cause, sent: Sent::MaybeSent },
        ] {
            assert!(matches!(why(&failure), UploadError::Unknown(_)), "{failure:?}");
        }
        assert!(matches!(service(500, "InternalFailure", true), UploadError::Unknown(_)));
    }
}
