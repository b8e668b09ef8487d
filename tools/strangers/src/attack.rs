//! What strangers do. No attack looks at what it is answered, so that it does the same to a listener that
//! only swallows.

use std::time::Duration;

use anabranch_protocol::sigv4::Timestamp;
use anyhow::Result;
use clap::ValueEnum;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::sleep;

use crate::keys::{BURDENED, REGION, TRAVELLER};
use crate::{greedy, http2, keys, regions};

/// Largest body that the server takes.
const BODY_BYTES: usize = 16 << 20;
/// Of a body that is decoded before its caller is known, of most operations.
const DECODED_BYTES: usize = 64 << 10;
/// What a user agent has at most that policies look at.
pub(crate) const LONG_AGENT: usize = 512;

/// An attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Attack {
    /// 17 HTTP/2 connections, 250 requests each, whose bodies come 256 bytes at a time
    Trickle,
    /// Bodies of 16 MiB with an unknown key
    Bodies,
    /// Bodies of empty list items with an unknown key
    Lists,
    /// 100 bodies a second of an unknown key that are decoded all the same: 64 KiB, all of it empty tag keys
    Decoding,
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
    /// A thousand small requests a second to an open server, each by a caller of another name
    Names,
    /// Not by strangers: a key that opens shards and has keys made in 28 Regions and in a million that are none
    Regions,
    /// Not by strangers: a key whose policies take more steps than a decision has, 25 times a second
    Policies,
    /// Not by strangers: a known caller asks for ten megabytes again and again and reads nothing
    Greedy,
}

/// Whom a server lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Who has a key.
    Guarded,
    /// Everybody.
    Open,
}

impl Attack {
    pub(crate) fn door(self) -> Door {
        if self == Self::Names { Door::Open } else { Door::Guarded }
    }

    /// Whether it is to be compared with the same to a listener that only swallows. Otherwise it depends
    /// on answers.
    pub(crate) fn is_blind(self) -> bool {
        self != Self::Greedy
    }

    fn connections(self) -> usize {
        match self {
            Self::Trickle => 17,
            Self::Bodies | Self::Lists | Self::Signatures | Self::Names => 16,
            Self::Windows => 300,
            Self::Heads => 1000,
            Self::Pings => 1200,
            Self::Connects | Self::Regions => 8,
            Self::Decoding => 4,
            Self::Policies => 1,
            Self::Greedy => 60,
        }
    }

    /// `connection` is its number among those of this attack.
    async fn once(self, address: &str, connection: usize) -> Result<()> {
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
            ended = self.send(&mut to, connection) => ended,
            ended = swallowing => ended,
        }
    }

    async fn send(self, to: &mut OwnedWriteHalf, connection: usize) -> Result<()> {
        match self {
            Self::Trickle => {
                to.write_all(&http2::opening()).await?;
                let streams = (0..250).map(|number| 2 * number + 1);
                for stream in streams.clone() {
                    to.write_all(&http2::request(
                        stream,
                        &headers("STRANGER", "AddTagsToStream", BODY_BYTES),
                    ))
                    .await?;
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
                    to.write_all(&http2::request(
                        stream,
                        &headers("STRANGER", "AddTagsToStream", BODY_BYTES),
                    ))
                    .await?;
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
            Self::Decoding => {
                let start = r#"{"StreamName":"s","TagKeys":[""#;
                let body = format!("{start}{}\"]}}", "\",\"".repeat((DECODED_BYTES - 100) / 3));
                repeat(to, 40, |_| stranger("STRANGER", "RemoveTagsFromStream", &body)).await
            }
            Self::Signatures => paced(to, b"{} ", 3, 15).await,
            Self::Names => {
                // What is too long for a name, and what is not.
                let rest = ["n".repeat(100), "n".repeat(4000)];
                repeat(to, 15, |number| {
                    let id = format!("{connection}-{number}-{}", rest[number % 2]);
                    stranger(&id, "DescribeStreamSummary", r#"{"StreamName":"no-such"}"#)
                })
                .await
            }
            Self::Regions => {
                repeat(to, 80, |number| regions::request(TRAVELLER, connection, number)).await
            }
            Self::Policies => {
                let agent = "a".repeat(LONG_AGENT);
                let input = json!({ "StreamName": crate::caller::STREAM });
                repeat(to, 40, |_| {
                    BURDENED.request(REGION, &agent, "DescribeStreamSummary", &input)
                })
                .await
            }
            // Reads as well, and so is not here.
            Self::Greedy => Ok(()),
        }
    }
}

/// Requests whose bodies repeat some bytes, a pause after each piece.
async fn paced(to: &mut OwnedWriteHalf, piece: &[u8], bytes: usize, pause_ms: u64) -> Result<()> {
    let head = http1_head(&headers("STRANGER", "AddTagsToStream", bytes));
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

/// Requests that are made for their number, a pause after each.
async fn repeat(
    to: &mut OwnedWriteHalf,
    pause_ms: u64,
    request: impl Fn(usize) -> Vec<u8>,
) -> Result<()> {
    for number in 0.. {
        to.write_all(&request(number)).await?;
        sleep(Duration::from_millis(pause_ms)).await;
    }
    Ok(())
}

/// A whole request of somebody who has no key of this id.
fn stranger(id: &str, operation: &str, body: &str) -> Vec<u8> {
    format!("{}{body}", http1_head(&headers(id, operation, body.len()))).into_bytes()
}

fn http1_head(headers: &[(&str, String)]) -> String {
    let head: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST / HTTP/1.1\r\nhost: localhost\r\n{head}\r\n")
}

/// As a client has them that signs.
fn headers(id: &str, operation: &str, bytes: usize) -> Vec<(&'static str, String)> {
    let now = Timestamp::from_unix(keys::now_secs());
    let credential = format!("{id}/{}/{REGION}/kinesis/aws4_request", now.date());
    vec![
        ("content-type", "application/x-amz-json-1.1".to_owned()),
        ("x-amz-target", format!("Kinesis_20131202.{operation}")),
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
    for connection in 0..attack.connections() {
        let address = address.to_owned();
        connections.spawn(async move {
            loop {
                // However it ends, it is tried again.
                let _ = attack.once(&address, connection).await;
                sleep(Duration::from_millis(20)).await;
            }
        });
    }
    connections.join_all().await;
}
