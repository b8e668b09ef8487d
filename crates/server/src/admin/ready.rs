//! `ready`: whether requests are to be sent here. For everybody.

use super::server::Server;
use http::StatusCode;
use serde_json::{Value, json};

pub(super) fn answer(server: &Server) -> (StatusCode, Value) {
    let (status, word) = server.readiness();
    (status, json!({ "status": word }))
}

/// The same in the words that it always had below `/_anabranch/`.
pub(super) fn answer_below_prefix(server: &Server) -> (StatusCode, Value) {
    let (status, word) = server.readiness();
    let word = match word {
        "ready" => "ok",
        "draining" => "stopping",
        other => other,
    };
    (status, json!({ "status": word }))
}
