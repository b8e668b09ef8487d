//! From an HTTP request to an operation of a service: what comes before the operation is known.
//!
//! First, which is ours, whether the host that it names is one of this server's ([`Hosts`]). The order
//! of the rest is AWS's: body size, CORS, then what the service checks by itself
//! ([`crate::service::Service::codec`]), well-formedness, target, caller.

use crate::admin::{Admin, RouteName};
use crate::answer::Answered;
use crate::audit::{AuditLog, CallKind, Trail};
use crate::auth::{AuthError, Authenticator};
use crate::body::{self, BodyError, BodyMemory};
use crate::connection::{Connected, RequestBody};
use crate::hosts::{HostRefusal, Hosts};
use crate::peer::Peer;
use crate::refusal::ContentKind;
use crate::reply::{self, Reply};
use crate::reply_body::ReplyMemory;
use crate::service::{Call, Found, Service};
use crate::services::Services;
use anabranch_env::Clock;
use anabranch_protocol::{Codec, CommonError, WireError};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::sync::Arc;
use tokio::sync::watch;

/// Stands for a body that was not sent, which is not an empty one.
const UNSENT: &[u8] = b"{}";

/// What a request is answered with.
#[derive(Debug)]
pub(crate) struct FrontDoor {
    pub(crate) services: Services,
    pub(crate) admin: Arc<Admin>,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) hosts: Hosts,
    pub(crate) audit: Option<Arc<AuditLog>>,
    pub(crate) bodies: BodyMemory,
    pub(crate) replies: ReplyMemory,
    pub(crate) clock: Arc<dyn Clock>,
    /// Turns true when the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

impl FrontDoor {
    /// Answers a request. Whatever the request, there is an answer.
    pub(crate) async fn answer(
        &self,
        parts: Parts,
        body: RequestBody,
        peer: Peer,
        connected: &Arc<Connected>,
    ) -> Reply {
        let service = self.services.of(&parts);
        let has_origin = parts.headers.contains_key(header::ORIGIN);
        let is_preflight = has_origin && parts.method == Method::OPTIONS;
        let awaits_leave = body.awaits_leave(&parts);
        if let Err(refusal) = self.hosts.check(&parts) {
            if !awaits_leave {
                body::pass_over(body).await;
            }
            let mut reply = refuse_host(refusal, &parts.headers, service);
            reply::add_request_ids(reply.headers_mut(), is_preflight);
            return reply;
        }
        let check = || self.check_head(service, &parts);
        // Whoever waits to be told to send a body is told at once that it is in vain.
        let stranger = if awaits_leave { check().err() } else { None };
        let read = match stranger {
            Some(error) => Err(BodyError::Stranger(error, Bytes::from_static(UNSENT))),
            None => self.bodies.read(body, connected, check).await,
        };
        let mut reply = match read {
            Err(BodyError::Stranger(error, first)) => {
                self.turn_away(service, &parts, peer, connected, &first, error)
            }
            Err(error) => refuse_body(&error, &parts.headers, service),
            Ok(_) if is_preflight => reply::preflight(&parts.headers),
            Ok(body) => {
                let reply = self.answer_body(service, &parts, peer, connected, &body.bytes).await;
                self.replies.admit(reply, connected).await
            }
        };
        reply::add_request_ids(reply.headers_mut(), is_preflight);
        if has_origin {
            reply::add_cors(reply.headers_mut());
        }
        reply
    }

    /// Whether a request with this head may be a known caller's, whatever its body.
    pub(crate) fn may_be_known(&self, parts: &Parts) -> bool {
        self.check_head(self.services.of(parts), parts).is_ok()
    }

    fn check_head(&self, service: &dyn Service, parts: &Parts) -> Result<(), AuthError> {
        let now_secs = (self.clock.wall_ms() / 1000).cast_signed();
        self.authenticator.check_head(parts, &[service.wire().signing_name], now_secs)
    }

    /// Answers what is the server's own, on its own listener.
    pub(crate) fn answer_admin(
        &self,
        name: RouteName<'_>,
        parts: &Parts,
        peer: Peer,
        connected: &Connected,
    ) -> Reply {
        let mut reply = match self.hosts.check(parts) {
            Err(refusal) if !name.is_for_everybody() => {
                refuse_host(refusal, &parts.headers, self.services.of(parts))
            }
            _ => {
                let (trail, id) = self.trail(peer);
                let call = self.call(parts, peer, connected, Codec::Json11, &[], &trail);
                let reply = self.admin.answer(name, call);
                end(trail, id, reply)
            }
        };
        reply::add_request_ids(reply.headers_mut(), false);
        reply
    }

