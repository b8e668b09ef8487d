//! Workers that read: from the trim horizon as fast as they can, or from the tip as records come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use tokio::sync::watch;

use crate::bench::bodies::Stamp;
use crate::bench::pace::{Pace, Window};
use crate::bench::scan::{self, ReadReply};
use crate::bench::stats::{Latency, Tally};
use crate::bench::wire::{Operation, Session, Wire};

/// The pause after a throttled or failed read: a shard allows five a second.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);

/// What all readers of a run share.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    pub(crate) wire: Arc<Wire>,
    pub(crate) operation: Operation,
    pub(crate) stream: String,
    /// Records per call at most.
    pub(crate) limit: u32,
    pub(crate) window: Window,
}

/// A shard in the hands of one reader.
#[derive(Debug)]
struct Cursor {
    shard: String,
    iterator: String,
}

/// What a read-back reader does at the tip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtTip {
    Stop,
    StartAgain,
}

impl Readers {
    /// An iterator, made outside the measured load.
    async fn iterator(
        &self,
        session: &mut Session,
        shard: &str,
        kind: &str,
    ) -> anyhow::Result<String> {
        let input = json!({
            "StreamName": self.stream, "ShardId": shard, "ShardIteratorType": kind
        });
        let reply = session.call("GetShardIterator", &input).await??;
        let iterator = reply["ShardIterator"].as_str();
        Ok(iterator.ok_or_else(|| anyhow!("GetShardIterator gave no iterator"))?.to_owned())
    }

    /// Reads shards from their oldest record, in turn, until all are read or the pace ends.
    pub(crate) async fn read_back(
        self,
        shards: Vec<String>,
        pace: Pace,
        at_tip: AtTip,
    ) -> anyhow::Result<Tally> {
        let mut session = Session::new(&self.wire);
        let mut tally = Tally::new();
        let mut buffer = Vec::new();
        let mut cursors = Vec::new();
        for shard in shards {
            let iterator = self.iterator(&mut session, &shard, "TRIM_HORIZON").await?;
            cursors.push(Cursor { shard, iterator });
        }
        let mut turn = 0;
        while !cursors.is_empty() {
            let Some(start) = pace.next().await else { break };
            turn = (turn + 1) % cursors.len();
            let counts = self.window.counts(start);
            let began = Instant::now();
            let read = self
                .read(&mut session, &cursors[turn].iterator, &mut buffer, |_| {})
                .await
                .context("the connection broke while reading back")?;
            match read {
                Ok(reply) => {
                    if counts {
                        let ended = Instant::now();
                        tally.latency.record(ended - start);
                        tally.service_time.record(ended - began);
                        tally.requests += 1;
                        tally.records += reply.records;
                        tally.bytes += reply.bytes;
                    }
                    let tip = reply.records == 0 && reply.millis_behind == 0;
                    match reply.next_iterator {
                        Some(next) if !tip => cursors[turn].iterator = next,
                        _ if at_tip == AtTip::StartAgain => {
                            let shard = cursors[turn].shard.clone();
                            cursors[turn].iterator =
                                self.iterator(&mut session, &shard, "TRIM_HORIZON").await?;
                        }
                        _ => {
                            cursors.swap_remove(turn);
                        }
                    }
                }
                Err(code) => {
                    if counts {
                        tally.error(&code);
                    }
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
            }
        }
        Ok(tally)
    }

    /// One GetRecords. The inner error is the service's code.
    async fn read(
        &self,
        session: &mut Session,
        iterator: &str,
        buffer: &mut Vec<u8>,
        on_data: impl FnMut(&[u8]),
    ) -> anyhow::Result<Result<ReadReply, String>> {
        // An iterator is opaque text of the service; it is quoted as JSON, not trusted.
        let quoted = serde_json::Value::from(iterator);
        let body = format!("{{\"ShardIterator\":{quoted},\"Limit\":{}}}", self.limit);
        let request = self.wire.request(&self.operation, Bytes::from(body), None);
        let status = session
            .exchange(request, buffer)
            .await
            .map_err(|lost| anyhow!("GetRecords: {lost}"))?;
        if status != StatusCode::OK {
            return Ok(Err(scan::error_code(status.as_u16(), buffer)));
        }
        let reply = scan::read_reply(buffer, on_data);
        Ok(Ok(reply.context("GetRecords: the reply cannot be read")?))
    }
}

/// A reader at the tip of some shards, for the latency from put to read.
#[derive(Debug)]
pub(crate) struct Follower {
    readers: Readers,
    session: Session,
    cursors: Vec<Cursor>,
    run: u32,
    poll_interval: Duration,
}

/// What followers saw of the run's records.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Records of the window.
    pub(crate) records: u64,
    /// From the intended put to the end of the reply that had the record.
    pub(crate) put_to_read: Latency,
    /// GetRecords calls.
    pub(crate) reads: u64,
    pub(crate) errors: HashMap<String, u64>,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Seen { records: 0, put_to_read: Latency::new(), reads: 0, errors: HashMap::new() }
    }

    pub(crate) fn add(&mut self, other: &Seen) {
        self.records += other.records;
        self.put_to_read.add(&other.put_to_read);
        self.reads += other.reads;
        for (code, count) in &other.errors {
            *self.errors.entry(code.clone()).or_default() += count;
        }
    }
}

