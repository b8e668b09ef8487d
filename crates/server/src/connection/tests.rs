//! Connections of clients that do as they please.

use super::windows::STREAM_WINDOW;
use super::*;
use crate::body_budget::BodyBudget;
use crate::event_reply::{EventBody, EventSource, Sourced};
use crate::reply::{self, Reply};
use crate::reply_body::{ReplyBody, ReplyMemory};
use anabranch_protocol::WireError;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const REPLY_BYTES: usize = 1 << 20;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// Answers everything with [`REPLY_BYTES`], after the body is read.
struct Door {
    replies: ReplyMemory,
    /// Whether whoever asks is known.
    proves: bool,
    /// Whether heads could be a known caller's.
    may_be_known: bool,
    /// Answers wait for this.
    gate: Option<Notify>,
}

impl Answering for Door {
    fn may_be_known(&self, _: &http::request::Parts) -> bool {
        self.may_be_known
    }

    async fn answer(
        &self,
        request: http::Request<RequestBody>,
        _: Peer,
        connected: &Arc<Connected>,
    ) -> Reply {
        if self.proves {
            connected.prove();
        }
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        let _ = request.into_body().collect().await;
        let reply = Reply::new(ReplyBody::new(vec![7; REPLY_BYTES]));
        self.replies.admit(reply, connected).await
    }
}

const EVENT_BYTES: usize = 100 << 10;

/// Answers everything with an event of [`EVENT_BYTES`] every second.
struct EventDoor {
    stopping: watch::Sender<bool>,
}

impl Answering for EventDoor {
    fn may_be_known(&self, _: &http::request::Parts) -> bool {
        true
    }

    async fn answer(&self, _: http::Request<RequestBody>, _: Peer, _: &Arc<Connected>) -> Reply {
        reply::events(EventBody::new(EverySecond, self.stopping.subscribe()))
    }
}

struct EverySecond;

impl EventSource for EverySecond {
    const EVENT_TYPE: &'static str = "Second";
    type Event = ();

    async fn next(&mut self) -> Option<Result<Sourced<()>, WireError>> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some(Ok(Sourced { event: (), room: None }))
    }

    async fn last(&mut self) -> Option<Result<Sourced<()>, WireError>> {
        None
    }

    fn bytes(&self, (): &(), _: impl FnOnce() -> Vec<u8>) -> Bytes {
        vec![7; EVENT_BYTES].into()
    }
}

const SHARES: Shares =
    Shares { connection_bodies: 1 << 20, peer_bodies: 1 << 20, connection_replies: 4 << 20 };

fn door(replies: &ReplyMemory) -> Door {
    Door { replies: replies.clone(), proves: false, may_be_known: false, gate: None }
}

/// A connection to a server with this door, and how much may be in it on its way.
fn connect_to(
    door: impl Answering,
    memory: RequestMemory,
    pipe: usize,
) -> (DuplexStream, JoinHandle<()>) {
    let (client, server) = duplex(pipe);
    let (stop_sender, stop) = watch::channel(false);
    let requests = Arc::new(Requests { door, memory });
    let shared = Shared { requests, tls: None, stop };
    let address = [127, 0, 0, 1].into();
    let peer = Peer { address, is_tls: false };
    let connected = Arc::new(Connected::new(address, SHARES, BodyBudget::new(1 << 20)));
    let serving = async move {
        shared.serve_socket(Idle::new(server), peer, &connected).await;
        drop(stop_sender);
    };
    (client, tokio::spawn(serving))
}

fn connect(replies: &ReplyMemory) -> (DuplexStream, JoinHandle<()>) {
    connect_to(door(replies), RequestMemory::new(1 << 20, 0), 1000)
}

fn replies() -> ReplyMemory {
    ReplyMemory::new(REPLY_BYTES as u64)
}

