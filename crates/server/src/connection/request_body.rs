//! The body of a request, over whichever HTTP it comes.

use bytes::Bytes;
use h2::RecvStream;
use http::request::Parts;
use http::{HeaderMap, Version, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// The body of a request.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Http1(Incoming),
    Http2(Http2Body),
}

/// The body of a request over HTTP/2.
#[derive(Debug)]
pub(crate) struct Http2Body {
    stream: RecvStream,
    /// What the client says that it has; 0 if it does not say.
    length: u64,
    /// Has the client told to send it.
    wanted: Option<oneshot::Sender<()>>,
}

/// The client went away, or broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BrokenBody;

impl Http2Body {
    /// `wanted` is told when somebody begins to read.
    pub(super) fn new(
        stream: RecvStream,
        length: u64,
        wanted: Option<oneshot::Sender<()>>,
    ) -> Self {
        Self { stream, length, wanted }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        if let Some(wanted) = self.wanted.take() {
            let _ = wanted.send(());
        }
        self.stream.poll_data(cx).map(|data| {
            data.map(|data| {
                let data = data.map_err(|_| BrokenBody)?;
                // The client may send so much more.
                self.stream.flow_control().release_capacity(data.len()).map_err(|_| BrokenBody)?;
                Ok(Frame::data(data))
            })
        })
    }
}

/// Whether a client wants to be told before it sends a body.
pub(super) fn expects_leave(headers: &HeaderMap) -> bool {
    let expects = headers.get(header::EXPECT);
    expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

impl RequestBody {
    /// Whether the client sends nothing of it before it is told to, which it is when somebody begins to
    /// read. It may lose patience and send all the same.
    pub(crate) fn awaits_leave(&self, head: &Parts) -> bool {
        match self {
            Self::Http1(body) => {
                // Older clients do not know of it.
                head.version >= Version::HTTP_11
                    && expects_leave(&head.headers)
                    && !body.is_end_stream()
            }
            Self::Http2(body) => body.wanted.is_some(),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BrokenBody;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        match &mut *self {
            Self::Http1(body) => {
                let frame = Pin::new(body).poll_frame(cx);
                frame.map(|frame| frame.map(|frame| frame.map_err(|_| BrokenBody)))
            }
            Self::Http2(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => {
                let mut hint = SizeHint::new();
                hint.set_lower(body.length);
                hint
            }
        }
    }
}
