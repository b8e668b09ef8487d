//! `ready`: whether requests are to be sent here. For everybody.

use super::server::Server;
use http::StatusCode;
use serde_json::{Value, json};

pub(super) fn answer(server: &Server) -> (StatusCode, Value) {
    let (status, word) = match *server.stopping.borrow() {
        true => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        false => server.health(),
    };
    (status, json!({ "status": word }))
}
