//! Replies that are streams of events.
//!
//! The next event is asked for when the connection has taken the last one: a client that does not
//! read costs one event. The stream ends with its source, with its first error, or, with a last
//! event, when the server stops.

use crate::pieces::{Counted, next_piece};
use anabranch_env::ByteShare;
use anabranch_protocol::{Encode, WireError, event_stream};
use bytes::Bytes;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::watch;

/// Where the events of a reply come from.
pub(crate) trait EventSource: Send + 'static {
    /// The type of an event on the wire.
    const EVENT_TYPE: &'static str;
    /// An event.
    type Event: Encode + Send;

    /// The next event. `None`: there are no more.
    fn next(
        &mut self,
    ) -> impl Future<Output = Option<Result<Sourced<Self::Event>, WireError>>> + Send;

    /// The last event, when the server stops. `None`: nothing is to be said.
    fn last(
        &mut self,
    ) -> impl Future<Output = Option<Result<Sourced<Self::Event>, WireError>>> + Send;

    /// The bytes of an event: what `encode` makes, or what it made for another who got the same.
    fn bytes(&self, event: &Self::Event, encode: impl FnOnce() -> Vec<u8>) -> Bytes {
        let _ = event;
        encode().into()
    }
}

/// An event, and the memory that it holds until the client has it.
pub(crate) struct Sourced<E> {
    pub(crate) event: E,
    pub(crate) room: Option<ByteShare>,
}

/// The body of a reply that is a stream of events.
pub(crate) struct EventBody {
    left: Bytes,
    state: State,
}

enum State {
    Waiting(Box<dyn Pull>),
    Pulling(Pulling),
    Over,
}

/// The bytes of the next message, and where the one after comes from. No bytes: it is over.
type Pulling = Pin<Box<dyn Future<Output = (Bytes, Option<Box<dyn Pull>>)> + Send>>;

trait Pull: Send {
    fn pull(self: Box<Self>) -> Pulling;
}

struct Puller<S> {
    source: S,
    /// Turns true when the server stops.
    stopping: watch::Receiver<bool>,
}

impl<S: EventSource> Pull for Puller<S> {
    fn pull(mut self: Box<Self>) -> Pulling {
        Box::pin(async move {
            let next = tokio::select! {
                biased;
                _ = self.stopping.wait_for(|stopping| *stopping) => None,
                next = self.source.next() => Some(next),
            };
            let is_last = next.is_none();
            let next = match next {
                Some(next) => next,
                None => self.source.last().await,
            };
            match next {
                Some(Ok(Sourced { event, room })) => {
                    let bytes = self.source.bytes(&event, || {
                        let mut bytes = Vec::new();
                        event_stream::encode_event(&mut bytes, S::EVENT_TYPE, &event);
                        bytes
                    });
                    let bytes = match room {
                        Some(share) => Bytes::from_owner(Counted { bytes, _share: share }),
                        None => bytes,
                    };
                    (bytes, (!is_last).then_some(self as Box<dyn Pull>))
                }
                Some(Err(error)) => {
                    let mut bytes = Vec::new();
                    event_stream::encode_exception(&mut bytes, &error);
                    (bytes.into(), None)
                }
                None => (Bytes::new(), None),
            }
        })
    }
}

impl EventBody {
    /// A body with the events of `source`. Its first message is there at once: clients wait for it.
    pub(crate) fn new<S: EventSource>(source: S, stopping: watch::Receiver<bool>) -> Self {
        let mut first = Vec::new();
        event_stream::encode_initial_response(&mut first);
        Self { left: first.into(), state: State::Waiting(Box::new(Puller { source, stopping })) }
    }

    /// What the connection gets next. `None`: that was all.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(piece) = next_piece(&mut self.left) {
                return Poll::Ready(Some(piece));
            }
            self.state = match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Waiting(source) => State::Pulling(source.pull()),
                State::Pulling(mut pulling) => {
                    let polled = pulling.as_mut().poll(cx);
                    if polled.is_pending() {
                        self.state = State::Pulling(pulling);
                    }
                    let (bytes, source) = ready!(polled);
                    self.left = bytes;
                    source.map_or(State::Over, State::Waiting)
                }
            };
        }
    }

    /// Whether nothing comes any more.
    pub(crate) fn is_over(&self) -> bool {
        self.left.is_empty() && matches!(self.state, State::Over)
    }
}

