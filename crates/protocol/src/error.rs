//! The one table of errors, and the bodies they are sent as.
//!
//! ```text
//! {"__type":"ResourceNotFoundException","message":"Stream s under account a not found."}
//! {"__type":"SerializationException","Message":"class java.lang.String can not ..."}
//! {"__type":"InternalFailure"}
//! ```

use crate::codec::Codec;
use crate::shape::{Encode, RequestError, Violation, Violations};
use crate::writer::Writer;

/// What a client may do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    /// Send something else.
    Change,
    /// The same request may succeed later; nothing was done.
    Wait,
    /// The same request may succeed later; something may have been done.
    Unknown,
}

macro_rules! error_table {
    ($( $(#[$meta:meta])* $kind:ident, $name:literal, $status:literal, $remedy:ident; )+) => {
        /// Every error that the server answers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum ErrorKind {
            $( $(#[$meta])* $kind, )+
        }

        impl ErrorKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$( Self::$kind, )+];

            /// The `__type` on the wire.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$kind => $name, )+ }
            }

            /// The status of the reply.
            pub const fn http_status(self) -> u16 {
                match self { $( Self::$kind => $status, )+ }
            }

            const fn remedy(self) -> Remedy {
                match self { $( Self::$kind => Remedy::$remedy, )+ }
            }
        }
    };
}

error_table! {
    // Modelled by Kinesis.
    AccessDenied, "AccessDeniedException", 400, Change;
    DryRunOperation, "DryRunOperationException", 400, Change;
    ExpiredIterator, "ExpiredIteratorException", 400, Change;
    ExpiredNextToken, "ExpiredNextTokenException", 400, Change;
    InvalidArgument, "InvalidArgumentException", 400, Change;
    KmsAccessDenied, "KMSAccessDeniedException", 400, Change;
    KmsDisabled, "KMSDisabledException", 400, Change;
    KmsInvalidState, "KMSInvalidStateException", 400, Change;
    KmsNotFound, "KMSNotFoundException", 400, Change;
    KmsOptInRequired, "KMSOptInRequired", 400, Change;
    KmsThrottling, "KMSThrottlingException", 400, Wait;
    LimitExceeded, "LimitExceededException", 400, Wait;
    ProvisionedThroughputExceeded, "ProvisionedThroughputExceededException", 400, Wait;
    ResourceInUse, "ResourceInUseException", 400, Change;
    ResourceNotFound, "ResourceNotFoundException", 400, Change;
    Throttling, "ThrottlingException", 400, Wait;
    Validation, "ValidationException", 400, Change;
    /// Inside event streams and PutRecords results it has other names: see
    /// [`ErrorKind::event_stream_name`] and [`ErrorKind::entry_code`].
    InternalFailure, "InternalFailure", 500, Unknown;

    // Common to all services.
    Serialization, "SerializationException", 400, Change;
    UnknownOperation, "UnknownOperationException", 400, Change;
    UnsupportedOperation, "UnsupportedOperationException", 400, Change;
    ServiceUnavailable, "ServiceUnavailableException", 503, Wait;

    // Authentication.
    ExpiredToken, "ExpiredTokenException", 400, Change;
    IncompleteSignature, "IncompleteSignatureException", 400, Change;
    InvalidSignature, "InvalidSignatureException", 400, Change;
    MissingAuthenticationToken, "MissingAuthenticationTokenException", 400, Change;
    UnrecognizedClient, "UnrecognizedClientException", 400, Change;
}

impl ErrorKind {
    /// Whether the same request may succeed later.
    pub const fn is_retryable(self) -> bool {
        !matches!(self.remedy(), Remedy::Change)
    }

    /// Whether it is certain that the request changed nothing.
    pub const fn has_no_side_effects(self) -> bool {
        !matches!(self.remedy(), Remedy::Unknown)
    }

    /// The `:exception-type` inside an event stream.
    pub const fn event_stream_name(self) -> &'static str {
        match self {
            Self::InternalFailure => "InternalFailureException",
            _ => self.name(),
        }
    }

    /// The `ErrorCode` of one entry of a PutRecords result.
    pub const fn entry_code(self) -> &'static str {
        self.name()
    }
}

