//! A line of the audit log: a JSON object, its members in this order.
//!
//! ```json
//! {"time":"2026-11-28T05:00:00.123Z","requestId":"0f…","source":"10.0.0.7",
//!  "principal":"arn:aws:iam::123456789012:user/alice","accessKeyId":"AKIA…",
//!  "account":"123456789012","region":"eu-west-1","action":"kinesis:CreateStream",
//!  "resources":["arn:aws:kinesis:eu-west-1:123456789012:stream/orders"],"outcome":"ok","status":200}
//! ```
//!
//! Of a stranger there is no caller. `leftOut` is there if calls of strangers were not written, and how
//! many. Without `status` the call was not answered.

use crate::auth::Caller;
use anabranch_protocol::sigv4::Timestamp;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) now_ms: u64,
    pub(super) request_id: &'a str,
    pub(super) source: IpAddr,
    pub(super) caller: Option<&'a Caller>,
    pub(super) service: &'a str,
    pub(super) operation: &'a str,
    pub(super) resources: &'a [String],
    pub(super) outcome: &'a str,
    pub(super) status: Option<StatusCode>,
    pub(super) left_out: u64,
}

impl Line<'_> {
    /// The line, with its end.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut line = String::from("{");
        let mut member = |name: &str, value: Value| {
            let comma = if line.len() > 1 { "," } else { "" };
            line.push_str(&format!("{comma}\"{name}\":{value}"));
        };
        member("time", json!(time_text(self.now_ms)));
        member("requestId", json!(self.request_id));
        member("source", json!(self.source));
        if let Some(caller) = self.caller {
            member("principal", json!(&*caller.principal_arn));
            member("accessKeyId", json!(&*caller.access_key_id));
            member("account", json!(&*caller.account_id));
            member("region", json!(&*caller.region));
        }
        member("action", json!(format!("{}:{}", self.service, self.operation)));
        member("resources", json!(self.resources));
        member("outcome", json!(self.outcome));
        if let Some(status) = self.status {
            member("status", json!(status.as_u16()));
        }
        if self.left_out > 0 {
            member("leftOut", json!(self.left_out));
        }
        line.push_str("}\n");
        line.into_bytes()
    }
}

/// The line that stands for lines that could not be written.
pub(super) fn of_lost(now_ms: u64, lost: u64) -> Vec<u8> {
    let mut line = Map::new();
    line.insert("lostLines".to_owned(), json!(lost));
    line.insert("time".to_owned(), json!(time_text(now_ms)));
    format!("{}\n", Value::Object(line)).into_bytes()
}

/// RFC 3339, UTC, milliseconds.
fn time_text(now_ms: u64) -> String {
    let basic = Timestamp::from_unix((now_ms / 1000).cast_signed());
    let basic = basic.as_str();
    let (date, time) = (&basic[..8], &basic[9..15]);
    format!(
        "{}-{}-{}T{}:{}:{}.{:03}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &time[..2],
        &time[2..4],
        &time[4..],
        now_ms % 1000
    )
}