    pub(crate) async fn answer_body(
        &self,
        service: &dyn Service,
        parts: &Parts,
        peer: Peer,
        connected: &Connected,
        body: &[u8],
    ) -> Reply {
        let codec = match service.codec(parts, body) {
            Ok(codec) => codec,
            Err(refusal) => return service.refuse(refusal),
        };
        let (trail, id) = self.trail(peer);
        let call = self.call(parts, peer, connected, codec, body, &trail);
        let answer = answer_call(service, call).await;
        let reply = match answer {
            Ok(Answered::Body(body)) => reply::success(codec, body),
            Ok(Answered::Events(body)) => reply::events(body),
            Err(error) => {
                trail.error(error.kind.name);
                reply::error(codec, &error, service.wire().common_errors)
            }
        };
        end(trail, id, reply)
    }

    /// The reply to a stranger whose body was not kept. `first` is how it began.
    fn turn_away(
        &self,
        service: &dyn Service,
        parts: &Parts,
        peer: Peer,
        connected: &Connected,
        first: &[u8],
        error: AuthError,
    ) -> Reply {
        let codec = match service.codec(parts, first) {
            Ok(codec) => codec,
            Err(refusal) => return service.refuse(refusal),
        };
        let (trail, id) = self.trail(peer);
        let error = match service.found(parts) {
            Found::Unknown => CommonError::UnknownOperation.bare(),
            Found::Supported(_) | Found::Unsupported(_) => {
                self.call(parts, peer, connected, codec, first, &trail).turn_away(error)
            }
        };
        trail.error(error.kind.name);
        let reply = reply::error(codec, &error, service.wire().common_errors);
        end(trail, id, reply)
    }

    /// The trail of a call, and the id that it and the reply have; without an audit log the reply
    /// gets its own.
    fn trail(&self, peer: Peer) -> (Trail, Option<HeaderValue>) {
        let id = self.audit.as_ref().map(|_| reply::new_request_id());
        let text = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
        (Trail::new(self.audit.as_ref(), text, peer), id)
    }

    fn call<'a>(
        &'a self,
        parts: &'a Parts,
        peer: Peer,
        connected: &'a Connected,
        codec: Codec,
        body: &'a [u8],
        trail: &'a Trail,
    ) -> Call<'a> {
        Call {
            trail,
            strangers: &self.admin.0.strangers,
            authenticator: &self.authenticator,
            parts,
            peer,
            codec,
            body,
            clock: &self.clock,
            now_ms: self.clock.wall_ms(),
            stopping: &self.stopping,
            connected,
            replies: &self.replies,
        }
    }
}

/// Notes how a call ended, and gives its reply the id that it has in the audit log.
fn end(trail: Trail, id: Option<HeaderValue>, mut reply: Reply) -> Reply {
    trail.end(reply.status());
    if let Some(id) = id {
        reply::set_request_id(reply.headers_mut(), id);
    }
    reply
}

async fn answer_call(service: &dyn Service, call: Call<'_>) -> Result<Answered, WireError> {
    let found = service.found(call.parts);
    if let Found::Supported(place) = found {
        return service.answer(place, call).await;
    }
    if !call.codec.is_well_formed(call.body) {
        return Err(CommonError::Serialization.bare());
    }
    let Found::Unsupported(name) = found else {
        return Err(CommonError::UnknownOperation.bare());
    };
    call.trail.operation(service.wire().action_prefix, name, CallKind::Control);
    call.authenticate(service.wire().signing_name)?;
    let text = format!("Anabranch does not support {name} yet.");
    Err(CommonError::UnsupportedOperation.because(text))
}

/// No header for browsers is with it: a page is not to read even this.
fn refuse_host(refusal: HostRefusal, headers: &HeaderMap, service: &dyn Service) -> Reply {
    tracing::debug!(?refusal, "a request was refused for its Host or Origin");
    let mut reply = match ContentKind::of(headers, service.wire().codecs).codec() {
        Some(codec) => {
            let error = CommonError::AccessDenied.because(refusal.text());
            reply::error(codec, &error, service.wire().common_errors)
        }
        None => {
            let text = Some(refusal.text());
            reply::xml_error(StatusCode::FORBIDDEN, "AccessDeniedException", text)
        }
    };
    *reply.status_mut() = StatusCode::FORBIDDEN;
    reply
}

fn refuse_body<S>(error: &BodyError<S>, headers: &HeaderMap, service: &dyn Service) -> Reply {
    match error {
        BodyError::Busy => match ContentKind::of(headers, service.wire().codecs).codec() {
            Some(codec) => {
                let error = CommonError::ServiceUnavailable.bare();
                reply::error(codec, &error, service.wire().common_errors)
            }
            None => reply::empty(StatusCode::SERVICE_UNAVAILABLE),
        },
        BodyError::TooLarge => reply::empty(StatusCode::PAYLOAD_TOO_LARGE),
        BodyError::TooSlow => reply::empty(StatusCode::REQUEST_TIMEOUT),
        BodyError::Broken | BodyError::Stranger(..) => reply::empty(StatusCode::BAD_REQUEST),
    }
}
