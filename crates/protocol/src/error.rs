//! Errors as a client sees them, and the bodies they are sent as.
//!
//! ```text
//! {"__type":"ResourceNotFoundException","message":"Stream s under account a not found."}
//! {"__type":"SerializationException","Message":"class java.lang.String can not ..."}
//! {"__type":"InternalFailure"}
//! ```
//!
//! A service has its own table of errors, which [`error_table!`](crate::error_table) makes; those
//! that all services have are [`CommonError`].

use crate::codec::Codec;
use crate::shape::{Encode, RequestError, Violation, Violations};
use crate::writer::Writer;

/// What a client may do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Send something else.
    Change,
    /// The same request may succeed later; nothing was done.
    Wait,
    /// The same request may succeed later; something may have been done.
    Unknown,
}

/// A row of a service's table of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorKind {
    /// Before the name in `__type`. `None`: what the service puts before errors that are not its
    /// own.
    pub namespace: Option<&'static str>,
    /// The name in `__type`.
    pub name: &'static str,
    /// The `:exception-type` inside an event stream.
    pub event_stream_name: &'static str,
    /// The status of the reply.
    pub http_status: u16,
    /// What a client may do about it.
    pub remedy: Remedy,
}

impl ErrorKind {
    /// Whether the same request may succeed later.
    pub const fn is_retryable(self) -> bool {
        !matches!(self.remedy, Remedy::Change)
    }

    /// Whether it is certain that the request changed nothing.
    pub const fn has_no_side_effects(self) -> bool {
        !matches!(self.remedy, Remedy::Unknown)
    }
}

/// Makes the table of a service's errors: an enum with a row for each.
///
/// ```
/// anabranch_protocol::error_table! {
///     /// What the service of lakes refuses.
///     pub enum LakeError in "com.example.lakes#" {
///         Frozen = "LakeFrozenException", 400, Wait;
///         Broken = "InternalFailure", 500, Unknown, "InternalFailureException" in event streams;
///     }
/// }
/// let error = LakeError::Frozen.because("It is January.");
/// assert_eq!(error.to_string(), "LakeFrozenException: It is January.");
/// ```
#[macro_export]
macro_rules! error_table {
    (
        $(#[$meta:meta])* $visibility:vis enum $table:ident $(in $namespace:literal)? {
            $( $(#[$row:meta])* $kind:ident = $name:literal, $status:literal, $remedy:ident
                $(, $in_streams:literal in event streams)?; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        $visibility enum $table {
            $( $(#[$row])* $kind, )+
        }

        #[allow(dead_code)]
        impl $table {
            /// Every row.
            $visibility const ALL: &'static [Self] = &[$( Self::$kind, )+];

            /// What there is to know of it.
            $visibility const fn kind(self) -> $crate::ErrorKind {
                let namespace = $crate::error_table!(@option $($namespace)?);
                match self {
                    $( Self::$kind => $crate::ErrorKind {
                        namespace,
                        name: $name,
                        event_stream_name: $crate::error_table!(@first $($in_streams,)? $name),
                        http_status: $status,
                        remedy: $crate::error::Remedy::$remedy,
                    }, )+
                }
            }

            /// The name in `__type`.
            $visibility const fn name(self) -> &'static str {
                self.kind().name
            }

            /// The error with this text.
            $visibility fn because(self, message: impl Into<String>) -> $crate::WireError {
                $crate::WireError { kind: self.kind(), message: Some(message.into()) }
            }

            /// The error that is its name alone.
            $visibility const fn bare(self) -> $crate::WireError {
                $crate::WireError { kind: self.kind(), message: None }
            }
        }

        impl From<$table> for $crate::ErrorKind {
            fn from(error: $table) -> Self {
                error.kind()
            }
        }
    };
    (@option) => { None };
    (@option $value:literal) => { Some($value) };
    (@first $first:literal $(, $rest:literal)*) => { $first };
}

error_table! {
    /// Errors that come before an operation of any service.
    pub enum CommonError {
        AccessDenied = "AccessDeniedException", 400, Change;
        InternalFailure = "InternalFailure", 500, Unknown,
            "InternalFailureException" in event streams;
        Serialization = "SerializationException", 400, Change;
        ServiceUnavailable = "ServiceUnavailableException", 503, Wait;
        UnknownOperation = "UnknownOperationException", 400, Change;
        UnsupportedOperation = "UnsupportedOperationException", 400, Change;
        Validation = "ValidationException", 400, Change;

        // Authentication.
        ExpiredToken = "ExpiredTokenException", 400, Change;
        IncompleteSignature = "IncompleteSignatureException", 400, Change;
        InvalidSignature = "InvalidSignatureException", 400, Change;
        MissingAuthenticationToken = "MissingAuthenticationTokenException", 400, Change;
        UnrecognizedClient = "UnrecognizedClientException", 400, Change;
    }
}

/// An error as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", kind.name, message.as_deref().unwrap_or("no message"))]
pub struct WireError {
    /// Which error.
    pub kind: ErrorKind,
    /// Why. Some errors are sent without.
    pub message: Option<String>,
}

impl WireError {
    /// The body, in the codec of the request. `common_namespace` is what the service puts before the
    /// names of errors that are not its own.
    pub fn to_body(&self, codec: Codec, common_namespace: &str) -> Vec<u8> {
        let namespace = self.kind.namespace.unwrap_or(common_namespace);
        codec.encode_reply(&ErrorBody { namespace, error: self })
    }

    fn message_key(&self) -> &'static str {
        match self.kind.name {
            "SerializationException" => "Message",
            _ => "message",
        }
    }
}

/// An error as it is written.
struct ErrorBody<'a> {
    namespace: &'a str,
    error: &'a WireError,
}

impl Encode for ErrorBody<'_> {
    fn encode<W: Writer>(&self, writer: &mut W) {
        let Self { namespace, error } = self;
        writer.begin_map();
        writer.key("__type");
        writer.string(&format!("{namespace}{}", error.kind.name));
        if let Some(message) = &error.message {
            writer.key(error.message_key());
            writer.string(message);
        }
        writer.end_map();
    }
}

impl From<RequestError> for WireError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Malformed => CommonError::Serialization.bare(),
            RequestError::Mismatch(text) => CommonError::Serialization.because(text),
            RequestError::Invalid(violations) => violations.into(),
        }
    }
}

