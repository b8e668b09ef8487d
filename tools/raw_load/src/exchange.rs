//! Closed loops: a request, its reply, the next request.

use std::time::Instant;

use anyhow::{Context, bail, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::arguments::Common;
use crate::report::{Tally, Window, measure};

const READ_BYTES: usize = 256 << 10;

/// A protocol on a connection.
pub(crate) trait Exchange: Send + 'static {
    /// What comes before the first request.
    async fn begin(&mut self, wire: &mut Wire) -> anyhow::Result<()>;

    /// The next request.
    fn request(&mut self) -> &[u8];

    /// Reads the reply to its end, and tells how many bytes of it or of the request count.
    async fn reply(&mut self, wire: &mut Wire) -> anyhow::Result<u64>;
}

/// A connection and what came on it and was not taken yet.
pub(crate) struct Wire {
    stream: TcpStream,
    inbox: Vec<u8>,
    buffer: Vec<u8>,
}

impl Wire {
    async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: Vec::new(), buffer: vec![0; READ_BYTES] })
    }

    async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read(&mut self.buffer).await?;
        ensure!(read > 0, "the server closed the connection");
        self.inbox.extend_from_slice(&self.buffer[..read]);
        Ok(())
    }

    /// Takes up to the end of the next line, or of whatever else `end` is.
    async fn take_until(&mut self, end: &[u8]) -> anyhow::Result<Vec<u8>> {
        loop {
            if let Some(at) = memmem::find(&self.inbox, end) {
                return Ok(self.inbox.drain(..at + end.len()).collect());
            }
            self.fill().await?;
        }
    }

    async fn take(&mut self, len: usize) -> anyhow::Result<Vec<u8>> {
        while self.inbox.len() < len {
            self.fill().await?;
        }
        Ok(self.inbox.drain(..len).collect())
    }

    /// Reads and drops.
    async fn skip(&mut self, len: usize) -> anyhow::Result<()> {
        let here = self.inbox.len().min(len);
        self.inbox.drain(..here);
        let mut left = len - here;
        while left > 0 {
            let room = self.buffer.len().min(left);
            let read = self.stream.read(&mut self.buffer[..room]).await?;
            ensure!(read > 0, "the server closed the connection");
            left -= read;
        }
        Ok(())
    }
}

/// Runs all connections and prints the report.
pub(crate) async fn closed_loop<E: Exchange>(
    common: &Common,
    exchanges: Vec<E>,
) -> anyhow::Result<()> {
    let mut ready = Vec::new();
    for mut exchange in exchanges {
        let mut wire = Wire::open(&common.address).await?;
        exchange.begin(&mut wire).await?;
        ready.push((exchange, wire));
    }
    let window = Window::new(common);
    let workers = ready.into_iter().map(|(exchange, wire)| run(exchange, wire, window));
    measure(common, window, workers).await
}

async fn run<E: Exchange>(mut exchange: E, mut wire: Wire, window: Window) -> Tally {
    let mut tally = Tally::new();
    loop {
        let began = Instant::now();
        if began >= window.until {
            return tally;
        }
        let outcome = match wire.send(exchange.request()).await {
            Ok(()) => exchange.reply(&mut wire).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(bytes) if window.counts(began) => {
                tally.record(began.elapsed());
                tally.requests += 1;
                tally.bytes += bytes;
            }
            Ok(_) => {}
            Err(error) => {
                // What follows on this connection would mean nothing.
                *tally.errors.entry(format!("{error:#}")).or_default() += 1;
                return tally;
            }
        }
    }
}

fn random_text(len: usize) -> Vec<u8> {
    (0..len).map(|_| rand::random_range(b'0'..=b'z')).collect()
}

/// XADD, one for each record.
pub(crate) struct RedisStreams {
    request: Vec<u8>,
    record_bytes: u64,
}

impl RedisStreams {
    pub(crate) fn new(stream: usize, record_bytes: usize) -> Self {
        let mut request = Vec::new();
        let key = format!("bench-{stream}").into_bytes();
        let data = random_text(record_bytes);
        let words = [&b"XADD"[..], &key, b"*", b"d", &data];
        request.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        Self { request, record_bytes: record_bytes as u64 }
    }
}

impl Exchange for RedisStreams {
    async fn begin(&mut self, _: &mut Wire) -> anyhow::Result<()> {
        Ok(())
    }

    fn request(&mut self) -> &[u8] {
        &self.request
    }

