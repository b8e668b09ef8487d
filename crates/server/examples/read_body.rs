//! What HTTP alone costs: a server with the connection settings of ours that reads the body of a
//! request, looks at nothing in it and answers something fixed.
//!
//! `read_body ADDRESS:PORT`. The answers are just enough for `anabranch bench`: there is one
//! stream of any name, which has one shard and is always ACTIVE. A reply to a put is far shorter
//! than a real one, which makes this a ceiling and not a competitor.

use std::convert::Infallible;
use std::error::Error;
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

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: read_body ADDRESS:PORT")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(&address))
}

async fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(async move {
            let builder = http_builder();
            let connection = builder.serve_connection(TokioIo::new(socket), service_fn(answer));
            // The client's business, as in the server.
            let _ = connection.await;
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

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
    let found = ANSWERS.iter().find(|(name, _)| *name == operation);
    let text = found.map_or("{}", |(_, text)| *text);
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    let json = HeaderValue::from_static("application/x-amz-json-1.1");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}