impl From<Violations> for WireError {
    fn from(violations: Violations) -> Self {
        CommonError::Validation.because(violations.to_string())
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

    error_table! {
        enum Example {
            KmsOptInRequired = "KMSOptInRequired", 400, Change;
            NotFound = "ResourceNotFoundException", 400, Change;
        }
    }

    error_table! {
        enum Lakes in "com.example.lakes#" {
            Frozen = "LakeFrozen", 400, Wait;
        }
    }

    fn json(error: &WireError) -> String {
        String::from_utf8(error.to_body(Codec::Json11, "")).unwrap()
    }

    #[test]
    fn bodies_are_those_of_the_service() {
        assert_eq!(
            json(&Example::NotFound.because("Stream \"s\" not found.")),
            r#"{"__type":"ResourceNotFoundException","message":"Stream \"s\" not found."}"#
        );
        assert_eq!(
            json(&RequestError::Mismatch("Expected list or null".into()).into()),
            r#"{"__type":"SerializationException","Message":"Expected list or null"}"#
        );
        assert_eq!(json(&RequestError::Malformed.into()), r#"{"__type":"SerializationException"}"#);
        assert_eq!(json(&CommonError::InternalFailure.bare()), r#"{"__type":"InternalFailure"}"#);
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
        let body = Example::KmsOptInRequired.because("no").to_body(Codec::Cbor, "");
        let mut expected = vec![0xBF, 0x66];
        expected.extend_from_slice(b"__type\x70KMSOptInRequired\x67message\x62no\xFF");
        assert_eq!(body, expected);
    }

    #[test]
    fn names_stand_in_the_namespace_of_their_service() {
        let own = Lakes::Frozen.because("no").to_body(Codec::Json10, "com.example.coral#");
        assert_eq!(own, br#"{"__type":"com.example.lakes#LakeFrozen","message":"no"}"#);
        let common = CommonError::UnknownOperation.bare();
        let common = common.to_body(Codec::Json10, "com.example.coral#");
        assert_eq!(common, br#"{"__type":"com.example.coral#UnknownOperationException"}"#);
    }

    #[test]
    fn every_error_has_its_own_name_and_a_status() {
        let names: std::collections::HashSet<_> =
            CommonError::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), CommonError::ALL.len());
        for error in CommonError::ALL {
            let kind = error.kind();
            assert!([400, 500, 503].contains(&kind.http_status), "{kind:?}");
            assert!(kind.http_status < 500 || kind.is_retryable(), "{kind:?}");
        }
        assert!(!CommonError::InternalFailure.kind().has_no_side_effects());
        assert!(CommonError::ServiceUnavailable.kind().has_no_side_effects());
        let name = CommonError::InternalFailure.kind().event_stream_name;
        assert_eq!(name, "InternalFailureException");
    }
}
