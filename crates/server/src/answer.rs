//! What operations answer with, before it is a reply.

use crate::event_reply::{EventBody, EventSource};
use anabranch_protocol::shape::{Kind, Shape};
use anabranch_protocol::{Codec, Encode};
use tokio::sync::watch;

/// What an operation answered.
pub(crate) enum Answered {
    /// The body, in the codec of the request.
    Body(Vec<u8>),
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
        Answered::Body(codec.encode_reply(&self))
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
