//! The paths under `/_anabranch/`: what belongs to the server and to none of its services.
//!
//! A route is a row of [`ROUTES`] and a file. Whoever may ask for a route that is not for everybody
//! signs as the service `anabranch`, and policies call it `anabranch:NAME`.

mod health;
mod ready;
mod server;
mod status;

pub(crate) use server::Server;

use crate::access::{Asking, Resource};
use crate::context::Origin;
use crate::reply::{self, Reply};
use crate::service::Call;
use anabranch_protocol::{Codec, WireError};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::Value;

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
    access: Access,
    answer: fn(&Server) -> (StatusCode, Value),
}

const ROUTES: &[Route] = &[
    Route { path: "health", access: Access::Everybody, answer: health::answer },
    Route { path: "ready", access: Access::Everybody, answer: ready::answer },
    Route { path: "status", access: Access::To("GetStatus"), answer: status::answer },
];

/// The router.
#[derive(Debug)]
pub(crate) struct Admin(pub(crate) Server);

impl Admin {
    /// The path of a request below ours. An AWS request is told by its target, whatever its path.
    pub(crate) fn path(parts: &Parts) -> Option<&str> {
        let is_aws = parts.headers.contains_key("x-amz-target");
        parts.uri.path().strip_prefix(PREFIX).filter(|_| !is_aws)
    }

    /// Whether a path tells the same to everybody, whatever name the server is called by: probes and
    /// balancers have their own.
    pub(crate) fn is_for_everybody(path: &str) -> bool {
        let mut routes = ROUTES.iter().filter(|route| route.path == path);
        routes.all(|route| matches!(route.access, Access::Everybody))
    }

    pub(crate) fn answer(&self, path: &str, call: Call<'_>) -> Reply {
        let Some(route) = ROUTES.iter().find(|route| route.path == path) else {
            return reply::empty(StatusCode::NOT_FOUND);
        };
        if !matches!(call.parts.method, Method::GET | Method::HEAD) {
            return reply::empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        if let Err(error) = allow(&route.access, call) {
            return json(StatusCode::FORBIDDEN, error.to_body(Codec::Json11, ""));
        }
        let (status, body) = (route.answer)(&self.0);
        json(status, body.to_string().into_bytes())
    }
}

fn allow(access: &Access, call: Call<'_>) -> Result<(), WireError> {
    let Access::To(action) = access else { return Ok(()) };
    let caller = call.authenticate(SERVICE)?;
    let origin = Origin::of(call.parts, call.peer);
    let asking = Asking { caller: &caller, origin, now_ms: call.now_ms };
    asking.authorize(SERVICE, action, &Resource::none(&caller.account_id))
}

fn json(status: StatusCode, body: Vec<u8>) -> Reply {
    reply::with_body(status, Some("application/json"), body)
}