#[tokio::test(start_paused = true)]
async fn connections_on_which_nothing_happens_are_ended() {
    let with_settings = [PREFACE, SETTINGS].concat();
    for sent in [b"".as_slice(), &PREFACE[..9], &with_settings, b"GET / HT"] {
        let started = Instant::now();
        let (mut client, serving) = connect(&replies());
        client.write_all(sent).await.expect("there is room");
        serving.await.expect("no panic");
        assert_eq!(started.elapsed().as_secs(), IDLE_PATIENCE.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_nobody_reads_gives_its_memory_back() {
    let replies = replies();
    let (mut client, serving) = connect(&replies);
    client.write_all(REQUEST).await.expect("there is room");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(replies.taken_bytes(), REPLY_BYTES);
    serving.await.expect("no panic");
    assert_eq!(replies.taken_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_read_byte_by_byte_gives_its_memory_back() {
    let replies = replies();
    let (mut client, serving) = connect(&replies);
    let started = Instant::now();
    client.write_all(REQUEST).await.expect("there is room");
    let reading = tokio::spawn(async move {
        while client.read_u8().await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    serving.await.expect("no panic");
    assert_eq!(started.elapsed().as_secs(), IDLE_PATIENCE.as_secs());
    assert_eq!(replies.taken_bytes(), 0);
    reading.abort();
}

#[tokio::test(start_paused = true)]
async fn a_large_reply_arrives_whole() {
    let replies = replies();
    let (mut client, serving) = connect(&replies);
    client.write_all(REQUEST).await.expect("there is room");
    client.shutdown().await.expect("open");
    let mut received = Vec::new();
    client.read_to_end(&mut received).await.expect("read");
    serving.await.expect("no panic");
    let head = received.len() - REPLY_BYTES;
    let length = format!("content-length: {REPLY_BYTES}\r\n");
    assert!(String::from_utf8_lossy(&received[..head]).contains(&length));
    assert!(received[head..].iter().all(|byte| *byte == 7));
    assert_eq!(replies.taken_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn headers_without_end_are_refused() {
    let (mut client, _serving) = connect(&replies());
    let header = format!("X: {}\r\n", "y".repeat(1000));
    client.write_all(b"GET / HTTP/1.1\r\n").await.expect("open");
    while client.write_all(header.as_bytes()).await.is_ok() {}
    let mut start = [0; 12];
    client.read_exact(&mut start).await.expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 431");
}

/// What a client of HTTP/2 has, its connection driven by a task.
async fn http2(stream: DuplexStream) -> h2::client::SendRequest<bytes::Bytes> {
    let (client, connection) = h2::client::Builder::new()
        .max_send_buffer_size(8 << 20)
        // What one stream does not take leaves room for the others.
        .initial_connection_window_size(8 << 20)
        .handshake(stream)
        .await
        .expect("HTTP/2");
    tokio::spawn(async move { drop(connection.await) });
    client.ready().await.expect("open")
}

fn post() -> http::Request<()> {
    http::Request::post("https://here/").body(()).expect("a request")
}

#[tokio::test(start_paused = true)]
async fn pings_do_not_keep_a_connection() {
    let started = Instant::now();
    let (stream, serving) = connect(&replies());
    let (_client, mut connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    let mut pings = connection.ping_pong().expect("once");
    let pinging = async {
        while pings.ping(h2::Ping::opaque()).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    tokio::join!(async { drop(connection.await) }, pinging);
    serving.await.expect("no panic");
    assert_eq!(started.elapsed().as_secs(), IDLE_PATIENCE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_keeps_a_connection() {
    let gate = Notify::new();
    let waiting = Door { gate: Some(gate), ..door(&replies()) };
    let (stream, serving) = connect_to(waiting, RequestMemory::new(1 << 20, 0), 1000);
    let (mut client, mut connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    let mut pings = connection.ping_pong().expect("once");
    tokio::spawn(async move { drop(connection.await) });
    let (reply, _body) = client.send_request(post(), false).expect("open");
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        pings.ping(h2::Ping::opaque()).await.expect("open");
    }
    assert!(!serving.is_finished());
    drop(reply);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_sends_little_ahead_and_a_known_caller_much() {
    for (proves, may_be_known, windows, expected) in [
        (false, false, 16 << 20, 64 << 10),
        (true, false, 0, 64 << 10),
        (true, false, 16 << 20, STREAM_WINDOW as usize),
        (false, true, 16 << 20, STREAM_WINDOW as usize),
        (false, true, 0, 64 << 10),
    ] {
        let knowing = Door { proves, may_be_known, ..door(&replies()) };
        let (stream, _serving) = connect_to(knowing, RequestMemory::new(1 << 20, windows), 1 << 20);
        let mut client = http2(stream).await;
        // The answer to the first request makes the difference.
        let (reply, _) = client.send_request(post(), true).expect("open");
        let mut body = reply.await.expect("a reply").into_body();
        while let Some(data) = body.data().await {
            let taken = data.expect("data").len();
            body.flow_control().release_capacity(taken).expect("taken");
        }
        // The next request finds it known.
        let (reply, _) = client.send_request(post(), true).expect("open");
        let _reply = reply.await.expect("a reply");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (_reply, mut sending) = client.send_request(post(), false).expect("open");
        sending.reserve_capacity(100 << 20);
        let mut capacity = 0;
        while let Ok(Some(Ok(more))) =
            timeout(Duration::from_secs(1), std::future::poll_fn(|cx| sending.poll_capacity(cx)))
                .await
        {
            capacity = more;
        }
        assert!(capacity.abs_diff(expected) <= 1, "{proves} {may_be_known} {windows} {capacity}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_a_word_gets_it() {
    let (stream, _serving) = connect_to(door(&replies()), RequestMemory::new(1 << 20, 0), 1 << 20);
    let mut client = http2(stream).await;
    let request = http::Request::post("https://here/").header("expect", "100-continue");
    let (mut reply, mut body) =
        client.send_request(request.body(()).expect("a request"), false).expect("open");
    let word = std::future::poll_fn(|cx| reply.poll_informational(cx)).await;
    assert_eq!(word.expect("a word").expect("no error").status(), http::StatusCode::CONTINUE);
    body.send_data("the body".into(), true).expect("open");
    assert_eq!(reply.await.expect("a reply").status(), http::StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_memory_for_them_are_told_to_come_again() {
    let gated = Door { gate: Some(Notify::new()), ..door(&replies()) };
    // A quarter of it is for strangers: five requests.
    let (stream, _serving) = connect_to(gated, RequestMemory::new(256 << 10, 0), 1 << 20);
    let mut client = http2(stream).await;
    let mut under_way = Vec::new();
    for _ in 0..5 {
        under_way.push(client.send_request(post(), true).expect("open"));
    }
    let (refused, _) = client.send_request(post(), true).expect("open");
    let refused = refused.await.expect("a reply");
    assert_eq!(refused.status(), http::StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("x-amzn-requestid"));
    drop(under_way);
}

#[tokio::test(start_paused = true)]
async fn a_reply_over_http2_that_nobody_takes_is_given_up() {
    let replies = replies();
    let (stream, _serving) = connect_to(door(&replies), RequestMemory::new(1 << 20, 0), 1 << 20);
    let (mut client, mut connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    let mut pings = connection.ping_pong().expect("once");
    tokio::spawn(async move { drop(connection.await) });
    let (reply, _) = client.send_request(post(), true).expect("open");
    let mut body = reply.await.expect("a reply").into_body();
    // Their bytes are progress of the connection.
    let pinging = tokio::spawn(async move {
        while pings.ping(h2::Ping::opaque()).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    assert_eq!(replies.taken_bytes(), REPLY_BYTES);
    let started = Instant::now();
    let ended = std::future::poll_fn(|cx| body.poll_data(cx));
    assert!(ended.await.expect("a piece").is_ok());
    let error = loop {
        match body.data().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("it was not to end well"),
        }
    };
    pinging.abort();
    assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
    assert_eq!(started.elapsed().as_secs(), IDLE_PATIENCE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_read_slowly_ends_alone() {
    let replies = ReplyMemory::new(4 * REPLY_BYTES as u64);
    let (stream, _serving) = connect_to(door(&replies), RequestMemory::new(1 << 20, 0), 1 << 20);
    let mut client = http2(stream).await;
    let (slow, _) = client.send_request(post(), true).expect("open");
    let mut slow = slow.await.expect("a reply").into_body();
    let started = Instant::now();
    let error = loop {
        // About 4 KiB a second.
        tokio::time::sleep(Duration::from_secs(4)).await;
        match slow.data().await {
            Some(Ok(data)) => {
                slow.flow_control().release_capacity(data.len()).expect("taken");
            }
            Some(Err(error)) => break error,
            None => panic!("it was not to end well"),
        }
        // Another one takes all of its own at once.
        let (quick, _) = client.send_request(post(), true).expect("open");
        let mut quick = quick.await.expect("a reply").into_body();
        while let Some(data) = quick.data().await {
            let taken = data.expect("data").len();
            quick.flow_control().release_capacity(taken).expect("taken");
        }
    };
    assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
    let seconds = started.elapsed().as_secs();
    assert!((IDLE_PATIENCE.as_secs()..120).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn events_may_wait_as_often_as_the_client_catches_up() {
    let door = EventDoor { stopping: watch::channel(false).0 };
    let (stream, _serving) = connect_to(door, RequestMemory::new(1 << 20, 0), 1 << 20);
    let mut client = http2(stream).await;
    let (reply, _) = client.send_request(post(), true).expect("open");
    let mut events = reply.await.expect("a reply").into_body();
    let mut received = 0;
    for number in 1..=5 {
        // An event is more than the client takes unasked.
        tokio::time::sleep(Duration::from_secs(60)).await;
        while received < number * EVENT_BYTES {
            let data = events.data().await.expect("a piece").expect("it goes on");
            events.flow_control().release_capacity(data.len()).expect("taken");
            received += data.len();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_to_head_has_no_body() {
    let (stream, _serving) = connect_to(door(&replies()), RequestMemory::new(1 << 20, 0), 1 << 20);
    let mut client = http2(stream).await;
    let head = http::Request::head("https://here/").body(()).expect("a request");
    let (reply, _) = client.send_request(head, true).expect("open");
    let reply = reply.await.expect("a reply");
    assert_eq!(reply.headers()["content-length"], REPLY_BYTES.to_string());
    assert!(reply.headers().contains_key("date") && reply.into_body().data().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_first_body_of_who_may_be_known_has_a_large_window() {
    let gated = Door { may_be_known: true, gate: Some(Notify::new()), ..door(&replies()) };
    let (stream, _serving) = connect_to(gated, RequestMemory::new(1 << 20, 16 << 20), 8 << 20);
    let mut client = http2(stream).await;
    let (_reply, mut sending) = client.send_request(post(), false).expect("open");
    // Nobody reads it: this is what may be sent ahead.
    sending.reserve_capacity(100 << 20);
    let mut capacity = 0;
    while let Ok(Some(Ok(more))) =
        timeout(Duration::from_secs(1), std::future::poll_fn(|cx| sending.poll_capacity(cx))).await
    {
        capacity = more;
    }
    assert!(capacity.abs_diff(STREAM_WINDOW as usize) <= 1, "{capacity}");
}

#[tokio::test(start_paused = true)]
async fn a_request_is_under_way_until_its_reply_is_taken() {
    let (mut client, server) = duplex(1000);
    let (_stop_sender, stop) = watch::channel(false);
    let requests = Requests { door: door(&replies()), memory: RequestMemory::new(1 << 20, 0) };
    let shared = Shared { requests: Arc::new(requests), tls: None, stop };
    let address = [127, 0, 0, 1].into();
    let peer = Peer { address, is_tls: false };
    let connected = Arc::new(Connected::new(address, SHARES, BodyBudget::new(1 << 20)));
    let watched = connected.clone();
    let serving = tokio::spawn(async move {
        shared.serve_socket(Idle::new(server), peer, &connected).await;
    });
    client.write_all(REQUEST).await.expect("there is room");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(watched.requests(), 1);
    client.shutdown().await.expect("open");
    client.read_to_end(&mut Vec::new()).await.expect("read");
    serving.await.expect("no panic");
    assert_eq!(watched.requests(), 0);
}
