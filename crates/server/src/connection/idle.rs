//! Ending connections on which nothing happens, or whose client takes what it is sent too slowly.

use super::pace::{IDLE_PATIENCE, Pace};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A socket that fails with [`io::ErrorKind::TimedOut`] when it has moved no byte in either
/// direction for [`IDLE_PATIENCE`] and is asked to move one, or when what is written goes slower than its
/// [`Pace`] allows. A socket that takes at once what it is given has no pace: a stream of events may be
/// as slow as its events are.
///
/// There is one timer, and a byte moved does not touch it: it looks at the time of the last
/// progress when it fires, and goes on from there. A write that has to wait has it fire earlier, if what is
/// left of its client's time ends before: it then does so once until that time has grown again.
///
/// Invariant: whoever waits for the socket is woken by the timer, because the timer was polled
/// after the socket said that it is not ready. Reading and writing are one task's work.
#[derive(Debug)]
pub(crate) struct Idle<S> {
    socket: S,
    last_progress: Instant,
    timer: Pin<Box<Sleep>>,
    pace: Pace,
    /// Whether what is to be written waits, and since when it does or does not.
    is_full: bool,
    since: Instant,
}

impl<S> Idle<S> {
    pub(crate) fn new(socket: S) -> Self {
        let now = Instant::now();
        Self {
            socket,
            last_progress: now,
            timer: Box::pin(sleep_until(now + IDLE_PATIENCE)),
            pace: Pace::default(),
            is_full: false,
            since: now,
        }
    }

    /// When it is over if nothing moves until then.
    fn end(&self) -> Instant {
        let end = self.last_progress + IDLE_PATIENCE;
        if self.is_full { end.min(self.since + self.pace.left()) } else { end }
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
            let end = self.end();
            if end <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.timer.as_mut().reset(end);
        }
        Poll::Pending
    }

    /// As [`Idle::watch`], of bytes that were to be written.
    fn watch_writing(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Ok(bytes)) if self.is_full => {
                let now = Instant::now();
                self.pace.waited(now - self.since);
                self.pace.took(bytes);
                (self.is_full, self.since) = (false, now);
            }
            Poll::Ready(Ok(bytes)) => self.pace.took(bytes),
            Poll::Pending if !self.is_full => {
                let now = Instant::now();
                self.pace.rested(now - self.since);
                (self.is_full, self.since) = (true, now);
                let end = self.end();
                if end < self.timer.deadline() {
                    self.timer.as_mut().reset(end);
                }
            }
            Poll::Pending | Poll::Ready(Err(_)) => {}
        }
        self.watch(cx, outcome)
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
        self.watch_writing(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, data);
        self.watch_writing(cx, outcome)
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
    use super::super::pace::LEAST_BYTES_PER_SECOND;
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{sleep, timeout};

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

    /// Reads so much at once, so often, until nothing more comes.
    async fn read_slowly(client: &mut DuplexStream, bytes: usize, pause: Duration) {
        let mut lump = vec![0; bytes];
        while client.read_exact(&mut lump).await.is_ok() {
            sleep(pause).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_a_byte_now_and_then_ends_a_write() {
        let (mut client, server) = duplex(10);
        let mut server = Idle::new(server);
        let started = Instant::now();
        let reading = read_slowly(&mut client, 1, Duration::from_secs(5));
        let writing = async {
            let error = server.write_all(&[0; 1000]).await.expect_err("too slow");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(started.elapsed().as_secs(), IDLE_PATIENCE.as_secs());
            drop(server);
        };
        tokio::join!(reading, writing);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_slow_and_still_fast_enough_gets_everything() {
        let lump = 60 * LEAST_BYTES_PER_SECOND as usize;
        let (mut client, server) = duplex(lump);
        let mut server = Idle::new(server);
        let reading = read_slowly(&mut client, lump, Duration::from_secs(60));
        let writing = async {
            server.write_all(&vec![0; 10 * lump]).await.expect("fast enough");
            drop(server);
        };
        tokio::join!(reading, writing);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_of_a_clients_time_is_looked_at_when_it_ends() {
        let (mut client, server) = duplex(10);
        let (mut reading, mut writing) = tokio::io::split(Idle::new(server));
        let started = Instant::now();
        let writing = async {
            let taking = async {
                sleep(Duration::from_secs(60)).await;
                client.read_exact(&mut [0; 20]).await.expect("20 bytes");
            };
            let (written, _) = tokio::join!(writing.write_all(&[0; 20]), taking);
            written.expect("in time");
            // Longer than the timer was set for: it has been set anew.
            sleep(Duration::from_secs(20)).await;
            writing.write_all(&[0; 20]).await
        };
        tokio::select! {
            outcome = writing => drop(outcome.expect_err("too slow")),
            outcome = reading.read_u8() => drop(outcome.expect_err("too slow")),
        }
        assert_eq!(started.elapsed().as_secs(), 80 + 35);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_for_whom_there_was_nothing_is_not_behind() {
        for (quiet_secs, is_given_up) in [(40, true), (50, false)] {
            let (mut client, server) = duplex(10);
            let mut server = Idle::new(server);
            let mut received = [0; 20];
            let mut is_written = true;
            for _ in 0..2 {
                let reading = async {
                    sleep(Duration::from_secs(60)).await;
                    let reading = client.read_exact(&mut received);
                    let _ = timeout(Duration::from_secs(1), reading).await;
                    sleep(Duration::from_secs(quiet_secs)).await;
                };
                let (written, ()) = tokio::join!(server.write_all(&[0; 20]), reading);
                is_written = written.is_ok();
            }
            assert_eq!(is_written, !is_given_up, "{quiet_secs}");
        }
    }
}