    async fn reply(&mut self, wire: &mut Wire) -> anyhow::Result<u64> {
        let head = wire.take_until(b"\r\n").await?;
        let text = String::from_utf8_lossy(&head);
        let Some(len) = text.trim_end().strip_prefix('$') else { bail!("Redis: {text}") };
        wire.skip(len.parse::<usize>()? + 2).await?;
        Ok(self.record_bytes)
    }
}

/// A publish with a reply subject, for each record.
pub(crate) struct JetStream {
    number: usize,
    streams: usize,
    inbox: String,
    request: Vec<u8>,
    record_bytes: u64,
}

impl JetStream {
    pub(crate) fn new(number: usize, streams: usize, record_bytes: usize) -> Self {
        let inbox = format!("_INBOX.bench{number}");
        let subject = format!("bench.{}", number % streams);
        let mut request = format!("PUB {subject} {inbox} {record_bytes}\r\n").into_bytes();
        request.extend_from_slice(&random_text(record_bytes));
        request.extend_from_slice(b"\r\n");
        Self { number, streams, inbox, request, record_bytes: record_bytes as u64 }
    }

    /// The next message's payload. The server's pings are answered.
    async fn message(&self, wire: &mut Wire) -> anyhow::Result<Vec<u8>> {
        loop {
            let line = wire.take_until(b"\r\n").await?;
            let text = String::from_utf8_lossy(&line).into_owned();
            let mut words = text.split_ascii_whitespace();
            match words.next() {
                Some("MSG") => {
                    let len: usize =
                        words.next_back().context("a message has a length")?.parse()?;
                    let mut payload = wire.take(len + 2).await?;
                    payload.truncate(len);
                    return Ok(payload);
                }
                Some("PING") => wire.send(b"PONG\r\n").await?,
                Some("PONG" | "+OK" | "INFO") => {}
                _ => bail!("NATS: {text}"),
            }
        }
    }
}

impl Exchange for JetStream {
    async fn begin(&mut self, wire: &mut Wire) -> anyhow::Result<()> {
        wire.take_until(b"\r\n").await?;
        let hello = "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\
                     \"lang\":\"rust\",\"version\":\"1\",\"protocol\":1}\r\n";
        wire.send(format!("{hello}SUB {} 1\r\n", self.inbox).as_bytes()).await?;
        // The first connection makes the streams for all.
        let missing = if self.number == 0 { self.streams } else { 0 };
        for stream in 0..missing {
            let body = format!(
                "{{\"name\":\"bench-{stream}\",\"subjects\":[\"bench.{stream}\"],\
                 \"storage\":\"file\",\"retention\":\"limits\",\"num_replicas\":1}}"
            );
            let request = format!(
                "PUB $JS.API.STREAM.CREATE.bench-{stream} {} {}\r\n{body}\r\n",
                self.inbox,
                body.len()
            );
            wire.send(request.as_bytes()).await?;
            let reply = self.message(wire).await?;
            let text = String::from_utf8_lossy(&reply);
            ensure!(!text.contains("\"error\""), "JetStream: {text}");
        }
        Ok(())
    }

    fn request(&mut self) -> &[u8] {
        &self.request
    }

    async fn reply(&mut self, wire: &mut Wire) -> anyhow::Result<u64> {
        let payload = self.message(wire).await?;
        if memmem::find(&payload, b"\"seq\"").is_none() {
            bail!("JetStream: {}", String::from_utf8_lossy(&payload));
        }
        Ok(self.record_bytes)
    }
}

/// HTTP/1.1 requests in turn.
pub(crate) struct Http {
    requests: Vec<Vec<u8>>,
    next: usize,
}

impl Http {
    pub(crate) fn new(requests: Vec<Vec<u8>>, next: usize) -> Self {
        Self { requests, next }
    }
}

impl Exchange for Http {
    async fn begin(&mut self, _: &mut Wire) -> anyhow::Result<()> {
        Ok(())
    }

    fn request(&mut self) -> &[u8] {
        self.next = (self.next + 1) % self.requests.len();
        &self.requests[self.next]
    }

    async fn reply(&mut self, wire: &mut Wire) -> anyhow::Result<u64> {
        let head = wire.take_until(b"\r\n\r\n").await?;
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap_or_default();
        ensure!(status == "200", "HTTP: status {status}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.context("HTTP: no content-length")?.trim().parse()?;
        wire.skip(length).await?;
        Ok(length as u64)
    }
}
