//! Bodies that a client sends only after it was told to.
//!
//! Who asks with `Expect: 100-continue` waits for a word before the body. hyper says it over HTTP/1.1
//! and cannot over HTTP/2. There some clients do not wait for long (curl: a second), others until one
//! side gives up. So a body that does not begin soon counts as one that never will, and the client is
//! told 417, upon which it may send the request without asking.

use bytes::Bytes;
use http::request::Parts;
use http::{Version, header};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// How long the body may take to begin: longer than curl waits for a word, which takes 417 over HTTP/2
/// for no answer.
const PATIENCE: Duration = Duration::from_millis(1250);

/// Whether a client may be waiting for a word that it cannot get.
pub(crate) fn is_awaited(parts: &Parts) -> bool {
    let expects = parts.headers.get(header::EXPECT);
    parts.version == Version::HTTP_2
        && expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// A body that breaks off if it does not begin soon.
#[derive(Debug)]
pub(crate) struct Begun<B> {
    body: B,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(Pin<Box<Sleep>>),
    Begun,
    GaveUp,
}

/// The body did not begin.
#[derive(Debug)]
pub(crate) struct NotBegun;

impl<B> Begun<B> {
    pub(crate) fn new(body: B) -> Self {
        Self { body, state: State::Waiting(Box::pin(sleep(PATIENCE))) }
    }

    /// Whether the client waits for a word.
    pub(crate) fn gave_up(&self) -> bool {
        matches!(self.state, State::GaveUp)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Begun<B> {
    type Data = Bytes;
    type Error = NotBegun;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, NotBegun>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.state = State::Begun;
            return Poll::Ready(frame.map(|frame| frame.map_err(|_| NotBegun)));
        }
        if let State::Waiting(end) = &mut self.state
            && end.as_mut().poll(cx).is_ready()
        {
            self.state = State::GaveUp;
            return Poll::Ready(Some(Err(NotBegun)));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};
    use tokio::time::Instant;

    /// A body that begins after a while, or never.
    struct Late(Option<Pin<Box<Sleep>>>);

    impl Body for Late {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
            match &mut self.0 {
                None => Poll::Pending,
                Some(begin) => {
                    begin.as_mut().poll(cx).map(|()| Some(Ok(Frame::data(Bytes::from("x")))))
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_begins_breaks_off_soon() {
        let started = Instant::now();
        let mut body = Begun::new(Late(None));
        assert!(body.frame().await.expect("an answer").is_err());
        assert!(body.gave_up());
        assert_eq!(started.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_has_begun_may_take_its_time() {
        let begin = Box::pin(sleep(PATIENCE / 2));
        let mut body = Begun::new(Late(Some(begin)));
        assert!(body.frame().await.expect("a frame").is_ok());
        body.body.0 = Some(Box::pin(sleep(PATIENCE * 10)));
        assert!(body.frame().await.expect("a frame").is_ok() && !body.gave_up());
        let mut whole = Begun::new(Full::new(Bytes::from("whole")));
        assert_eq!((&mut whole).collect().await.expect("whole").to_bytes(), "whole");
        assert!(!whole.gave_up());
    }

    #[test]
    fn only_http2_leaves_clients_waiting() {
        for (version, expect, expected) in [
            (Version::HTTP_2, Some("100-Continue"), true),
            (Version::HTTP_2, Some("other"), false),
            (Version::HTTP_2, None, false),
            (Version::HTTP_11, Some("100-continue"), false),
        ] {
            let mut request = http::Request::post("/").version(version);
            if let Some(expect) = expect {
                request = request.header("expect", expect);
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            assert_eq!(is_awaited(&parts), expected);
        }
    }
}
