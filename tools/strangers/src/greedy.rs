//! A known caller that asks for much and reads nothing.

use anabranch_protocol::sigv4::{Credentials, Request, Signer, sha256_hex};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::known::{self, ACCESS_KEY_ID, SECRET_ACCESS_KEY, STREAM};

/// Asks for ten megabytes, and keeps the connection until the server ends it.
pub(crate) async fn once(address: &str) -> Result<()> {
    let mut socket = TcpStream::connect(address).await?;
    let input = json!({
        "StreamName": STREAM,
        "ShardId": "shardId-000000000000",
        "ShardIteratorType": "TRIM_HORIZON",
    });
    socket.write_all(&signed("GetShardIterator", &input)).await?;
    let mut reply = Vec::new();
    let iterator = loop {
        let read = socket.read_buf(&mut reply).await?;
        anyhow::ensure!(read > 0, "the connection ended");
        let body = reply.windows(4).position(|four| four == b"\r\n\r\n").map(|at| &reply[at + 4..]);
        if let Some(Ok(body)) = body.map(serde_json::from_slice::<Value>) {
            break body["ShardIterator"].as_str().context("no iterator")?.to_owned();
        }
    };
    socket.write_all(&signed("GetRecords", &json!({ "ShardIterator": iterator }))).await?;
    // Not read, but watched: one byte of it is there as long as nobody takes it.
    std::future::pending().await
}

fn signed(operation: &str, input: &Value) -> Vec<u8> {
    let credentials = Credentials {
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: SECRET_ACCESS_KEY.to_owned(),
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
    let signature =
        Signer::new(credentials, "us-east-1", "kinesis").sign(&request, known::now_secs());
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: {target}\r\nx-amz-date: {}\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
        signature.x_amz_date,
        signature.authorization,
        body.len()
    )
    .into_bytes()
}