impl Follower {
    /// Takes its place at the tip: records put after this has returned will be seen.
    pub(crate) async fn at_tip(
        readers: Readers,
        shards: Vec<String>,
        run: u32,
        poll_interval: Duration,
    ) -> anyhow::Result<Self> {
        let mut session = Session::new(&readers.wire);
        let mut cursors = Vec::new();
        for shard in shards {
            let iterator = readers.iterator(&mut session, &shard, "LATEST").await?;
            cursors.push(Cursor { shard, iterator });
        }
        Ok(Follower { readers, session, cursors, run, poll_interval })
    }

    /// Follows until told to stop. `seen_now` adds up what all followers have seen.
    pub(crate) async fn run(
        mut self,
        window: Window,
        mut stop: watch::Receiver<bool>,
        seen_now: Arc<std::sync::atomic::AtomicU64>,
    ) -> anyhow::Result<Seen> {
        let mut seen = Seen::new();
        let mut buffer = Vec::new();
        let mut nanos = Vec::new();
        while !self.cursors.is_empty() && !*stop.borrow() {
            let next_round = tokio::time::Instant::now() + self.poll_interval;
            let mut at = 0;
            while at < self.cursors.len() {
                let run = self.run;
                let iterator = self.cursors[at].iterator.clone();
                let on_data = |data: &[u8]| {
                    let stamp = Stamp::read(data).filter(|stamp| stamp.run == run);
                    nanos.extend(stamp.map(|stamp| stamp.nanos));
                };
                let reply =
                    self.readers.read(&mut self.session, &iterator, &mut buffer, on_data).await?;
                let now = Instant::now();
                seen.reads += 1;
                for put in nanos.drain(..).map(|nanos| window.epoch + Duration::from_nanos(nanos)) {
                    if window.counts(put) {
                        seen.records += 1;
                        seen.put_to_read.record(now.saturating_duration_since(put));
                        seen_now.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
                match reply.map(|reply| reply.next_iterator) {
                    Ok(Some(next)) => {
                        self.cursors[at].iterator = next;
                        at += 1;
                    }
                    Ok(None) => {
                        self.cursors.swap_remove(at);
                    }
                    Err(code) => {
                        *seen.errors.entry(code).or_default() += 1;
                        at += 1;
                    }
                }
            }
            if self.poll_interval.is_zero() {
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep_until(next_round) => {}
                _ = stop.changed() => {}
            }
        }
        Ok(seen)
    }
}
