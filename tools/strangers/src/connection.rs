//! A connection of somebody who reads the answers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer is waited for: longer than the server has anybody wait for memory and the disk.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Connection {
    socket: TcpStream,
    /// What has arrived of an answer.
    buffer: Vec<u8>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }

    /// For people: the status and the beginning of the body.
    pub(crate) fn text(&self) -> String {
        let start = &self.body[..self.body.len().min(200)];
        format!("{} {}", self.status, String::from_utf8_lossy(start))
    }
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: Vec::new() })
    }

    /// Asks, and reads the whole answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        timeout(PATIENCE, self.exchange(request)).await.context("no answer")?
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.socket.write_all(request).await?;
        self.buffer.clear();
        let body_at = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.read().await?;
        };
        let head = std::str::from_utf8(&self.buffer[..body_at])?.to_ascii_lowercase();
        let status = head.split_ascii_whitespace().nth(1).context("no status")?.parse()?;
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(Ok(0), |length| length.trim().parse())?;
        while self.buffer.len() < body_at + length {
            self.read().await?;
        }
        Ok(Answer { status, body: self.buffer[body_at..].to_vec() })
    }

    async fn read(&mut self) -> Result<()> {
        let read = self.socket.read_buf(&mut self.buffer).await?;
        ensure!(read > 0, "the connection ended");
        Ok(())
    }

    /// Asks and does not read.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.socket.write_all(request).await?)
    }
}
