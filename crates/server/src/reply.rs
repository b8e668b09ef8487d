//! Replies: bodies, headers and request ids.

use crate::event_reply::EventBody;
use crate::reply_body::ReplyBody;
use anabranch_protocol::{Codec, WireError, event_stream};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CONTENT_TYPE, HeaderName,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

/// A reply.
pub(crate) type Reply = Response<ReplyBody>;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const EXTENDED_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date",
);

/// A reply with a body of the given type; no type, no header.
pub(crate) fn with_body(
    status: StatusCode,
    content_type: Option<&'static str>,
    body: Vec<u8>,
) -> Reply {
    let mut reply = Response::new(ReplyBody::new(body));
    *reply.status_mut() = status;
    if let Some(content_type) = content_type {
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    reply
}

/// A reply without body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    with_body(status, None, Vec::new())
}

/// A reply of an operation.
pub(crate) fn success(codec: Codec, body: ReplyBody) -> Reply {
    let mut reply = Response::new(body);
    let content_type = HeaderValue::from_static(codec.content_type());
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

/// A reply of an operation that goes on.
pub(crate) fn events(body: EventBody) -> Reply {
    let mut reply = Response::new(ReplyBody::Events(body));
    let content_type = HeaderValue::from_static(event_stream::CONTENT_TYPE);
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

/// An AWS error. `common_errors` is what the service puts before names that are not its own.
pub(crate) fn error(codec: Codec, error: &WireError, common_errors: &str) -> Reply {
    let status = StatusCode::from_u16(error.kind.http_status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_body(status, Some(codec.content_type()), error.to_body(codec, common_errors))
}

/// An error in XML, as it is sent when no codec is known.
pub(crate) fn xml_error(status: StatusCode, name: &str, message: Option<&str>) -> Reply {
    let body = match message {
        Some(message) => format!("<{name}>\n  <Message>{message}</Message>\n</{name}>\n"),
        None => format!("<{name}/>\n"),
    };
    with_body(status, None, body.into_bytes())
}

/// A new request id.
pub(crate) fn new_request_id() -> HeaderValue {
    uuid_text(rand::random())
}

/// Gives a reply an id that is known elsewhere.
pub(crate) fn set_request_id(headers: &mut HeaderMap, id: HeaderValue) {
    headers.insert(REQUEST_ID, id);
}

/// Adds what every reply has; an id that it has already stays.
pub(crate) fn add_request_ids(headers: &mut HeaderMap, is_preflight: bool) {
    headers.entry(REQUEST_ID).or_insert_with(new_request_id);
    if !is_preflight {
        let random: [[u8; 24]; 3] = rand::random();
        let text = base64_simd::STANDARD.encode_to_string(random.as_flattened());
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(EXTENDED_REQUEST_ID, value);
        }
    }
}

/// A version 4 UUID.
fn uuid_text(mut random: [u8; 16]) -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    let mut text = Vec::with_capacity(36);
    for (i, byte) in random.into_iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push(b'-');
        }
        text.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("-"))
}

/// What a browser must see on replies to requests of another origin.
pub(crate) fn add_cors(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// The reply to a browser that asks whether it may ask.
pub(crate) fn preflight(request: &HeaderMap) -> Reply {
    let mut reply = empty(StatusCode::OK);
    let echoed = [
        ("access-control-request-headers", ACCESS_CONTROL_ALLOW_HEADERS),
        ("access-control-request-method", ACCESS_CONTROL_ALLOW_METHODS),
    ];
    for (asked, answered) in echoed {
        if let Some(value) = request.get(asked) {
            reply.headers_mut().insert(answered, value.clone());
        }
    }
    let headers = reply.headers_mut();
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("172800"));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_version_4_uuids() {
        let text = uuid_text([0xff; 16]);
        assert_eq!(text.to_str().expect("ASCII"), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
