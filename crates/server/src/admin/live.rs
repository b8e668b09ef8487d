//! `live`: whether a restart would help, for probes that order one. For everybody.

use super::server::Server;
use http::StatusCode;
use serde_json::{Value, json};

pub(super) fn answer(server: &Server) -> (StatusCode, Value) {
    let status = server.health().0;
    (status, json!({ "status": server.readiness().1 }))
}
