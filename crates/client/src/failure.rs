//! What a failed call means: what to do next, and whether the service can have seen it.

use std::error::Error as StdError;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};

use crate::transport::Unanswered;

/// Codes with which the service asks for less, in a while.
const THROTTLING: &[&str] = &[
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
    "KMSThrottlingException",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "BandwidthLimitExceeded",
    "SlowDown",
];

/// Codes with which the service asks for the same again, whatever the status.
const TRANSIENT: &[&str] = &[
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "InternalFailureException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "RequestTimeout",
    "RequestTimeoutException",
];

/// What is known of a call's way to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Proven: no byte of it has left. Sending it again makes no duplicate.
    NotSent,
    /// There was no answer: the service may have done it, in part or as a whole.
    MaybeSent,
    /// The service answered, and said that it failed. If the SDK had sent the call more than once, this
    /// is of the last time.
    Answered,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The service asks for less: back off, then send again.
    Throttled {
        /// The service's code.
        code: String,
        /// The service's words, which may be none.
        message: String,
    },
    /// The service answered with another error.
    Service {
        /// The service's code, `Unknown` if it gave none.
        code: String,
        /// The service's words, which may be none.
        message: String,
        /// The HTTP status.
        status: u16,
        /// Whether the same call may succeed later with nothing mended.
        is_retryable: bool,
    },
    /// There was no connection: refused, no such name, no way, no TLS, a proxy that refused.
    NotReached {
        /// The errors, outermost first.
        cause: String,
        /// [`Sent::NotSent`], but [`Sent::MaybeSent`] after an earlier attempt of the SDK's.
        sent: Sent,
    },
    /// A limit of time was reached.
    TimedOut {
        /// The errors, outermost first.
        cause: String,
        /// [`Sent::NotSent`] if there was no connection yet.
        sent: Sent,
    },
    /// The connection broke, or what came is no answer.
    Broken {
        /// The errors, outermost first.
        cause: String,
    },
    /// There are no credentials to sign with, for now.
    NoCredentials {
        /// The errors, outermost first.
        cause: String,
        /// [`Sent::NotSent`], but [`Sent::MaybeSent`] of a client that retries.
        sent: Sent,
    },
    /// The call could not be made: a parameter is missing or cannot be written.
    NotMade {
        /// The errors, outermost first.
        cause: String,
    },
}

impl Failure {
    /// What an error of a client of [`crate::Connection`] means. `retries` is whether the SDK may have sent the call
    /// before.
    pub fn of<E>(error: &SdkError<E, HttpResponse>, retries: bool) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        match error {
            SdkError::ServiceError(service) => {
                of_answer(service.err(), service.raw().status().as_u16())
            }
            // Serialization comes before any attempt.
            SdkError::ConstructionFailure(_) => Self::NotMade { cause: causes(error) },
            SdkError::TimeoutError(_) => {
                Self::TimedOut { cause: causes(error), sent: Sent::MaybeSent }
            }
            SdkError::DispatchFailure(_) => without_answer(error, retries),
            SdkError::ResponseError(response) => {
                of_strange_answer(response.raw().status().as_u16(), causes(error))
            }
            _ => Self::Broken { cause: causes(error) },
        }
    }

    /// Whether anything of it was sent.
    pub fn sent(&self) -> Sent {
        match self {
            Self::Throttled { .. } | Self::Service { .. } => Sent::Answered,
            Self::NotReached { sent, .. }
            | Self::TimedOut { sent, .. }
            | Self::NoCredentials { sent, .. } => *sent,
            Self::Broken { .. } => Sent::MaybeSent,
            Self::NotMade { .. } => Sent::NotSent,
        }
    }

    /// Whether the same call may succeed later with nothing mended.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Service { is_retryable, .. } => *is_retryable,
            Self::NotMade { .. } => false,
            Self::Throttled { .. }
            | Self::NotReached { .. }
            | Self::TimedOut { .. }
            | Self::Broken { .. }
            | Self::NoCredentials { .. } => true,
        }
    }

    /// The service's code, if it answered.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Throttled { code, .. } | Self::Service { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether the service was not reached at all, or did not answer in time.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::NotReached { .. } | Self::TimedOut { .. } | Self::Broken { .. })
    }
}

/// The facts alone: `CODE: message`, or the errors.
impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throttled { code, message } | Self::Service { code, message, .. } => {
                formatter.write_str(code)?;
                if message.is_empty() { Ok(()) } else { write!(formatter, ": {message}") }
            }
            Self::NotReached { cause, .. }
            | Self::TimedOut { cause, .. }
            | Self::Broken { cause }
            | Self::NoCredentials { cause, .. }
            | Self::NotMade { cause } => formatter.write_str(cause),
        }
    }
}

