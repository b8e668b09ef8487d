//! What HTTP and the disk can do at most, to measure the server against: programs in `src/bin/`.
//!
//! Here is what those with HTTP share: connections as the server has them, and answers that are
//! just enough for `anabranch bench`. There is one stream of any name, which has one shard and is
//! always ACTIVE. A reply to a put is far shorter than a real one.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

// The server's, so that both spend the same on memory.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ANSWERS: [(&str, &str); 5] = [
    ("PutRecords", r#"{"FailedRecordCount":0,"Records":[]}"#),
    (
        "PutRecord",
        r#"{"ShardId":"shardId-000000000000","SequenceNumber":"49600000000000000000000000000000000000000000000000000002"}"#,
    ),
    ("DescribeStreamSummary", r#"{"StreamDescriptionSummary":{"StreamStatus":"ACTIVE"}}"#),
    (
        "ListShards",
        r#"{"Shards":[{"ShardId":"shardId-000000000000","SequenceNumberRange":{"StartingSequenceNumber":"0"}}]}"#,
    ),
    ("ListStreams", r#"{"HasMoreStreams":false,"StreamNames":[]}"#),
];

/// What happens to the body of a put before it is answered.
pub trait Sink: Send + Sync + 'static {
    /// Takes the body, in the pieces in which it came.
    fn take(&self, body: Vec<Bytes>) -> impl Future<Output = ()> + Send;

    /// Whether the body is wanted at all; else it is read and dropped, piece by piece.
    const KEEPS_BODIES: bool;
}

/// Answers requests on `address` until the process ends.
pub fn run<S: Sink>(address: &str, sink: S) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(address, Arc::new(sink)))
}

async fn serve<S: Sink>(address: &str, sink: Arc<S>) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let sink = Arc::clone(&sink);
        tokio::spawn(async move {
            let builder = http_builder();
            let service = service_fn(move |request| answer(request, Arc::clone(&sink)));
            // The client's business, as in the server.
            let _ = builder.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// As in the server's `connection.rs`.
fn http_builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(75))
        .max_buf_size(1 << 20)
        .half_close(true);
    builder
}

async fn answer<S: Sink>(
    request: Request<Incoming>,
    sink: Arc<S>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
    let found = ANSWERS.iter().find(|(name, _)| *name == operation);
    let text = found.map_or("{}", |(_, text)| *text);
    let keep = S::KEEPS_BODIES && operation.starts_with("PutRecord");
    let mut body = request.into_body();
    let mut pieces = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if keep {
            pieces.extend(frame.into_data());
        }
    }
    if keep {
        sink.take(pieces).await;
    }
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    let json = HeaderValue::from_static("application/x-amz-json-1.1");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}
