//! Why a call has no result.

use anyhow::anyhow;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};

/// Why a call has no result.
#[derive(Debug)]
pub enum Failure {
    /// There was no answer: the server is gone, or going.
    Broken(String),
    /// The service refused it.
    Service { code: String, message: String },
}

impl Failure {
    pub fn has_code(&self, wanted: &str) -> bool {
        matches!(self, Self::Service { code, .. } if code == wanted)
    }

    /// An answer that makes no sense.
    pub fn invalid(error: &anyhow::Error) -> Self {
        Self::Service { code: "answer".to_owned(), message: format!("{error:#}") }
    }

    pub fn into_error(self) -> anyhow::Error {
        match self {
            Self::Broken(text) => anyhow!("no answer: {text}"),
            Self::Service { code, message } => anyhow!("unexpected {code}: {message}"),
        }
    }
}

/// What an error of a client without retries means.
pub fn failure<E, R>(error: SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    if let SdkError::ServiceError(service) = &error {
        let code = service.err().code().unwrap_or("error without a code").to_owned();
        let message = service.err().message().unwrap_or_default().to_owned();
        // What a server says that is stopping.
        if !code.starts_with("ServiceUnavailable") {
            return Failure::Service { code, message };
        }
    }
    Failure::Broken(format!("{:#}", anyhow::Error::from(error)))
}
