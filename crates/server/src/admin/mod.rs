//! What belongs to the server and to none of its services: probes, and what an operator asks and tells.
//!
//! It is on the admin listener, which has nothing else: `/ready`, or below a prefix, `/_anabranch/ready`.
//! Where the services are there is below the prefix what a probe or a balancer needs and no more: a word
//! ([`BESIDE_SERVICES`]). What is for everybody is answered from the start on, before there is anything
//! to serve.
//!
//! A route is a row of [`ROUTES`] and a file. Whoever may ask for a route that is not for everybody
//! signs as the service `anabranch`, and policies call it `anabranch:NAME`.
//!
//! Invariant: what tells more than a word, or changes anything, is on the admin listener alone.

mod health;
mod live;
mod ready;
mod resume_deletion;
mod server;
mod status;

pub(crate) use server::Server;

use crate::access::{Asking, Resource};
use crate::audit::CallKind;
use crate::context::Origin;
use crate::reply::{self, Reply};
use crate::service::Call;
use anabranch_protocol::{Codec, WireError};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::Value;
use std::sync::Arc;

const PREFIX: &str = "/_anabranch/";
/// Name in the credential scope of signatures, and before the names of actions in policies.
const SERVICE: &str = "anabranch";

/// Who may ask.
enum Access {
    Everybody,
    /// Whose policies allow this action.
    To(&'static str),
}

struct Route {
    path: &'static str,
    /// GET, which is HEAD as well, or POST for what changes something.
    method: Method,
    access: Access,
    answer: fn(&Server) -> (StatusCode, Value),
}

const ROUTES: &[Route] = &[
    Route {
        path: "health",
        method: Method::GET,
        access: Access::Everybody,
        answer: health::answer,
    },
    Route { path: "live", method: Method::GET, access: Access::Everybody, answer: live::answer },
    Route {
        path: "ready",
        method: Method::GET,
        access: Access::Everybody,
        answer: ready::answer_below_prefix,
    },
    Route {
        path: "status",
        method: Method::GET,
        access: Access::To("GetStatus"),
        answer: status::answer,
    },
    Route {
        path: "resume-deletion",
        method: Method::POST,
        access: Access::To("ResumeDeletion"),
        answer: resume_deletion::answer,
    },
];

/// What is another without the prefix.
const BARE: &[Route] = &[Route {
    path: "ready",
    method: Method::GET,
    access: Access::Everybody,
    answer: ready::answer,
}];

/// What there is where the services are.
const BESIDE_SERVICES: &[Route] = &[
    Route {
        path: "health",
        method: Method::GET,
        access: Access::Everybody,
        answer: health::answer_beside_services,
    },
    Route { path: "live", method: Method::GET, access: Access::Everybody, answer: live::answer },
    Route {
        path: "ready",
        method: Method::GET,
        access: Access::Everybody,
        answer: ready::answer_below_prefix,
    },
];

/// The router.
#[derive(Debug)]
pub(crate) struct Admin(pub(crate) Arc<Server>);

/// Which of the routes a request is for.
#[derive(Clone, Copy)]
pub(crate) struct RouteName<'a> {
    name: &'a str,
    among: &'static [&'static [Route]],
}

impl<'a> RouteName<'a> {
    /// That of a request where services are answered, too. An AWS request is told by its target,
    /// whatever its path.
    pub(crate) fn among_services(parts: &'a Parts) -> Option<Self> {
        let is_aws = parts.headers.contains_key("x-amz-target");
        let name = parts.uri.path().strip_prefix(PREFIX).filter(|_| !is_aws)?;
        Some(Self { name, among: &[BESIDE_SERVICES] })
    }

    /// That of a request to the admin listener.
    pub(crate) fn alone(parts: &'a Parts) -> Self {
        let path = parts.uri.path();
        match path.strip_prefix(PREFIX) {
            Some(name) => Self { name, among: &[ROUTES] },
            None => Self { name: path.strip_prefix('/').unwrap_or(path), among: &[BARE, ROUTES] },
        }
    }

    fn route(self) -> Option<&'static Route> {
        self.among.iter().copied().flatten().find(|route| route.path == self.name)
    }

    /// Whether it tells the same to everybody, whatever name the server is called by: probes and
    /// balancers have their own.
    pub(crate) fn is_for_everybody(self) -> bool {
        self.route().is_none_or(|route| matches!(route.access, Access::Everybody))
    }
}

impl Admin {
    /// The reply to whoever may ask.
    pub(crate) fn answer(&self, name: RouteName<'_>, call: Call<'_>) -> Reply {
        match self.find(name, &call.parts.method) {
            Err(status) => reply::empty(status),
            Ok(route) => match allow(&route.access, call) {
                Err(error) => {
                    call.trail.error(error.kind.name);
                    json(StatusCode::FORBIDDEN, error.to_body(Codec::Json11, ""))
                }
                Ok(()) => self.tell(route),
            },
        }
    }

    /// The reply to what everybody may ask, with its request ids; nothing else is told.
    pub(crate) fn answer_everybody(&self, name: RouteName<'_>, method: &Method) -> Reply {
        let mut reply = match self.find(name, method) {
            Err(status) => reply::empty(status),
            Ok(Route { access: Access::To(_), .. }) => reply::empty(StatusCode::FORBIDDEN),
            Ok(route) => self.tell(route),
        };
        reply::add_request_ids(reply.headers_mut(), false);
        reply
    }

    fn find(&self, name: RouteName<'_>, method: &Method) -> Result<&'static Route, StatusCode> {
        let route = name.route().ok_or(StatusCode::NOT_FOUND)?;
        let is_it = match *method {
            Method::HEAD => route.method == Method::GET,
            ref other => *other == route.method,
        };
        if is_it { Ok(route) } else { Err(StatusCode::METHOD_NOT_ALLOWED) }
    }

    fn tell(&self, route: &Route) -> Reply {
        let (status, body) = (route.answer)(&self.0);
        json(status, body.to_string().into_bytes())
    }
}

fn allow(access: &Access, call: Call<'_>) -> Result<(), WireError> {
    let Access::To(action) = access else { return Ok(()) };
    call.trail.operation(SERVICE, action, CallKind::Control);
    let caller = call.authenticate(SERVICE)?;
    let origin = Origin::of(call.parts, call.peer);
    let asking = Asking { caller: &caller, origin, now_ms: call.now_ms };
    asking.authorize(SERVICE, action, &Resource::none(&caller.account_id))
}

fn json(status: StatusCode, body: Vec<u8>) -> Reply {
    reply::with_body(status, Some("application/json"), body)
}
