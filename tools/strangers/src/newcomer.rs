//! Somebody who comes while an attack goes on.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How often somebody comes.
const TIMES: usize = 5;

/// How long a new connection waits for its first answer: the median.
pub(crate) async fn wait(address: &str) -> Result<Duration> {
    let mut waits = Vec::new();
    for _ in 0..TIMES {
        let came = Instant::now();
        let mut socket = TcpStream::connect(address).await?;
        let request =
            b"GET /_anabranch/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        socket.write_all(request).await?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await?;
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        waits.push(came.elapsed());
    }
    waits.sort();
    Ok(waits[TIMES / 2])
}
