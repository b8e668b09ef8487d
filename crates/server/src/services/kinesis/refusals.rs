//! What Kinesis answers to requests that no operation gets.

use crate::refusal::Refusal;
use crate::reply::{self, Reply};
use anabranch_protocol::{Codec, CommonError};
use http::StatusCode;

pub(super) fn reply(refusal: Refusal<'_>) -> Reply {
    match refusal {
        Refusal::Undetermined => {
            let message = "Unable to determine service/operation name to be authorized";
            reply::xml_error(StatusCode::FORBIDDEN, "AccessDeniedException", Some(message))
        }
        Refusal::ContentType => {
            reply::xml_error(StatusCode::NOT_FOUND, "UnknownOperationException", None)
        }
        Refusal::PlainJson(body) => plain_json(body),
        Refusal::EmptyBody { codec, is_known } => {
            let error = match is_known {
                true => CommonError::Serialization,
                false => CommonError::UnknownOperation,
            };
            reply::error(codec.unwrap_or(Codec::Cbor), &error.bare(), "")
        }
    }
}

/// `application/json` is not what the service speaks; it says so in a form of its own.
fn plain_json(body: &[u8]) -> Reply {
    let (status, error) = match Codec::Json11.is_well_formed(body) {
        false => (StatusCode::BAD_REQUEST, CommonError::Serialization),
        true => (StatusCode::NOT_FOUND, CommonError::UnknownOperation),
    };
    let name = error.name();
    let body =
        format!(r#"{{"Output":{{"__type":"com.amazon.coral.service#{name}"}},"Version":"1.0"}}"#);
    reply::with_body(status, Some("application/json"), body.into_bytes())
}
