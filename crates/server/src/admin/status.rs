//! `status`: what this server is and has found at its start. For those who may `anabranch:GetStatus`.

use super::server::Server;
use anabranch_engine::RecoverySummary;
use http::StatusCode;
use serde_json::{Value, json};

pub(super) fn answer(server: &Server) -> (StatusCode, Value) {
    let Some(cells) = server.cells() else {
        return (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": server.health().1 }));
    };
    let RecoverySummary { streams, records, journal_bytes, torn_bytes } = cells.recovery();
    let body = json!({
        "status": server.health().1,
        "version": env!("CARGO_PKG_VERSION"),
        "durability": cells.durability().to_string(),
        "cells": cells.all().len(),
        "nowMs": cells.now_ms(),
        "deletionHeldMs": server.deletion_held_ms(),
        "auditLinesLost": server.audit.as_ref().map(|audit| audit.lost_lines()),
        "refusedForMemory": server.refused_bodies(),
        "unknownCallers": server.strangers.total(),
        "recovery": {
            "streams": streams,
            "records": records,
            "journalBytes": journal_bytes,
            "tornBytes": torn_bytes,
        },
    });
    (StatusCode::OK, body)
}