/// An error as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", kind.name(), message.as_deref().unwrap_or("no message"))]
pub struct WireError {
    /// Which error.
    pub kind: ErrorKind,
    /// Why. Some errors are sent without.
    pub message: Option<String>,
}

impl WireError {
    /// An error with a message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: Some(message.into()) }
    }

    /// An error that is its name alone.
    pub const fn bare(kind: ErrorKind) -> Self {
        Self { kind, message: None }
    }

    /// An `InvalidArgumentException`.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// A `ResourceNotFoundException`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::ResourceNotFound, message)
    }

    /// A `ResourceInUseException`.
    pub fn in_use(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::ResourceInUse, message)
    }

    /// A `LimitExceededException`.
    pub fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::LimitExceeded, message)
    }

    /// A `ValidationException` with a message that names no member.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Validation, message)
    }

    /// The body, in the codec of the request.
    pub fn to_body(&self, codec: Codec) -> Vec<u8> {
        codec.encode_reply(self)
    }

    /// The status of the reply.
    pub const fn http_status(&self) -> u16 {
        self.kind.http_status()
    }

    fn message_key(&self) -> &'static str {
        match self.kind {
            ErrorKind::Serialization => "Message",
            _ => "message",
        }
    }
}

impl Encode for WireError {
    fn encode<W: Writer>(&self, writer: &mut W) {
        writer.begin_map();
        writer.key("__type");
        writer.raw_ascii_string(self.kind.name().as_bytes());
        if let Some(message) = &self.message {
            writer.key(self.message_key());
            writer.string(message);
        }
        writer.end_map();
    }
}

impl From<RequestError> for WireError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Malformed => Self::bare(ErrorKind::Serialization),
            RequestError::Mismatch(text) => Self::new(ErrorKind::Serialization, text),
            RequestError::Invalid(violations) => violations.into(),
        }
    }
}

impl From<Violations> for WireError {
    fn from(violations: Violations) -> Self {
        Self::new(ErrorKind::Validation, violations.to_string())
    }
}

impl From<Violation> for WireError {
    fn from(violation: Violation) -> Self {
        Violations::from(violation).into()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::shape::Constraint;

    fn json(error: &WireError) -> String {
        String::from_utf8(error.to_body(Codec::Json)).unwrap()
    }

    #[test]
    fn bodies_are_those_of_the_service() {
        assert_eq!(
            json(&WireError::not_found("Stream \"s\" not found.")),
            r#"{"__type":"ResourceNotFoundException","message":"Stream \"s\" not found."}"#
        );
        assert_eq!(
            json(&RequestError::Mismatch("Expected list or null".into()).into()),
            r#"{"__type":"SerializationException","Message":"Expected list or null"}"#
        );
        assert_eq!(json(&RequestError::Malformed.into()), r#"{"__type":"SerializationException"}"#);
        assert_eq!(
            json(&WireError::bare(ErrorKind::InternalFailure)),
            r#"{"__type":"InternalFailure"}"#
        );
        let too_long = Violation::new("records.1.member.data", Constraint::MaxLength(1_048_576));
        assert_eq!(
            WireError::from(too_long).message.as_deref(),
            Some(
                "1 validation error detected: Value at 'records.1.member.data' failed to satisfy \
                 constraint: Member must have length less than or equal to 1048576"
            )
        );
    }

    #[test]
    fn cbor_bodies_are_maps_without_length() {
        let body = WireError::new(ErrorKind::KmsOptInRequired, "no").to_body(Codec::Cbor);
        let mut expected = vec![0xBF, 0x66];
        expected.extend_from_slice(b"__type\x70KMSOptInRequired\x67message\x62no\xFF");
        assert_eq!(body, expected);
    }

    #[test]
    fn every_error_has_its_own_name_and_a_status() {
        let names: std::collections::HashSet<_> =
            ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
        for kind in ErrorKind::ALL {
            assert!([400, 500, 503].contains(&kind.http_status()), "{kind:?}");
            assert!(kind.http_status() < 500 || kind.is_retryable(), "{kind:?}");
        }
        assert!(!ErrorKind::InternalFailure.has_no_side_effects());
        assert!(ErrorKind::ProvisionedThroughputExceeded.has_no_side_effects());
        assert_eq!(ErrorKind::InternalFailure.event_stream_name(), "InternalFailureException");
    }
}
