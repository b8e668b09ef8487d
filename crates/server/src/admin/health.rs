//! `health`: whether the process is to be left alone. For everybody.

use super::server::Server;
use http::StatusCode;
use serde_json::{Value, json};

pub(super) fn answer(server: &Server) -> (StatusCode, Value) {
    let (status, word) = server.health();
    let body = json!({
        "status": word,
        "deletion": if server.deletion_held_ms().is_some() { "held" } else { "on" },
        "refusedForMemory": server.refused_bodies(),
        "durability": server.durability.to_string(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    (status, body)
}

/// The word alone, for where the services are: how the server is set up concerns no caller.
pub(super) fn answer_beside_services(server: &Server) -> (StatusCode, Value) {
    let (status, word) = server.health();
    (status, json!({ "status": word }))
}