impl StdError for Failure {}

fn of_answer(error: &impl ProvideErrorMetadata, status: u16) -> Failure {
    let code = error.code().unwrap_or("Unknown").to_owned();
    let message = error.message().unwrap_or_default().to_owned();
    if THROTTLING.contains(&code.as_str()) || status == 429 {
        return Failure::Throttled { code, message };
    }
    let is_retryable = status >= 500 || TRANSIENT.contains(&code.as_str());
    Failure::Service { code, message, status, is_retryable }
}

/// An answer that is not the service's, but that of something between, or half of one.
fn of_strange_answer(status: u16, cause: String) -> Failure {
    let code = format!("HTTP {status}");
    let message = "not an answer of the service".to_owned();
    match status {
        429 => Failure::Throttled { code, message },
        // 408 and 5xx may come from a gateway that has passed the request on.
        400..=499 if status != 408 => {
            Failure::Service { code, message, status, is_retryable: false }
        }
        200..=299 => Failure::Broken { cause },
        _ => Failure::Broken { cause: format!("{code}, {message}: {cause}") },
    }
}

fn without_answer(error: &(dyn StdError + 'static), retries: bool) -> Failure {
    let cause = causes(error);
    let chain = || std::iter::successors(Some(error), |&error| error.source());
    if let Some(unanswered) = chain().find_map(|cause| cause.downcast_ref::<Unanswered>()) {
        let sent = if unanswered.unsent { Sent::NotSent } else { Sent::MaybeSent };
        return match unanswered {
            Unanswered { timed_out: true, .. } => Failure::TimedOut { cause, sent },
            Unanswered { is_connecting: true, .. } => Failure::NotReached { cause, sent },
            _ => Failure::Broken { cause },
        };
    }
    if chain().any(|cause| cause.is::<CredentialsError>()) {
        let sent = if retries { Sent::MaybeSent } else { Sent::NotSent };
        return Failure::NoCredentials { cause, sent };
    }
    Failure::Broken { cause }
}

/// The messages of an error and its causes, without the repetitions that wrappers make.
fn causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_sdk_kinesis::error::ErrorMetadata;
    use aws_sdk_kinesis::operation::list_streams::ListStreamsError;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    type ListError = SdkError<ListStreamsError, HttpResponse>;

    #[test]
    fn codes_say_what_helps() {
        let told = |status: u16, code: &str| {
            let answer = HttpResponse::new(status.try_into().expect("a status"), "".into());
            let metadata = ErrorMetadata::builder().code(code).build();
            let error = ListError::service_error(ListStreamsError::generic(metadata), answer);
            let failure = Failure::of(&error, false);
            let is_throttled = matches!(failure, Failure::Throttled { .. });
            (is_throttled, failure.is_retryable())
        };
        for code in THROTTLING {
            assert_eq!(told(400, code), (true, true), "{code}");
        }
        for code in TRANSIENT {
            assert_eq!(told(400, code), (false, true), "{code}");
        }
        for code in ["InternalFailure", "Unheard"] {
            assert_eq!(told(500, code), (false, true), "{code}");
        }
        for code in
            ["ResourceNotFoundException", "AccessDeniedException", "ExpiredIteratorException"]
        {
            assert_eq!(told(400, code), (false, false), "{code}");
        }
    }

    #[test]
    fn a_call_that_was_not_made_sent_nothing() {
        let failure = Failure::of(&ListError::construction_failure("a field is missing"), true);
        assert_eq!((failure.sent(), failure.is_retryable()), (Sent::NotSent, false));
        assert!(failure.to_string().contains("a field is missing"), "{failure}");
    }

    #[test]
    fn without_credentials_nothing_was_sent_unless_earlier() {
        let error = || {
            let none = CredentialsError::not_loaded("none");
            ListError::dispatch_failure(ConnectorError::other(none.into(), None))
        };
        let failure = Failure::of(&error(), false);
        assert!(matches!(failure, Failure::NoCredentials { .. }), "{failure:?}");
        assert_eq!(failure.sent(), Sent::NotSent);
        assert_eq!(Failure::of(&error(), true).sent(), Sent::MaybeSent);
    }

    #[test]
    fn what_is_not_known_may_have_been_sent() {
        let timeout = ListError::timeout_error("late");
        assert_eq!(Failure::of(&timeout, false).sent(), Sent::MaybeSent);
        let other = ListError::dispatch_failure(ConnectorError::io("refused?".into()));
        assert_eq!(Failure::of(&other, false).sent(), Sent::MaybeSent);
    }
}
