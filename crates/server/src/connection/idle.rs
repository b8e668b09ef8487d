//! Ending connections on which nothing happens.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a connection may make no progress in either direction. Longer than clients commonly
/// keep unused connections, so that it is mostly they who close; the longest silence that the
/// service itself makes is the wait for memory, half a minute.
pub(crate) const IDLE_PATIENCE: Duration = Duration::from_secs(75);

/// A socket that fails with [`io::ErrorKind::TimedOut`] when it has moved no byte in either
/// direction for [`IDLE_PATIENCE`] and is asked to move one.
///
/// There is one timer, and a byte moved does not touch it: it looks at the time of the last
/// progress when it fires, and goes on from there.
///
/// Invariant: whoever waits for the socket is woken by the timer, because the timer was polled
/// after the socket said that it is not ready. Reading and writing are one task's work.
#[derive(Debug)]
pub(crate) struct Idle<S> {
    socket: S,
    last_progress: Instant,
    timer: Pin<Box<Sleep>>,
}

impl<S> Idle<S> {
    pub(crate) fn new(socket: S) -> Self {
        let now = Instant::now();
        Self { socket, last_progress: now, timer: Box::pin(sleep_until(now + IDLE_PATIENCE)) }
    }

    /// What to say when the socket said `outcome` of moving bytes.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.last_progress = Instant::now();
            return outcome;
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let end = self.last_progress + IDLE_PATIENCE;
            if end <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.timer.as_mut().reset(end);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Idle<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.socket).poll_read(cx, buffer);
        self.watch(cx, outcome)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Idle<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write(cx, data);
        self.watch(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, data);
        self.watch(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    // Of a flush or an end only the wait is watched: they are asked for when nothing moves too.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.socket).poll_flush(cx) {
            Poll::Pending => self.watch(cx, Poll::Pending),
            ready => ready,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.socket).poll_shutdown(cx) {
            Poll::Pending => self.watch(cx, Poll::Pending),
            ready => ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_read() {
        let (_client, server) = duplex(10);
        let started = Instant::now();
        let error = Idle::new(server).read_u8().await.expect_err("nothing comes");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed(), IDLE_PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_ends_a_write() {
        let (_client, server) = duplex(10);
        let mut server = Idle::new(server);
        let error = server.write_all(&[0; 100]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_is_counted_from_the_last_progress() {
        let (mut client, server) = duplex(10);
        let mut server = Idle::new(server);
        let started = Instant::now();
        let writing = async {
            for _ in 0..3 {
                sleep(Duration::from_secs(50)).await;
                client.write_u8(1).await.expect("there is room");
            }
        };
        let reading = async { while server.read_u8().await.is_ok() {} };
        tokio::join!(writing, reading);
        assert_eq!(started.elapsed(), Duration::from_secs(150) + IDLE_PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_of_events_keeps_a_connection_whose_client_says_nothing() {
        let (mut client, server) = duplex(10);
        let (mut reading, mut writing) = tokio::io::split(Idle::new(server));
        let events = async {
            for _ in 0..60 {
                sleep(Duration::from_secs(5)).await;
                writing.write_u8(1).await.expect("alive");
            }
        };
        let taking = async { while client.read_u8().await.is_ok() {} };
        tokio::select! {
            () = events => {}
            () = taking => panic!("ended"),
            _ = reading.read_u8() => panic!("gave up on a connection at work"),
        }
    }
}
