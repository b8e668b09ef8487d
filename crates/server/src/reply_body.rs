//! Bodies of replies, and the memory that the large ones share. A body is whole, or a stream of
//! events ([`crate::event_reply`]), which has memory of its own.
//!
//! A client that asks for much and does not read makes the server keep it. So large bodies are
//! counted until their last byte is with the socket, and go there in pieces: what is not asked
//! for yet is held once and nowhere copied.

use crate::event_reply::EventBody;
use crate::pieces::{Counted, next_piece};
use anabranch_env::ByteBudget;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// Bodies up to this are not counted. Every reply to a put is smaller: it must not be lost for
/// want of memory when the records are durable.
const UNCOUNTED_BYTES: usize = 256 << 10;
/// How long a reply waits for memory.
const PATIENCE: Duration = Duration::from_secs(10);

/// The body of a reply.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    /// All of it is there.
    Whole {
        /// What the connection has not been given yet.
        left: Bytes,
        /// Size of the allocation behind the bytes.
        capacity: usize,
    },
    /// It comes as things happen.
    Events(EventBody),
}

impl ReplyBody {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self::Whole { capacity: bytes.capacity(), left: bytes.into() }
    }
}

impl Default for ReplyBody {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut *self {
            Self::Whole { left, .. } => Poll::Ready(next_piece(left)),
            Self::Events(events) => events.poll_piece(cx),
        };
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole { left, .. } => left.is_empty(),
            Self::Events(events) => events.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { left, .. } => SizeHint::with_exact(left.len() as u64),
            Self::Events(_) => SizeHint::default(),
        }
    }
}

/// Memory for large replies, shared by all connections.
#[derive(Clone, Debug)]
pub(crate) struct ReplyMemory(ByteBudget);

impl ReplyMemory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(ByteBudget::new(bytes as u64))
    }

    /// Lets a reply pass when there is memory for it, and else says that the service is busy.
    pub(crate) async fn admit(&self, reply: Response<ReplyBody>) -> Response<ReplyBody> {
        let capacity = match reply.body() {
            ReplyBody::Whole { capacity, .. } if *capacity > UNCOUNTED_BYTES => *capacity,
            ReplyBody::Whole { .. } | ReplyBody::Events(_) => return reply,
        };
        match timeout(PATIENCE, self.0.take(capacity as u64)).await {
            Ok(share) => reply.map(|body| match body {
                ReplyBody::Whole { left: bytes, capacity } => {
                    let left = Bytes::from_owner(Counted { bytes, _share: share });
                    ReplyBody::Whole { left, capacity }
                }
                events @ ReplyBody::Events(_) => events,
            }),
            Err(_) => {
                let mut reply = reply.map(|_| ReplyBody::default());
                *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                reply.headers_mut().remove(CONTENT_TYPE);
                reply
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn taken_bytes(&self) -> usize {
        self.0.taken_bytes() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use tokio::time::Instant;

    const MEMORY: usize = 1 << 20;

    fn reply(size: usize) -> Response<ReplyBody> {
        Response::new(ReplyBody::new(vec![7; size]))
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_held_until_the_last_piece_is_gone() {
        let memory = ReplyMemory::new(MEMORY);
        let mut body = memory.admit(reply(600 << 10)).await.into_body();
        assert_eq!(body.size_hint().exact(), Some(600 << 10));
        let mut pieces = vec![];
        while let Some(Ok(frame)) = body.frame().await {
            pieces.push(frame.into_data().expect("data"));
        }
        assert!(body.is_end_stream());
        drop(body);
        let sizes: Vec<_> = pieces.iter().map(|piece| piece.len() >> 10).collect();
        assert_eq!(sizes, [256, 256, 88]);
        drop(pieces.drain(..2));
        assert_eq!(memory.taken_bytes(), 600 << 10);
        drop(pieces);
        assert_eq!(memory.taken_bytes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_waits_for_memory_and_then_says_busy() {
        let memory = ReplyMemory::new(MEMORY);
        let first = memory.admit(reply(2 * MEMORY)).await;
        assert_eq!((first.status(), memory.taken_bytes()), (StatusCode::OK, MEMORY));
        let started = Instant::now();
        let mut refused = reply(UNCOUNTED_BYTES + 1);
        refused.headers_mut().insert("x-amzn-requestid", http::HeaderValue::from_static("id"));
        let refused = memory.admit(refused).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            refused.body().is_end_stream() && refused.headers().contains_key("x-amzn-requestid")
        );
        assert_eq!(started.elapsed(), PATIENCE);
        drop(first);
        assert_eq!(memory.admit(reply(UNCOUNTED_BYTES + 1)).await.status(), StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn small_replies_pass_a_full_memory() {
        let memory = ReplyMemory::new(MEMORY);
        let _first = memory.admit(reply(MEMORY)).await;
        assert_eq!(memory.admit(reply(UNCOUNTED_BYTES)).await.status(), StatusCode::OK);
        assert_eq!(memory.admit(reply(0)).await.status(), StatusCode::OK);
    }
}
