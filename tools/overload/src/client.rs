//! A cheap client: requests are built once, replies are searched and not parsed.

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Different requests, used in turn.
const VARIETY: usize = 16;

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Status 200; of its records, so many failed, for this reason.
    Stored { failed: u64, code: String },
    /// Another status.
    Refused { status: u16, code: String },
    /// The connection broke.
    Broken(String),
}

/// Requests of PutRecords.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) records: usize,
    texts: Vec<Vec<u8>>,
}

impl Requests {
    pub(crate) fn new(records: usize, record_bytes: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let mut text = || {
            let entries: Vec<String> = (0..records)
                .map(|_| {
                    let mut data = vec![0; record_bytes];
                    rng.fill_bytes(&mut data);
                    let key: u64 = rng.random();
                    let data = base64_simd::STANDARD.encode_to_string(&data);
                    format!(r#"{{"Data":"{data}","PartitionKey":"{key:x}"}}"#)
                })
                .collect();
            let entries = entries.join(",");
            let body = format!(r#"{{"StreamName":"overload","Records":[{entries}]}}"#);
            request("PutRecords", body.as_bytes())
        };
        Self { records, texts: (0..VARIETY).map(|_| text()).collect() }
    }

    pub(crate) fn nth(&self, number: usize) -> &[u8] {
        &self.texts[number % self.texts.len()]
    }
}

/// A request whose signature is made up.
pub(crate) fn request(operation: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: Kinesis_20131202.{operation}\r\nx-amz-date: 20260101T000000Z\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/kinesis/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={:064}\r\n\
         content-length: {}\r\n\r\n",
        0,
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A connection on which one request is under way at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    reply: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, reply: Vec::new() })
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Outcome> {
        self.socket.write_all(request).await?;
        self.reply.clear();
        loop {
            if self.socket.read_buf(&mut self.reply).await? == 0 {
                return Ok(Outcome::Broken("the connection ended".to_owned()));
            }
            if let Some((status, body_at, end)) = head_of(&self.reply)?
                && self.reply.len() >= end
            {
                return Ok(judge(status, &self.reply[body_at..end]));
            }
        }
    }
}

/// Status, start and end of the body; `None` while the head is not whole.
fn head_of(reply: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let Some(end) = reply.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&reply[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: Option<usize> = length.and_then(|length| length.trim().parse().ok());
    let (status, length) = status.zip(length).context("a reply without status or length")?;
    Ok(Some((status, end + 4, end + 4 + length)))
}

fn judge(status: u16, body: &[u8]) -> Outcome {
    if status != 200 {
        return Outcome::Refused { status, code: text_after(body, br#""__type":""#) };
    }
    let name = br#""FailedRecordCount":"#;
    let count = find(body, name).map_or(&b""[..], |at| &body[at + name.len()..]);
    let digits = count.iter().take_while(|byte| byte.is_ascii_digit());
    let failed = digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    let code = match failed {
        0 => String::new(),
        _ => text_after(body, br#""ErrorCode":""#),
    };
    Outcome::Stored { failed, code }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn text_after(body: &[u8], name: &[u8]) -> String {
    let text = find(body, name).map_or(&b""[..], |at| &body[at + name.len()..]);
    let text = text.split(|byte| *byte == b'"').next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// One request on a connection of its own, without an event loop.
pub(crate) fn ask_health(address: &str) -> Result<()> {
    use std::io::{Read, Write};
    let mut socket = std::net::TcpStream::connect(address)?;
    socket.set_read_timeout(Some(std::time::Duration::from_secs(60)))?;
    socket.write_all(
        b"GET /_anabranch/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    )?;
    let mut reply = Vec::new();
    socket.read_to_end(&mut reply)?;
    ensure!(reply.starts_with(b"HTTP/1.1 200"), "health is not well");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_judged() {
        let stored = Outcome::Stored { failed: 0, code: String::new() };
        assert_eq!(judge(200, br#"{"FailedRecordCount":0,"Records":[]}"#), stored);
        let body = br#"{"FailedRecordCount":12,"Records":[{"ErrorCode":"A","ErrorMessage":"b"}]}"#;
        assert_eq!(judge(200, body), Outcome::Stored { failed: 12, code: "A".to_owned() });
        let refused = Outcome::Refused { status: 503, code: "B".to_owned() };
        assert_eq!(judge(503, br#"{"__type":"B"}"#), refused);
    }

    #[test]
    fn the_end_of_a_reply_is_found() {
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(head_of(reply).expect("valid"), Some((200, 38, 43)));
        assert_eq!(head_of(&reply[..20]).expect("valid so far"), None);
        assert!(head_of(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
