//! Which HTTP a client speaks: its first bytes say so.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What a client says first that speaks HTTP/2. Source: RFC 9113, section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Which HTTP a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// A stream whose first bytes have been looked at, and are there all the same.
#[derive(Debug)]
pub(super) struct Rewound<S> {
    first: [u8; PREFACE.len()],
    /// How many of them there are.
    count: usize,
    /// How many have been read again.
    taken: usize,
    stream: S,
}

/// Waits until it is clear which HTTP a client speaks. One that falls silent or ends before is taken
/// for an old one.
pub(super) async fn tell<S: AsyncRead + Unpin>(stream: S) -> io::Result<(Version, Rewound<S>)> {
    let mut rewound = Rewound { first: [0; PREFACE.len()], count: 0, taken: 0, stream };
    while rewound.count < PREFACE.len() {
        let room = &mut rewound.first[rewound.count..];
        let read = rewound.stream.read(room).await?;
        rewound.count += read;
        if read == 0 || !PREFACE.starts_with(&rewound.first[..rewound.count]) {
            return Ok((Version::Http1, rewound));
        }
    }
    Ok((Version::Http2, rewound))
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = &self.first[self.taken..self.count];
        if left.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let size = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..size]);
        self.taken += size;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, duplex};

    #[tokio::test]
    async fn the_first_bytes_say_it_and_are_read_again() {
        let http2 = [PREFACE.as_slice(), b"and more"].concat();
        for (sent, expected) in [
            (b"GET / HTTP/1.1\r\n".as_slice(), Version::Http1),
            (b"PRI * HTTP/1.1\r\n", Version::Http1),
            (b"", Version::Http1),
            (&PREFACE[..23], Version::Http1),
            (PREFACE, Version::Http2),
            (&http2, Version::Http2),
        ] {
            for piece in [1, 5, 100] {
                let (mut client, server) = duplex(1000);
                let sending = async move {
                    for piece in sent.chunks(piece) {
                        client.write_all(piece).await.expect("there is room");
                        tokio::task::yield_now().await;
                    }
                };
                let reading = async {
                    let (version, mut stream) = tell(server).await.expect("no error");
                    let mut read = Vec::new();
                    stream.read_to_end(&mut read).await.expect("no error");
                    (version, read)
                };
                let ((), (version, read)) = tokio::join!(sending, reading);
                assert_eq!((version, read.as_slice()), (expected, sent));
            }
        }
    }
}
