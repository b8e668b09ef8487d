//! A connection that speaks HTTP/2.
//!
//! Served by h2 itself, for what it costs depends on who is there: windows are small until a caller is
//! known or may be, requests beyond the first have memory of their own, a connection without a request ends
//! whatever pings it sends, and a client that waits for a word before its body gets one.

use super::answering::Answering;
use super::connected::Connected;
use super::pace::{IDLE_PATIENCE, Pace};
use super::request_body::{Http2Body, RequestBody, expects_leave};
use super::request_memory::RequestMemory;
use super::windows::{CONNECTION_WINDOW, FIRST_WINDOW, STREAM_WINDOW};
use crate::peer::Peer;
use crate::reply::{self, Reply};
use crate::reply_body::ReplyBody;
use anabranch_env::ByteShare;
use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONTENT_LENGTH, DATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// Bytes of headers of one request.
const HEADER_BYTES: u32 = 64 << 10;
/// Requests under way on one connection.
const STREAMS: u32 = 256;
/// How soon large windows are offered again to a client that has not agreed to the first ones yet.
const WIDEN_PAUSE: Duration = Duration::from_millis(20);
/// Bytes of a reply that wait in the connection, of one stream.
const SEND_BUFFER_BYTES: usize = 256 << 10;

/// What answers the requests of a connection.
pub(super) struct Requests<A> {
    pub(super) door: A,
    pub(super) memory: RequestMemory,
}

/// Serves a connection until it ends, or has nothing under way after `stop` has said so.
pub(super) async fn serve<A, S>(
    stream: S,
    requests: &Arc<Requests<A>>,
    peer: Peer,
    connected: &Arc<Connected>,
    mut stop: watch::Receiver<bool>,
) where
    A: Answering,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(FIRST_WINDOW)
        .initial_connection_window_size(FIRST_WINDOW)
        .max_header_list_size(HEADER_BYTES)
        .max_concurrent_streams(STREAMS)
        // A client whose requests are refused may have sent more of them already.
        .max_concurrent_reset_streams(STREAMS as usize)
        .max_send_buffer_size(SEND_BUFFER_BYTES);
    let mut connection = match builder.handshake(stream).await {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%error, "no HTTP/2 after its preface"),
    };
    let mut windows = Windows::default();
    let mut is_stopping = false;
    let mut quiet_since = Instant::now();
    let mut timer = pin!(sleep_until(quiet_since + IDLE_PATIENCE));
    loop {
        tokio::select! {
            biased;
            accepted = connection.accept() => match accepted {
                None => return,
                // The client's business: it broke the connection or the protocol.
                Some(Err(error)) => return tracing::debug!(%error, "a connection ended with an error"),
                Some(Ok((request, respond))) => {
                    let (parts, stream) = request.into_parts();
                    // Before its body comes, which may be large.
                    if !windows.is_wide
                        && (connected.is_proven() || requests.door.may_be_known(&parts))
                    {
                        windows.widen(&mut connection, &requests.memory);
                        if windows.is_pending() {
                            timer.as_mut().reset(Instant::now() + WIDEN_PAUSE);
                        }
                    }
                    begin(requests, parts, stream, respond, peer, connected);
                }
            },
            () = connected.changed.notified() => quiet_since = Instant::now(),
            _ = stop.wait_for(|stop| *stop), if !is_stopping => {
                is_stopping = true;
                connection.graceful_shutdown();
            }
            () = &mut timer => {
                let now = Instant::now();
                if windows.is_pending() {
                    windows.widen(&mut connection, &requests.memory);
                }
                if connected.requests() > 0 {
                    quiet_since = now;
                } else if quiet_since + IDLE_PATIENCE <= now {
                    connection.abrupt_shutdown(Reason::NO_ERROR);
                    quiet_since = now;
                }
                let pause = if windows.is_pending() { WIDEN_PAUSE } else { IDLE_PATIENCE };
                timer.as_mut().reset((quiet_since + IDLE_PATIENCE).min(now + pause));
            }
        }
    }
}

/// What a client may send ahead.
#[derive(Debug, Default)]
struct Windows {
    share: Option<ByteShare>,
    is_wide: bool,
}

impl Windows {
    /// Whether there is memory for large ones, and the client does not know it yet.
    fn is_pending(&self) -> bool {
        self.share.is_some() && !self.is_wide
    }

    /// Lets a known caller send more ahead, if there is memory for it.
    ///
    /// The library refuses while the client has not agreed to the window before; then it is to be tried
    /// again.
    fn widen<S>(&mut self, connection: &mut Connection<S, Bytes>, memory: &RequestMemory)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if self.is_wide {
            return;
        }
        self.share = self.share.take().or_else(|| memory.windows());
        if self.share.is_some() {
            connection.set_target_window_size(CONNECTION_WINDOW);
            self.is_wide = connection.set_initial_window_size(STREAM_WINDOW).is_ok();
        }
    }
}

