//! From an HTTP request to an operation: the checks that come before the operation is known.
//!
//! Their order is the service's:
//! body size, CORS, method, empty body, content type, well-formedness, target, caller.

use crate::admin;
use crate::answer::Answered;
use crate::auth::Authenticator;
use crate::body::{BodyError, BodyMemory};
use crate::call_rates::CallLimiter;
use crate::event_reply::EventSetting;
use crate::operations::{self, Call, Target};
use crate::ops::Peer;
use crate::reply::{self, Reply};
use anabranch_engine::Cells;
use anabranch_protocol::{Codec, ErrorKind, WireError};
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use std::sync::Arc;

const TARGET_PREFIX: &str = "Kinesis_20131202.";
const CORAL_PREFIX: &str = "com.amazon.coral.service#";

/// What a request is answered with.
#[derive(Debug)]
pub(crate) struct FrontDoor {
    pub(crate) cells: Arc<dyn Cells>,
    pub(crate) authenticator: Authenticator,
    pub(crate) bodies: BodyMemory,
    pub(crate) calls: CallLimiter,
    pub(crate) events: EventSetting,
}

impl FrontDoor {
    /// Answers a request. Whatever the request, there is an answer.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Reply {
        let (parts, body) = request.into_parts();
        if admin::is_admin(&parts) {
            return admin::answer(&*self.cells, &parts);
        }
        let has_origin = parts.headers.contains_key(header::ORIGIN);
        let is_preflight = has_origin && parts.method == Method::OPTIONS;
        let mut reply = match self.bodies.read(body).await {
            Err(error) => refuse_body(error, &parts.headers),
            Ok(_) if is_preflight => reply::preflight(&parts.headers),
            Ok(body) => self.answer_body(&parts, peer, &body.bytes).await,
        };
        reply::add_request_ids(reply.headers_mut(), is_preflight);
        if has_origin {
            reply::add_cors(reply.headers_mut());
        }
        reply
    }

    async fn answer_body(&self, parts: &Parts, peer: Peer, body: &[u8]) -> Reply {
        if parts.method != Method::POST {
            return undetermined();
        }
        let target = Target::of(&parts.headers);
        let kind = ContentKind::of(&parts.headers);
        if body.is_empty() {
            return empty_body(kind, target);
        }
        let codec = match kind {
            ContentKind::Aws(codec) => codec,
            ContentKind::PlainJson => return plain_json(body),
            ContentKind::Other if parts.headers.contains_key("x-amz-target") => {
                return reply::xml_error(StatusCode::NOT_FOUND, "UnknownOperationException", None);
            }
            ContentKind::Other => return undetermined(),
        };
        match self.call(parts, peer, codec, target, body).await {
            Ok(Answered::Body(body)) => reply::success(codec, body),
            Ok(Answered::Events(body)) => reply::events(body),
            Err(error) => reply::error(codec, &error),
        }
    }

    async fn call(
        &self,
        parts: &Parts,
        peer: Peer,
        codec: Codec,
        target: Option<Target>,
        body: &[u8],
    ) -> Result<Answered, WireError> {
        let call = Call {
            authenticator: &self.authenticator,
            calls: &self.calls,
            parts,
            peer,
            cells: &*self.cells,
            codec,
            body,
            events: &self.events,
        };
        if let Some(Target::Supported(name)) = target {
            return operations::call(name, call).await;
        }
        if !codec.is_well_formed(body) {
            return Err(WireError::bare(ErrorKind::Serialization));
        }
        let Some(Target::Unsupported(name)) = target else {
            return Err(WireError::bare(ErrorKind::UnknownOperation));
        };
        call.authenticate()?;
        Err(operations::unsupported(name))
    }
}

impl Target {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let target = headers.get("x-amz-target")?.to_str().ok()?;
        Self::parse(target.strip_prefix(TARGET_PREFIX)?)
    }
}

/// What the content type says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ContentKind {
    Aws(Codec),
    PlainJson,
    Other,
}

impl ContentKind {
    fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let value = value.unwrap_or_default();
        if let Some(codec) = Codec::from_content_type(value) {
            return Self::Aws(codec);
        }
        let media_type = value.split(';').next().unwrap_or_default().trim();
        match media_type.eq_ignore_ascii_case("application/json") {
            true => Self::PlainJson,
            false => Self::Other,
        }
    }
}

fn refuse_body(error: BodyError, headers: &HeaderMap) -> Reply {
    match error {
        BodyError::Busy => match ContentKind::of(headers) {
            ContentKind::Aws(codec) => {
                reply::error(codec, &WireError::bare(ErrorKind::ServiceUnavailable))
            }
            _ => reply::empty(StatusCode::SERVICE_UNAVAILABLE),
        },
        BodyError::TooLarge => reply::empty(StatusCode::PAYLOAD_TOO_LARGE),
        BodyError::TooSlow => reply::empty(StatusCode::REQUEST_TIMEOUT),
        BodyError::Broken => reply::empty(StatusCode::BAD_REQUEST),
    }
}

/// The answer to a request that shows no sign of an operation.
fn undetermined() -> Reply {
    let message = "Unable to determine service/operation name to be authorized";
    reply::xml_error(StatusCode::FORBIDDEN, "AccessDeniedException", Some(message))
}

fn empty_body(kind: ContentKind, target: Option<Target>) -> Reply {
    let error = match target {
        Some(_) => ErrorKind::Serialization,
        None => ErrorKind::UnknownOperation,
    };
    let codec = match kind {
        ContentKind::Aws(Codec::Json) => Codec::Json,
        _ => Codec::Cbor,
    };
    reply::error(codec, &WireError::bare(error))
}

/// `application/json` is not what the service speaks; it says so in a form of its own.
fn plain_json(body: &[u8]) -> Reply {
    let (status, error) = match Codec::Json.is_well_formed(body) {
        false => (StatusCode::BAD_REQUEST, ErrorKind::Serialization),
        true => (StatusCode::NOT_FOUND, ErrorKind::UnknownOperation),
    };
    let name = error.name();
    let body = format!(r#"{{"Output":{{"__type":"{CORAL_PREFIX}{name}"}},"Version":"1.0"}}"#);
    reply::with_body(status, Some("application/json"), body.into_bytes())
}
