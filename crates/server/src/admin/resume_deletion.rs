//! `resume-deletion`: the operator says that the wall clock is right, so that what has expired by it
//! is deleted. For those who may `anabranch:ResumeDeletion`.

use super::server::Server;
use http::StatusCode;
use serde_json::{Value, json};

pub(super) fn answer(server: &Server) -> (StatusCode, Value) {
    let Some(cells) = server.cells() else {
        return (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": server.health().1 }));
    };
    cells.all().iter().for_each(|cell| cell.store().resume_deletion());
    tracing::info!("deletion goes on by the wall clock, as the operator says");
    (StatusCode::OK, json!({ "deletion": "on" }))
}
