//! A connection that speaks HTTP/1.1.

use super::answering::Answering;
use super::connected::{Connected, UnderWay};
use super::pace::IDLE_PATIENCE;
use super::request_body::RequestBody;
use crate::peer::Peer;
use crate::reply_body::ReplyBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

/// How long a client may take for its headers, idle time on a kept connection included: an idle
/// connection is not told from a slow one.
const HEADER_PATIENCE: Duration = IDLE_PATIENCE;
/// Bytes of headers of a request, and of a piece of its body. Callers are not known yet and no memory
/// is counted, so it is no more than what the largest request needs.
const BUFFER_BYTES: usize = 64 << 10;

/// A reply's body: the request is under way until it is sent.
struct Sending {
    body: ReplyBody,
    _under_way: UnderWay,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Serves a connection until it ends, or has nothing under way after `stop` has said so.
pub(super) async fn serve<A, S>(
    stream: S,
    door: &A,
    peer: Peer,
    connected: &Arc<Connected>,
    mut stop: watch::Receiver<bool>,
) where
    A: Answering,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request: http::Request<Incoming>| async move {
        let under_way = connected.begin_request();
        let request = request.map(RequestBody::Http1);
        let reply = door.answer(request, peer, connected).await;
        Ok::<_, Infallible>(reply.map(|body| Sending { body, _under_way: under_way }))
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_buf_size(BUFFER_BYTES)
        .half_close(true);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = stop.wait_for(|stop| *stop) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // The client's business: it broke the connection or the protocol.
        tracing::debug!(%error, "a connection ended with an error");
    }
}
