//! What operations answer with, before it is a reply.

use crate::event_reply::{EventBody, EventSource};
use crate::reply_body::{ReadShare, ReplyBody};
use anabranch_protocol::shape::{Kind, Shape};
use anabranch_protocol::{Codec, Encode};
use tokio::sync::watch;

/// What an operation answered.
pub(crate) enum Answered {
    /// The body, in the codec of the request.
    Body(ReplyBody),
    /// A stream of events, whatever the codec of the request.
    Events(EventBody),
}

/// What operations answer with: a value that becomes the body, or a source of events.
pub(crate) trait Answer: Shape + Send {
    /// Makes it an answer. `stopping` turns true when the server stops.
    fn into_answered(self, codec: Codec, stopping: &watch::Receiver<bool>) -> Answered;
}

impl<T: Encode + Shape + Send> Answer for T {
    fn into_answered(self, codec: Codec, _: &watch::Receiver<bool>) -> Answered {
        Answered::Body(ReplyBody::new(codec.encode_reply(&self)))
    }
}

/// An answer with the memory that its body takes.
pub(crate) struct Counted<T>(pub(crate) T, pub(crate) ReadShare);

impl<T: Shape> Shape for Counted<T> {
    const KIND: Kind = T::KIND;
}

impl<T: Encode + Shape + Send> Answer for Counted<T> {
    fn into_answered(self, codec: Codec, _: &watch::Receiver<bool>) -> Answered {
        let body = codec.encode_reply(&self.0);
        Answered::Body(match self.1 {
            Some(mut share) => {
                share.shrink_to(body.capacity());
                ReplyBody::counted(body, share)
            }
            None => ReplyBody::new(body),
        })
    }
}

/// A source of events as the answer of an operation.
pub(crate) struct Events<S>(pub(crate) S);

impl<S: Shape> Shape for Events<S> {
    const KIND: Kind = S::KIND;
}

impl<S: EventSource + Shape> Answer for Events<S> {
    fn into_answered(self, _: Codec, stopping: &watch::Receiver<bool>) -> Answered {
        Answered::Events(EventBody::new(self.0, stopping.clone()))
    }
}
