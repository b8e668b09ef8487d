//! Whose keys there are, and requests that are signed with them.

use std::time::{SystemTime, UNIX_EPOCH};

use anabranch_protocol::sigv4::{Credentials, Request, Signer, sha256_hex};
use serde_json::Value;

/// Where everybody's streams are who does not go from Region to Region.
pub(crate) const REGION: &str = "us-east-1";

/// A key that the guarded server knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) user: &'static str,
    pub(crate) account: &'static str,
}

/// Whose rate is measured.
pub(crate) const KNOWN: Key =
    Key { id: "KNOWN", secret: "of-the-load-test", user: "known", account: "123456789012" };
/// Who goes through all Regions.
pub(crate) const TRAVELLER: Key =
    Key { id: "TRAVELLER", secret: "of-many-regions", user: "traveller", account: "222222222222" };
/// Whose policies cost as much to decide about as may be.
pub(crate) const BURDENED: Key =
    Key { id: "BURDENED", secret: "of-many-patterns", user: "burdened", account: "123456789012" };

impl Key {
    /// A request over HTTP/1.1, signed now.
    pub(crate) fn request(
        self,
        region: &str,
        user_agent: &str,
        operation: &str,
        input: &Value,
    ) -> Vec<u8> {
        let credentials = Credentials {
            access_key_id: self.id.to_owned(),
            secret_access_key: self.secret.to_owned(),
            session_token: None,
        };
        let body = input.to_string();
        let target = format!("Kinesis_20131202.{operation}");
        let headers = [
            ("host", &b"localhost"[..]),
            ("content-type", b"application/x-amz-json-1.1"),
            ("x-amz-target", target.as_bytes()),
        ];
        let hash = sha256_hex(body.as_bytes());
        let request = Request {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            payload_sha256_hex: hash.as_str(),
        };
        let signature = Signer::new(credentials, region, "kinesis").sign(&request, now_secs());
        format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.1\r\n\
             user-agent: {user_agent}\r\nx-amz-target: {target}\r\nx-amz-date: {}\r\n\
             authorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
            signature.x_amz_date,
            signature.authorization,
            body.len()
        )
        .into_bytes()
    }

    /// The same where all streams are.
    pub(crate) fn at_home(self, operation: &str, input: &Value) -> Vec<u8> {
        self.request(REGION, "strangers", operation, input)
    }
}

/// Epoch seconds.
pub(crate) fn now_secs() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs().cast_signed()
}
