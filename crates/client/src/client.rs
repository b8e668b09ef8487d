//! The SDK's client, with what a person is told about it.

use std::error::Error as StdError;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use thiserror::Error;

use crate::failure::Failure;

/// A client of one endpoint: the SDK's, which it derefs to. Clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    sdk: aws_sdk_kinesis::Client,
    endpoint: Arc<str>,
    hint: Arc<str>,
    retries: bool,
}

/// One line for a person: the service's code and message, or why it could not be reached.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Explanation(String);

impl Client {
    pub(crate) fn new(
        sdk: aws_sdk_kinesis::Client,
        endpoint: &str,
        hint: &str,
        retries: bool,
    ) -> Self {
        Self { sdk, endpoint: endpoint.into(), hint: hint.into(), retries }
    }

    /// A client that a program has made by itself. Of its calls, less is proven: what found no connection
    /// may count as sent.
    pub fn from_sdk(sdk: aws_sdk_kinesis::Client) -> Self {
        let retries = sdk.config().retry_config().is_none_or(|config| config.max_attempts() > 1);
        Self { sdk, endpoint: "the endpoint".into(), hint: "".into(), retries }
    }

    /// The same client, whose calls are tried once and given up after so long. It shares the connections.
    #[must_use]
    pub fn trying_once(&self, timeout: Duration) -> Self {
        // The limits that are not named stay as they are.
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(timeout).build();
        let config = self.sdk.config().to_builder();
        let config = config.retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        let sdk = aws_sdk_kinesis::Client::from_conf(config.build());
        Self { sdk, retries: false, ..self.clone() }
    }

    /// The URL of the endpoint, or `Amazon's endpoint`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What an error of a call of this client means. A call that was customized to retry must not
    /// come here from a client that does not.
    pub fn failure<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        Failure::of(error, self.retries)
    }

    /// An error as one line for a person.
    pub fn explain<E>(&self, error: &SdkError<E, HttpResponse>) -> Explanation
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let failure = self.failure(error);
        let endpoint = &self.endpoint;
        Explanation(match failure {
            Failure::Throttled { .. } | Failure::Service { .. } => failure.to_string(),
            _ if failure.is_out_of_reach() && self.hint.is_empty() => {
                format!("cannot reach {endpoint}: {failure}")
            }
            _ if failure.is_out_of_reach() => {
                format!("cannot reach {endpoint} ({}): {failure}", self.hint)
            }
            Failure::NoCredentials { .. } => format!(
                "no credentials for {endpoint} (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a \
                 profile): {failure}"
            ),
            _ => format!("{endpoint}: {failure}"),
        })
    }
}

impl Deref for Client {
    type Target = aws_sdk_kinesis::Client;

    fn deref(&self) -> &Self::Target {
        &self.sdk
    }
}
