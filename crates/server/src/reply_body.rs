//! Bodies of replies, and the memory that the large ones share. A body is whole, or a stream of
//! events ([`crate::event_reply`]), which has memory of its own.
//!
//! A client that asks for much and does not read makes the server keep it. So large bodies are
//! counted until their last byte is with the socket, and go there in pieces: what is not asked
//! for yet is held once and nowhere copied. Whoever reads much has memory for it before it is read
//! ([`ReplyRoom`]). A connection has its share, and waits by itself when it holds that.

use crate::connection::Connected;
use crate::event_reply::EventBody;
use crate::pieces::{Counted, next_piece};
use anabranch_env::{ByteBudget, ByteShare};
use anabranch_protocol::{CommonError, WireError};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// Bodies up to this are not counted: a request has as much for itself.
const UNCOUNTED_BYTES: usize = 16 << 10;
/// Replies to puts up to this are not counted, which is all of them: they must not be lost for want of
/// memory when the records are durable.
const PUT_BYTES_MAX: usize = 256 << 10;
/// How long a reply waits for memory.
const PATIENCE: Duration = Duration::from_secs(10);

/// The body of a reply.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    /// All of it is there.
    Whole {
        /// What the connection has not been given yet.
        left: Bytes,
        /// Size of the allocation behind the bytes; 0 if it is counted already.
        uncounted: usize,
    },
    /// It comes as things happen.
    Events(EventBody),
}

impl ReplyBody {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self::Whole { uncounted: bytes.capacity(), left: bytes.into() }
    }

    /// The same as the reply to a put.
    pub(crate) fn of_put(self) -> Self {
        match self {
            Self::Whole { left, uncounted } if uncounted <= PUT_BYTES_MAX => {
                Self::Whole { left, uncounted: 0 }
            }
            other => other,
        }
    }

    /// Bytes that are counted until the last of them is gone.
    pub(crate) fn counted(bytes: Vec<u8>, share: ReplyShare) -> Self {
        let left = Bytes::from_owner(Counted { bytes: bytes.into(), _share: share });
        Self::Whole { uncounted: 0, left }
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

/// What a reply has of the memory: of its connection's, and of everybody's.
#[derive(Debug)]
pub(crate) struct ReplyShare([ByteShare; 2]);

impl ReplyMemory {
    pub(crate) fn new(bytes: u64) -> Self {
        Self(ByteBudget::new(bytes))
    }

    /// Lets a reply pass when there is memory for it, and else says that the service is busy.
    pub(crate) async fn admit(
        &self,
        reply: Response<ReplyBody>,
        connected: &Connected,
    ) -> Response<ReplyBody> {
        let uncounted = match reply.body() {
            ReplyBody::Whole { uncounted, .. } if *uncounted > UNCOUNTED_BYTES => *uncounted,
            ReplyBody::Whole { .. } | ReplyBody::Events(_) => return reply,
        };
        match self.take(uncounted, connected).await {
            Some(share) => reply.map(|body| match body {
                ReplyBody::Whole { left: bytes, .. } => {
                    let left = Bytes::from_owner(Counted { bytes, _share: share });
                    ReplyBody::Whole { left, uncounted: 0 }
                }
                events @ ReplyBody::Events(_) => events,
            }),
            None => {
                let mut reply = reply.map(|_| ReplyBody::default());
                *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                reply.headers_mut().remove(CONTENT_TYPE);
                reply
            }
        }
    }

    /// Waits for memory. `None`: it did not come free in time.
    async fn take(&self, bytes: usize, connected: &Connected) -> Option<ReplyShare> {
        let taking = async {
            let connection = connected.replies.take(bytes as u64).await;
            ReplyShare([connection, self.0.take(bytes as u64).await])
        };
        timeout(PATIENCE, taking).await.ok()
    }

    fn try_take(&self, bytes: usize, connected: &Connected) -> Option<ReplyShare> {
        let connection = connected.replies.try_take(bytes as u64)?;
        Some(ReplyShare([connection, self.0.try_take(bytes as u64)?]))
    }

    /// The memory of a reply on this connection that has not been read yet.
    pub(crate) fn room<'a>(&'a self, connected: &'a Connected) -> ReplyRoom<'a> {
        ReplyRoom { memory: self, connected }
    }

    #[cfg(test)]
    pub(crate) fn taken_bytes(&self) -> usize {
        self.0.taken_bytes() as usize
    }
}

/// Where a reply gets its memory before it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyRoom<'a> {
    memory: &'a ReplyMemory,
    connected: &'a Connected,
}

