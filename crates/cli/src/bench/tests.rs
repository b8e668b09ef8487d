//! The load generator against a server of a few lines, over real sockets.

#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Mutex;

use anabranch_protocol::sigv4::{Credentials, Signer};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

use super::wire::{Auth, Target};
use super::*;

/// A stream of two shards. Every record goes to the first one.
#[derive(Debug, Default)]
struct Stub {
    created: Mutex<bool>,
    data: Mutex<Vec<String>>,
    /// Every request with this number, counted from 1, has its last record throttled.
    throttle_every: u64,
    /// Close the connection after every reply.
    close: bool,
    puts: AtomicU64,
}

impl Stub {
    async fn start(self) -> (Arc<Stub>, String) {
        let stub = Arc::new(self);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = Arc::clone(&stub);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let stub = Arc::clone(&serving);
                let service = service_fn(move |request| Arc::clone(&stub).answer(request));
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        (stub, url)
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let target = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
        let operation = target.strip_prefix("Kinesis_20131202.").unwrap().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let input: Value = serde_json::from_slice(&body).unwrap();
        let (status, output) = self.output(&operation, &input);
        let mut response = Response::builder().status(status);
        if self.close {
            response = response.header("connection", "close");
        }
        let text = if output.is_null() { String::new() } else { output.to_string() };
        Ok(response.body(Full::new(Bytes::from(text))).unwrap())
    }

    fn output(&self, operation: &str, input: &Value) -> (u16, Value) {
        let ok = |value| (200, value);
        match operation {
            "DescribeStreamSummary" if !*self.created.lock().unwrap() => {
                (400, json!({ "__type": "ResourceNotFoundException", "message": "none" }))
            }
            "DescribeStreamSummary" => {
                ok(json!({ "StreamDescriptionSummary": { "StreamStatus": "ACTIVE" } }))
            }
            "CreateStream" => {
                assert_eq!(input["ShardCount"], 2);
                *self.created.lock().unwrap() = true;
                ok(Value::Null)
            }
            "DeleteStream" => {
                *self.created.lock().unwrap() = false;
                ok(Value::Null)
            }
            "ListShards" => {
                let range = json!({ "StartingSequenceNumber": "0" });
                ok(json!({ "Shards": [
                    { "ShardId": "a", "SequenceNumberRange": range },
                    { "ShardId": "b", "SequenceNumberRange": range },
                ] }))
            }
            "PutRecord" => {
                let data = input["Data"].as_str().unwrap().to_owned();
                self.data.lock().unwrap().push(data);
                ok(json!({ "SequenceNumber": "1", "ShardId": "a" }))
            }
            "PutRecords" => ok(self.put_records(input)),
            "GetShardIterator" => {
                let latest = input["ShardIteratorType"] == "LATEST";
                let at = if latest { self.data.lock().unwrap().len() } else { 0 };
                let shard = input["ShardId"].as_str().unwrap();
                ok(json!({ "ShardIterator": format!("{shard} {at}") }))
            }
            "GetRecords" => ok(self.get_records(input)),
            other => (400, json!({ "__type": "UnknownOperationException", "message": other })),
        }
    }

    fn put_records(&self, input: &Value) -> Value {
        let number = self.puts.fetch_add(1, Ordering::Relaxed) + 1;
        let mut records = input["Records"].as_array().unwrap().clone();
        let mut failed = 0;
        let throttled = self.throttle_every > 0 && number.is_multiple_of(self.throttle_every);
        let mut results = Vec::new();
        if throttled {
            records.pop();
            failed = 1;
        }
        for record in records {
            self.data.lock().unwrap().push(record["Data"].as_str().unwrap().to_owned());
            results.push(json!({ "SequenceNumber": "1", "ShardId": "a" }));
        }
        if throttled {
            let code = "ProvisionedThroughputExceededException";
            results.push(json!({ "ErrorCode": code, "ErrorMessage": "slow down" }));
        }
        json!({ "FailedRecordCount": failed, "Records": results })
    }

    fn get_records(&self, input: &Value) -> Value {
        let (shard, at) = input["ShardIterator"].as_str().unwrap().split_once(' ').unwrap();
        let (at, limit) = (at.parse::<usize>().unwrap(), input["Limit"].as_u64().unwrap() as usize);
        let data = self.data.lock().unwrap();
        let records: Vec<Value> = match shard {
            "a" => data.iter().skip(at).take(limit).map(|data| json!({ "Data": data })).collect(),
            _ => Vec::new(),
        };
        let next = at + records.len();
        let behind = if shard == "a" { data.len() - next } else { 0 };
        json!({
            "Records": records,
            "NextShardIterator": format!("{shard} {next}"),
            "MillisBehindLatest": behind,
        })
    }
}

fn plan(workload: Workload) -> Plan {
    Plan {
        endpoint: String::new(),
        http2: false,
        workload,
        stream: "load".to_owned(),
        create_shards: Some(2),
        delete_after: false,
        record_bytes: 100,
        batch: 10,
        connections: 2,
        streams_per_connection: 1,
        duration: Duration::from_secs(30),
        warmup: Duration::ZERO,
        rate: None,
        requests_max: Some(40),
        seed: 1,
        read_limit: 7,
        repeat: false,
        poll_interval: Duration::from_millis(1),
        consumers: 1,
        server_pid: None,
    }
}