fn begin<A: Answering>(
    requests: &Arc<Requests<A>>,
    parts: Parts,
    stream: RecvStream,
    mut respond: SendResponse<Bytes>,
    peer: Peer,
    connected: &Arc<Connected>,
) {
    let Ok(share) = requests.memory.of(connected, &parts) else {
        let mut busy = Response::new(());
        *busy.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        busy.headers_mut().insert(DATE, now());
        reply::add_request_ids(busy.headers_mut(), false);
        let _ = respond.send_response(busy, true);
        return;
    };
    let under_way = connected.begin_request();
    let (requests, connected) = (requests.clone(), connected.clone());
    #[expect(clippy::disallowed_methods, reason = "ends with its stream, which is bounded")]
    tokio::spawn(async move {
        let is_head = parts.method == Method::HEAD;
        let (body, wanted) = body_of(&parts.headers, stream);
        let request = Request::from_parts(parts, body);
        let answering = requests.door.answer(request, peer, &connected);
        let outcome = match answer(answering, wanted, &mut respond).await {
            Some(reply) => send(reply, is_head, &mut respond).await,
            None => Ok(()),
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "a reply was not taken");
        }
        drop((under_way, share));
    });
}

/// The body of a request, and what tells that it is wanted if the client waits to be told.
fn body_of(
    headers: &HeaderMap,
    stream: RecvStream,
) -> (RequestBody, Option<oneshot::Receiver<()>>) {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let (sender, receiver) = match expects_leave(headers) && !stream.is_end_stream() {
        true => {
            let (sender, receiver) = oneshot::channel();
            (Some(sender), Some(receiver))
        }
        false => (None, None),
    };
    (RequestBody::Http2(Http2Body::new(stream, length.unwrap_or(0), sender)), receiver)
}

/// The reply. `None`: the client does not want it any more.
async fn answer(
    answering: impl Future<Output = Reply>,
    wanted: Option<oneshot::Receiver<()>>,
    respond: &mut SendResponse<Bytes>,
) -> Option<Reply> {
    let mut answering = pin!(answering);
    let mut wanted = pin!(async move {
        let is_wanted = match wanted {
            Some(wanted) => wanted.await.is_ok(),
            None => false,
        };
        if !is_wanted {
            pending().await
        }
    });
    let mut has_asked = false;
    loop {
        tokio::select! {
            biased;
            reply = &mut answering => return Some(reply),
            () = &mut wanted, if !has_asked => {
                has_asked = true;
                let mut go_on = Response::new(());
                *go_on.status_mut() = StatusCode::CONTINUE;
                // Whoever does not hear it waits no longer than it wants to.
                let _ = respond.send_informational(go_on);
            }
            _ = poll_fn(|cx| respond.poll_reset(cx)) => return None,
        }
    }
}

/// Sends a reply, as fast as the client takes it.
async fn send(
    reply: Reply,
    is_head: bool,
    respond: &mut SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let (mut head, mut body) = reply.into_parts();
    head.headers.entry(DATE).or_insert_with(now);
    if let Some(length) = body.size_hint().exact() {
        head.headers.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    let head = Response::from_parts(head, ());
    if is_head || body.is_end_stream() {
        respond.send_response(head, true)?;
        return Ok(());
    }
    let mut stream = respond.send_response(head, false)?;
    let mut pace = Pace::default();
    while let Some(piece) = next_piece(&mut body, &mut stream, &mut pace).await? {
        let is_last = body.is_end_stream() && !piece.is_empty();
        send_piece(piece, is_last, &mut stream, &mut pace).await?;
        if is_last {
            return Ok(());
        }
    }
    stream.send_data(Bytes::new(), true)
}

/// What is to be sent next. `None`: that was all. A client for whom there is nothing yet is not behind:
/// it has taken all that there was.
async fn next_piece(
    body: &mut ReplyBody,
    stream: &mut SendStream<Bytes>,
    pace: &mut Pace,
) -> Result<Option<Bytes>, h2::Error> {
    let frame = poll_fn(|cx| {
        let frame = Pin::new(&mut *body).poll_frame(cx);
        if frame.is_pending() {
            *pace = Pace::default();
        }
        frame
    });
    tokio::select! {
        biased;
        frame = frame => {
            let Some(Ok(frame)) = frame else { return Ok(None) };
            Ok(Some(frame.into_data().unwrap_or_default()))
        }
        reset = poll_fn(|cx| stream.poll_reset(cx)) => Err(reset?.into()),
    }
}

/// Sends a piece, the last one with the end of the stream. A client that takes it too slowly is given
/// up, whatever else it says.
async fn send_piece(
    mut piece: Bytes,
    is_last: bool,
    stream: &mut SendStream<Bytes>,
    pace: &mut Pace,
) -> Result<(), h2::Error> {
    while !piece.is_empty() {
        stream.reserve_capacity(piece.len());
        if stream.capacity() == 0 {
            let begun = Instant::now();
            let Ok(waited) = timeout(pace.left(), capacity(stream)).await else {
                stream.send_reset(Reason::CANCEL);
                return Err(Reason::CANCEL.into());
            };
            waited?;
            pace.waited(begun.elapsed());
        }
        let now = piece.split_to(stream.capacity().min(piece.len()));
        pace.took(now.len());
        stream.send_data(now, is_last && piece.is_empty())?;
    }
    Ok(())
}

/// Waits until the client takes more.
async fn capacity(stream: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
    while stream.capacity() == 0 {
        match poll_fn(|cx| stream.poll_capacity(cx)).await {
            Some(outcome) => outcome?,
            None => return Err(Reason::CANCEL.into()),
        };
    }
    Ok(())
}

fn now() -> HeaderValue {
    #[expect(clippy::disallowed_methods, reason = "the date of a reply is not the service's time")]
    let text = httpdate::fmt_http_date(SystemTime::now());
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}
