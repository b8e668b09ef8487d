//! The paths under `/_anabranch/`: what belongs to the server and not to the service.

use crate::reply::{self, Reply};
use anabranch_engine::{Cells, StoreHealth};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::json;

/// Whether the request is one of these. An AWS request is told by its target header.
pub(crate) fn is_admin(parts: &Parts) -> bool {
    parts.uri.path().starts_with("/_anabranch/") && !parts.headers.contains_key("x-amz-target")
}

pub(crate) fn answer(cells: &dyn Cells, parts: &Parts) -> Reply {
    match (&parts.method, parts.uri.path()) {
        (&Method::GET | &Method::HEAD, "/_anabranch/health") => health(cells),
        (_, "/_anabranch/health") => reply::empty(StatusCode::METHOD_NOT_ALLOWED),
        _ => reply::empty(StatusCode::NOT_FOUND),
    }
}

fn health(cells: &dyn Cells) -> Reply {
    let (status, word) = match cells.health() {
        StoreHealth::Writable => (StatusCode::OK, "ok"),
        // Reads go on, and writes come back by themselves.
        StoreHealth::Full => (StatusCode::OK, "full"),
        StoreHealth::Failed => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
    };
    let body = json!({
        "status": word,
        "durability": cells.durability().to_string(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    reply::with_body(status, Some("application/json"), body.to_string().into_bytes())
}