async fn measured(url: &str, plan: &Plan) -> anyhow::Result<Report> {
    let target = Target {
        url: url.to_owned(),
        http2: plan.http2,
        ca_bundle: None,
        insecure: false,
        timeout: Duration::from_secs(30),
    };
    run(plan, Wire::new(&target, Auth::Dummy { region: "us-east-1".to_owned() })?).await
}

#[tokio::test]
async fn creates_the_stream_puts_and_deletes_it() {
    let (stub, url) = Stub::default().start().await;
    let plan = Plan { delete_after: true, ..plan(Workload::PutRecords) };
    let report = measured(&url, &plan).await.unwrap();
    assert_eq!((report.requests, report.records, report.bytes), (40, 400, 40_000));
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    assert_eq!(report.open_shards, 2);
    assert_eq!(stub.data.lock().unwrap().len(), 400);
    assert!(!*stub.created.lock().unwrap());
    assert!(report.latency_ms.is_some());
}

#[tokio::test]
async fn counts_throttled_records_one_by_one() {
    let (stub, url) = Stub { throttle_every: 4, ..Stub::default() }.start().await;
    let report = measured(&url, &plan(Workload::PutRecords)).await.unwrap();
    assert_eq!((report.requests, report.records, report.throttled_records), (40, 390, 10));
    assert_eq!(report.errors["record: ProvisionedThroughputExceededException"], 10);
    assert_eq!(stub.data.lock().unwrap().len(), 390);
}

#[tokio::test]
async fn shares_connections_over_http2() {
    let (_stub, url) = Stub::default().start().await;
    let plan = Plan { http2: true, streams_per_connection: 4, ..plan(Workload::PutRecord) };
    let report = measured(&url, &plan).await.unwrap();
    assert_eq!((report.requests, report.records), (40, 40));
    assert!(report.errors.is_empty(), "{:?}", report.errors);
}

#[tokio::test]
async fn a_server_without_keep_alive_is_no_error() {
    let (_stub, url) = Stub { close: true, ..Stub::default() }.start().await;
    let report = measured(&url, &plan(Workload::PutRecords)).await.unwrap();
    assert_eq!(report.records, 400);
    assert!(report.errors.is_empty(), "{:?}", report.errors);
}

#[tokio::test]
async fn reads_everything_back_once() {
    let (_stub, url) = Stub::default().start().await;
    measured(&url, &plan(Workload::PutRecords)).await.unwrap();
    let reading = Plan { requests_max: None, ..plan(Workload::Get) };
    let report = measured(&url, &reading).await.unwrap();
    assert_eq!((report.records, report.bytes), (400, 40_000));
    assert!(report.seconds < 30.0, "it stops when everything is read");
}

#[tokio::test]
async fn finds_its_own_records_end_to_end() {
    let (_stub, url) = Stub::default().start().await;
    // Records of an earlier run are in the way.
    measured(&url, &plan(Workload::PutRecords)).await.unwrap();
    let both = Plan {
        rate: Some(2_000.0),
        duration: Duration::from_millis(50),
        requests_max: None,
        ..plan(Workload::EndToEnd)
    };
    let report = measured(&url, &both).await.unwrap();
    let end_to_end = report.end_to_end.unwrap();
    assert_eq!(report.requests + report.unsent, 100);
    assert_eq!(end_to_end.records_read, report.records);
    assert_eq!(end_to_end.records_missing, 0);
    assert!(end_to_end.put_to_read_ms.is_some());
}

#[tokio::test]
async fn a_missing_stream_is_explained() {
    let (_stub, url) = Stub::default().start().await;
    let plan = Plan { create_shards: None, ..plan(Workload::PutRecords) };
    let error = measured(&url, &plan).await.unwrap_err();
    assert!(error.to_string().contains("--shards N creates it"), "{error}");
}

#[tokio::test]
async fn an_error_of_the_service_is_passed_on() {
    let (_stub, url) = Stub::default().start().await;
    let credentials = Credentials {
        access_key_id: "AKID".to_owned(),
        secret_access_key: "secret".to_owned(),
        session_token: None,
    };
    let auth = Auth::Signed(Box::new(Signer::new(credentials, "us-east-1", "kinesis")));
    let timeout = Duration::from_secs(30);
    let target = Target { url, http2: false, ca_bundle: None, insecure: false, timeout };
    let wire = Arc::new(Wire::new(&target, auth).unwrap());
    let mut session = Session::new(&wire);
    let error = session.call("NoSuchOperation", &json!({})).await.unwrap().unwrap_err();
    assert_eq!(error.code, "UnknownOperationException");
}

#[test]
fn every_shard_has_a_reader_and_every_reader_a_shard() {
    let shards: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
    assert_eq!(assign(&shards, 2), [vec!["a", "c"], vec!["b"]]);
    assert_eq!(assign(&shards, 4), [["a"], ["b"], ["c"], ["a"]]);
    assert_eq!(assign(&[], 1), [Vec::<String>::new()]);
}
