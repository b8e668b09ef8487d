//! Somebody who comes while an attack goes on.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::connection::Connection;

/// How long a new connection waits for its first answer.
pub(crate) async fn wait(address: &str) -> Result<Duration> {
    let came = Instant::now();
    let request = b"GET /_anabranch/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = Connection::open(address).await?.ask(request).await?;
    ensure!(answer.status == 200, "a newcomer is told {}", answer.text());
    Ok(came.elapsed())
}