/// Memory for a reply; `None` for one so small that it is not counted.
pub(crate) type ReadShare = Option<ReplyShare>;

impl ReplyRoom<'_> {
    /// Memory for so many bytes if it is free. The outer `None`: it is not.
    pub(crate) fn try_take(&self, bytes: usize) -> Option<ReadShare> {
        if bytes <= UNCOUNTED_BYTES {
            return Some(None);
        }
        self.memory.try_take(bytes, self.connected).map(Some)
    }

    /// Waits for memory for so many bytes. `None`: it did not come free in time.
    pub(crate) async fn take(&self, bytes: usize) -> Option<ReadShare> {
        self.memory.take(bytes, self.connected).await.map(Some)
    }
}

impl ReplyRoom<'_> {
    /// Memory for a reply that has so many bytes at most, before it is made: twice as much, since it is
    /// there as values and as what is sent. What the reply does not take is given back when it is
    /// [counted](crate::answer::Counted).
    ///
    /// # Errors
    /// `ServiceUnavailable` when it did not come free in time.
    pub(crate) async fn reserve(&self, bytes_max: usize) -> Result<ReadShare, WireError> {
        if bytes_max <= UNCOUNTED_BYTES {
            return Ok(None);
        }
        self.take(2 * bytes_max).await.ok_or_else(|| CommonError::ServiceUnavailable.bare())
    }
}

impl ReplyShare {
    /// Gives back what is beyond so many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        for share in &mut self.0 {
            share.shrink_to(bytes as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body_budget::BodyBudget;
    use crate::connection::Shares;
    use http_body_util::BodyExt;
    use tokio::time::Instant;

    const MEMORY: usize = 1 << 20;

    fn connected(replies: usize) -> Connected {
        let shares =
            Shares { connection_bodies: 1, peer_bodies: 1, connection_replies: replies as u64 };
        Connected::new([127, 0, 0, 1].into(), shares, BodyBudget::new(1))
    }

    fn reply(size: usize) -> Response<ReplyBody> {
        Response::new(ReplyBody::new(vec![7; size]))
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_held_until_the_last_piece_is_gone() {
        let memory = ReplyMemory::new(MEMORY as u64);
        let connected = connected(4 * MEMORY);
        let mut body = memory.admit(reply(600 << 10), &connected).await.into_body();
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
        let memory = ReplyMemory::new(MEMORY as u64);
        let connected = connected(4 * MEMORY);
        let first = memory.admit(reply(2 * MEMORY), &connected).await;
        assert_eq!((first.status(), memory.taken_bytes()), (StatusCode::OK, MEMORY));
        let started = Instant::now();
        let mut refused = reply(UNCOUNTED_BYTES + 1);
        refused.headers_mut().insert("x-amzn-requestid", http::HeaderValue::from_static("id"));
        let refused = memory.admit(refused, &connected).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            refused.body().is_end_stream() && refused.headers().contains_key("x-amzn-requestid")
        );
        assert_eq!(started.elapsed(), PATIENCE);
        drop(first);
        assert_eq!(
            memory.admit(reply(UNCOUNTED_BYTES + 1), &connected).await.status(),
            StatusCode::OK
        );
    }

    #[tokio::test(start_paused = true)]
    async fn replies_to_puts_pass_a_full_memory() {
        let memory = ReplyMemory::new(MEMORY as u64);
        let connected = connected(4 * MEMORY);
        let _first = memory.admit(reply(MEMORY), &connected).await;
        let put = |size| reply(size).map(ReplyBody::of_put);
        assert_eq!(memory.admit(put(PUT_BYTES_MAX), &connected).await.status(), StatusCode::OK);
        let larger = memory.admit(put(PUT_BYTES_MAX + 1), &connected).await;
        assert_eq!(larger.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test(start_paused = true)]
    async fn small_replies_pass_a_full_memory() {
        let memory = ReplyMemory::new(MEMORY as u64);
        let connected = connected(4 * MEMORY);
        let _first = memory.admit(reply(MEMORY), &connected).await;
        assert_eq!(memory.admit(reply(UNCOUNTED_BYTES), &connected).await.status(), StatusCode::OK);
        assert_eq!(memory.admit(reply(0), &connected).await.status(), StatusCode::OK);
    }
}