impl fmt::Debug for EventBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBody").field("left", &self.left.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_env::ByteBudget;
    use anabranch_protocol::event_stream::Message;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const EVENT_BYTES: u64 = 1024;

    anabranch_protocol::error_table! {
        enum Example {
            NotFound = "ResourceNotFoundException", 400, Change;
        }
    }

    /// So many events, then what is said; counts how many were asked for.
    struct Numbers {
        left: usize,
        at_end: Option<WireError>,
        asked: Arc<AtomicUsize>,
        room: ByteBudget,
    }

    impl EventSource for Numbers {
        const EVENT_TYPE: &'static str = "Number";
        type Event = ();

        async fn next(&mut self) -> Option<Result<Sourced<()>, WireError>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.left == 0 {
                return match self.at_end.take() {
                    Some(error) => Some(Err(error)),
                    None => std::future::pending().await,
                };
            }
            self.left -= 1;
            let room = Some(self.room.take(EVENT_BYTES).await);
            Some(Ok(Sourced { event: (), room }))
        }

        async fn last(&mut self) -> Option<Result<Sourced<()>, WireError>> {
            Some(Ok(Sourced { event: (), room: None }))
        }
    }

    async fn piece(body: &mut EventBody) -> Option<Bytes> {
        std::future::poll_fn(|cx| body.poll_piece(cx)).await
    }

    fn kind(piece: &[u8]) -> String {
        let (message, len) = Message::decode(piece).expect("a message").expect("whole");
        assert_eq!(len, piece.len());
        let kind = message.header(":event-type").or(message.header(":exception-type"));
        kind.expect("a type").to_owned()
    }

    fn numbers(left: usize, at_end: Option<WireError>) -> Numbers {
        let (asked, room) = (Arc::default(), ByteBudget::new(EVENT_BYTES));
        Numbers { left, at_end, asked, room }
    }

    #[tokio::test]
    async fn an_event_is_asked_for_when_the_last_one_is_taken() {
        let source = numbers(2, Some(Example::NotFound.because("gone")));
        let (asked, room) = (source.asked.clone(), source.room.clone());
        let (_stop, stopping) = watch::channel(false);
        let mut body = EventBody::new(source, stopping);
        assert_eq!(kind(&piece(&mut body).await.expect("first")), "initial-response");
        assert_eq!((asked.load(Ordering::Relaxed), room.taken_bytes()), (0, 0));
        let event = piece(&mut body).await.expect("an event");
        assert_eq!((kind(&event).as_str(), room.taken_bytes()), ("Number", EVENT_BYTES));
        drop(event);
        assert_eq!((asked.load(Ordering::Relaxed), room.taken_bytes()), (1, 0));
        assert_eq!(kind(&piece(&mut body).await.expect("an event")), "Number");
        let last = piece(&mut body).await.expect("an error");
        assert_eq!(kind(&last), "ResourceNotFoundException");
        assert!(body.is_over() && piece(&mut body).await.is_none());
    }

    #[tokio::test]
    async fn a_stream_that_has_more_ends_with_a_last_event_when_the_server_stops() {
        let source = numbers(usize::MAX, None);
        let asked = source.asked.clone();
        let (stop, stopping) = watch::channel(false);
        let mut body = EventBody::new(source, stopping);
        piece(&mut body).await.expect("the first message");
        drop(piece(&mut body).await.expect("an event"));
        stop.send_replace(true);
        assert_eq!(kind(&piece(&mut body).await.expect("a last event")), "Number");
        assert!(piece(&mut body).await.is_none() && body.is_over());
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_stream_that_waits_ends_with_a_last_event_when_the_server_stops() {
        let (stop, stopping) = watch::channel(false);
        let mut body = EventBody::new(numbers(0, None), stopping);
        piece(&mut body).await.expect("the first message");
        let (last, _) = tokio::join!(piece(&mut body), async { stop.send_replace(true) });
        assert_eq!(kind(&last.expect("a last event")), "Number");
        assert!(piece(&mut body).await.is_none() && body.is_over());
    }
}
