//! The known caller: puts records over connections of its own, for as long as this value is there.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connection::{Answer, Connection, PATIENCE};
use crate::keys::KNOWN;

pub(crate) const STREAM: &str = "load";
pub(crate) const SHARDS: u32 = 4;
/// A KiB and two bytes, as they are sent.
const DATA_CHARS: usize = 1368;
/// A signature is good for five minutes.
const SIGNED_ANEW_AFTER: Duration = Duration::from_secs(60);

/// What the caller asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// PutRecord of a KiB over 16 connections
    Single,
    /// PutRecords of 500 of them over 8 connections
    Batches,
}

#[derive(Default)]
struct Counts {
    records: AtomicU64,
    /// What it was told instead, and how often.
    errors: Mutex<BTreeMap<String, u64>>,
}

pub(crate) struct Caller {
    counts: Arc<Counts>,
    // Ends with this value.
    _connections: JoinSet<()>,
}

impl Work {
    fn connections(self) -> usize {
        match self {
            Self::Single => 16,
            Self::Batches => 8,
        }
    }

    fn records(self) -> u64 {
        match self {
            Self::Single => 1,
            Self::Batches => 500,
        }
    }

    fn request(self, connection: usize) -> Vec<u8> {
        let data = "A".repeat(DATA_CHARS);
        let record =
            |number: u64| json!({ "Data": data, "PartitionKey": format!("{connection}-{number}") });
        match self {
            Self::Single => {
                let mut input = record(0);
                input["StreamName"] = STREAM.into();
                KNOWN.at_home("PutRecord", &input)
            }
            Self::Batches => {
                let records: Vec<Value> = (0..self.records()).map(record).collect();
                let input = json!({ "StreamName": STREAM, "Records": records });
                KNOWN.at_home("PutRecords", &input)
            }
        }
    }

    /// What is wrong with an answer.
    fn error(self, answer: &Answer) -> Option<String> {
        let is_taken = match self {
            Self::Single => true,
            Self::Batches => answer.json().is_ok_and(|body| body["FailedRecordCount"] == 0),
        };
        (answer.status != 200 || !is_taken).then(|| answer.text())
    }
}

impl Caller {
    /// One whose connections have all had an answer: who comes while strangers take each other's places is
    /// a stranger, too, until then.
    pub(crate) async fn start(address: &str, work: Work) -> Self {
        let counts = Arc::new(Counts::default());
        let (answered, mut all_answered) = mpsc::channel(1);
        let mut connections = JoinSet::new();
        for connection in 0..work.connections() {
            let (address, counts) = (address.to_owned(), counts.clone());
            let mut answered = Some(answered.clone());
            connections.spawn(async move {
                loop {
                    let putting = put(&address, work, connection, &counts, &mut answered);
                    if let Err(error) = putting.await {
                        counts.note(format!("{error:#}"));
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            });
        }
        drop(answered);
        // Ends when each has dropped its own. Who is not answered by then has noted errors.
        let _ = timeout(PATIENCE, all_answered.recv()).await;
        Self { counts, _connections: connections }
    }

    /// Records that were acknowledged a second, for as long as this takes.
    pub(crate) async fn rate(&self, time: Duration) -> f64 {
        let (started, before) = (Instant::now(), self.counts.records.load(Ordering::Relaxed));
        tokio::time::sleep(time).await;
        let records = self.counts.records.load(Ordering::Relaxed) - before;
        records as f64 / started.elapsed().as_secs_f64()
    }

    /// What it was told instead since it was asked last, and how often.
    pub(crate) fn take_errors(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.counts.errors.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Counts {
    fn note(&self, error: String) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        *errors.entry(error).or_default() += 1;
    }
}

async fn put(
    address: &str,
    work: Work,
    connection: usize,
    counts: &Counts,
    answered: &mut Option<mpsc::Sender<Infallible>>,
) -> Result<()> {
    let mut socket = Connection::open(address).await?;
    loop {
        let (request, signed) = (work.request(connection), Instant::now());
        while signed.elapsed() < SIGNED_ANEW_AFTER {
            let answer = socket.ask(&request).await?;
            *answered = None;
            match work.error(&answer) {
                None => {
                    counts.records.fetch_add(work.records(), Ordering::Relaxed);
                }
                Some(error) => counts.note(error),
            }
        }
    }
}

/// Makes the stream that the caller puts to.
pub(crate) async fn make_stream(address: &str) -> Result<()> {
    let input = json!({ "StreamName": STREAM, "ShardCount": SHARDS });
    let answer =
        Connection::open(address).await?.ask(&KNOWN.at_home("CreateStream", &input)).await?;
    ensure!(answer.status == 200, "no stream could be made: {}", answer.text());
    Ok(())
}
