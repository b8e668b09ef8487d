//! Bytes without end: taking them, and sending them.

use std::time::Instant;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::arguments::Common;
use crate::report::{Tally, Window, measure};

const READ_BYTES: usize = 64 << 10;
/// About what an event of a busy subscription has.
const WRITE_BYTES: usize = 256 << 10;

/// Sends each request on a connection of its own and counts the bytes that come. Prints a line
/// when all replies have begun, and the report at the end.
pub(crate) async fn drain(common: &Common, requests: Vec<Vec<u8>>) -> anyhow::Result<()> {
    let mut connections = Vec::new();
    for request in requests {
        let mut stream = TcpStream::connect(&common.address).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.write_all(&request).await?;
        let mut first = vec![0; READ_BYTES];
        let read = stream.read(&mut first).await?;
        let head = String::from_utf8_lossy(&first[..read]);
        ensure!(head.starts_with("HTTP/1.1 200"), "no stream: {head}");
        connections.push(stream);
    }
    println!("draining {} connections", connections.len());
    let window = Window::new(common);
    let readers = connections.into_iter().map(|stream| read(stream, window));
    measure(common, window, readers).await
}

async fn read(mut stream: TcpStream, window: Window) -> Tally {
    let mut tally = Tally::new();
    let mut buffer = vec![0; READ_BYTES];
    let end = tokio::time::sleep_until(window.until.into());
    tokio::pin!(end);
    loop {
        let outcome = tokio::select! {
            () = &mut end => return tally,
            outcome = stream.read(&mut buffer) => outcome,
        };
        match outcome {
            Ok(0) => {
                *tally.errors.entry("the server closed the connection".to_owned()).or_default() +=
                    1;
                return tally;
            }
            Ok(read) if window.counts(Instant::now()) => {
                tally.requests += 1;
                tally.bytes += read as u64;
            }
            Ok(_) => {}
            Err(error) => {
                *tally.errors.entry(error.to_string()).or_default() += 1;
                return tally;
            }
        }
    }
}

/// Answers every connection with bytes until it is closed.
pub(crate) async fn blast(address: &str) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut request = vec![0; 4096];
            // Whatever ends a connection is the client's doing.
            let Ok(read) = stream.read(&mut request).await else { return };
            if read == 0 || stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_err() {
                return;
            }
            let block = vec![b'x'; WRITE_BYTES];
            while stream.write_all(&block).await.is_ok() {}
        });
    }
}
