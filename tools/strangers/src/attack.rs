//! What strangers do. No attack looks at what it is answered, so that it does the same to a listener that
//! only swallows.

use std::time::Duration;

use anabranch_protocol::sigv4::Timestamp;
use anyhow::Result;
use clap::ValueEnum;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::sleep;

use crate::{greedy, http2, known};

/// Largest body that the server takes.
const BODY_BYTES: usize = 16 << 20;

/// An attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Attack {
    /// 17 HTTP/2 connections, 250 requests each, whose bodies come 256 bytes at a time
    Trickle,
    /// Bodies of 16 MiB with an unknown key
    Bodies,
    /// Bodies of empty list items with an unknown key
    Lists,
    /// 300 HTTP/2 connections that send ahead what they may and then nothing
    Windows,
    /// 1,000 heads of 60 KB that do not end
    Heads,
    /// HTTP/2 connections that only ping, more than there are places
    Pings,
    /// Connections that come and go
    Connects,
    /// A thousand small requests a second with an unknown key
    Signatures,
    /// Not by strangers: a known caller asks for ten megabytes again and again and reads nothing
    Greedy,
}

impl Attack {
    /// Those of strangers.
    pub(crate) const STRANGERS: [Self; 8] = [
        Self::Trickle,
        Self::Bodies,
        Self::Lists,
        Self::Windows,
        Self::Heads,
        Self::Pings,
        Self::Connects,
        Self::Signatures,
    ];

    fn connections(self) -> usize {
        match self {
            Self::Trickle => 17,
            Self::Bodies | Self::Lists | Self::Signatures => 16,
            Self::Windows => 300,
            Self::Heads => 1000,
            Self::Pings => 1200,
            Self::Connects => 8,
            Self::Greedy => 60,
        }
    }

    async fn once(self, address: &str) -> Result<()> {
        if self == Self::Greedy {
            return greedy::once(address).await;
        }
        let socket = TcpStream::connect(address).await?;
        let (mut answers, mut to) = socket.into_split();
        let swallowing = async {
            let mut buffer = vec![0; 16 << 10];
            while answers.read(&mut buffer).await? > 0 {}
            anyhow::Ok(())
        };
        tokio::select! {
            ended = self.send(&mut to) => ended,
            ended = swallowing => ended,
        }
    }

    async fn send(self, to: &mut OwnedWriteHalf) -> Result<()> {
        match self {
            Self::Trickle => {
                to.write_all(&http2::opening()).await?;
                let streams = (0..250).map(|number| 2 * number + 1);
                for stream in streams.clone() {
                    to.write_all(&http2::request(stream, &headers(BODY_BYTES))).await?;
                }
                loop {
                    for stream in streams.clone() {
                        to.write_all(&http2::data(stream, &[b' '; 256])).await?;
                    }
                    sleep(Duration::from_secs(1)).await;
                }
            }
            Self::Windows => {
                to.write_all(&http2::opening()).await?;
                for stream in [1, 3, 5, 7] {
                    to.write_all(&http2::request(stream, &headers(BODY_BYTES))).await?;
                    to.write_all(&http2::data(stream, &[b'x'; 16_000])).await?;
                }
                std::future::pending().await
            }
            Self::Pings => {
                to.write_all(&http2::opening()).await?;
                loop {
                    to.write_all(&http2::ping()).await?;
                    sleep(Duration::from_secs(2)).await;
                }
            }
            Self::Heads => {
                let head =
                    format!("POST / HTTP/1.1\r\nhost: localhost\r\nx: {}", "y".repeat(60_000));
                to.write_all(head.as_bytes()).await?;
                std::future::pending().await
            }
            Self::Connects => {
                to.write_all(b"POST / HT").await?;
                sleep(Duration::from_millis(10)).await;
                Ok(())
            }
            Self::Bodies => paced(to, &b"{},".repeat(87_000), BODY_BYTES, 40).await,
            Self::Lists => paced(to, &b"\"\",".repeat(87_000), 1 << 20, 40).await,
            // Reads as well, and so is not here.
            Self::Greedy => Ok(()),
            Self::Signatures => paced(to, b"{} ", 3, 15).await,
        }
    }
}

/// Requests whose bodies repeat some bytes, a pause after each piece.
async fn paced(to: &mut OwnedWriteHalf, piece: &[u8], bytes: usize, pause_ms: u64) -> Result<()> {
    let head: String =
        headers(bytes).iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("POST / HTTP/1.1\r\nhost: localhost\r\n{head}\r\n");
    loop {
        to.write_all(head.as_bytes()).await?;
        let mut left = bytes;
        while left > 0 {
            let size = left.min(piece.len());
            to.write_all(&piece[..size]).await?;
            left -= size;
            sleep(Duration::from_millis(pause_ms)).await;
        }
    }
}

/// As a client has them that signs, with a key that nobody knows.
fn headers(bytes: usize) -> Vec<(&'static str, String)> {
    let now = Timestamp::from_unix(known::now_secs());
    let credential = format!("STRANGER/{}/us-east-1/kinesis/aws4_request", now.date());
    vec![
        ("content-type", "application/x-amz-json-1.1".to_owned()),
        ("x-amz-target", "Kinesis_20131202.AddTagsToStream".to_owned()),
        ("x-amz-date", now.as_str().to_owned()),
        (
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={credential}, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={:064}",
                0
            ),
        ),
        ("content-length", bytes.to_string()),
    ]
}

/// Attacks for ever.
pub(crate) async fn run(attack: Attack, address: &str) {
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..attack.connections() {
        let address = address.to_owned();
        connections.spawn(async move {
            loop {
                // However it ends, it is tried again.
                let _ = attack.once(&address).await;
                sleep(Duration::from_millis(20)).await;
            }
        });
    }
    connections.join_all().await;
}
