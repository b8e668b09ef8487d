//! GetRecords.

use crate::encryption::OpenRun;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::iterator::IteratorPosition;
use crate::meter::ReadCount;
use crate::scope::{Scope, StreamRef};
use crate::stream::{ShardSlot, Stream};
use anabranch_model::{Shard, ShardId, limits};
use anabranch_storage::{ReadReply, ReadRequest};
use std::sync::Arc;

/// What to read.
#[derive(Clone, Debug)]
pub struct GetRequest<'a> {
    /// Whose streams the caller may read.
    pub scope: &'a Scope,
    /// ARN of the caller.
    pub principal: &'a str,
    /// The iterator as the client holds it.
    pub iterator: &'a str,
    /// The stream that the caller says the iterator is of.
    pub stream: Option<&'a str>,
    /// Records at most, 1..=10000.
    pub records_max: usize,
    /// Only check.
    pub dry_run: bool,
}

/// What was read.
#[derive(Debug)]
pub struct GetReply {
    /// The stream that was read.
    pub stream: Arc<Stream>,
    /// The shard that was read.
    pub slot: Arc<ShardSlot>,
    /// The records.
    pub runs: Vec<OpenRun>,
    /// Where to go on. `None`: the shard is closed and read to its end.
    pub next_iterator: Option<String>,
    /// How far behind the tip this reply is, in milliseconds.
    pub millis_behind_latest: u64,
    /// At the end of a closed shard, the shards that follow it.
    pub child_shards: Vec<Shard>,
}

/// For whom a shard is read, and how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// ARN of the caller.
    pub(crate) principal: &'a str,
    pub(crate) records_max: usize,
    /// Bytes of data and partition keys; one record is returned however long it is.
    pub(crate) bytes_max: usize,
}

/// What was read of a shard.
#[derive(Debug, Default)]
pub(crate) struct ShardRead {
    pub(crate) runs: Vec<OpenRun>,
    /// Where to go on.
    pub(crate) next_index: u64,
    /// Whether there was nothing more at that moment.
    pub(crate) at_tip: bool,
    /// Arrival time of the newest record that was passed, epoch milliseconds; 0 for none.
    pub(crate) reached_ms: u64,
}

impl ShardRead {
    /// What counts for limits and metrics.
    pub(crate) fn count(&self) -> ReadCount {
        self.runs.iter().map(OpenRun::read_count).sum()
    }
}

impl Engine {
    /// Reads records at an iterator.
    ///
    /// # Errors
    /// When the iterator is no good, its shard is gone, or the rate is exceeded.
    pub async fn get_records(
        self: &Arc<Self>,
        request: GetRequest<'_>,
    ) -> Result<GetReply, EngineError> {
        let (position, name) = self.open_iterator(request.iterator)?;
        let (stream, slot) = self.shard_at(request.scope, &position, &name)?;
        if request.stream.is_some_and(|stream_name| stream_name != name) {
            return Err(EngineError::IteratorInvalid);
        }
        if !slot.meter.read_call(&self.settings.rates, self.clock.monotonic_us()) {
            let (stream, shard) = (stream.reference.clone(), slot.shard.id);
            return Err(EngineError::ReadRateExceeded { stream, shard });
        }
        let now_ms = self.now_ms();
        let reply = match request.dry_run {
            true => ShardRead { next_index: position.from_index, ..ShardRead::default() },
            false => {
                let wanted = Wanted {
                    principal: request.principal,
                    records_max: request.records_max,
                    bytes_max: limits::GET_RECORDS_BYTES_MAX,
                };
                self.read_at(&stream, &slot, &position, wanted).await?
            }
        };
        let read = reply.count();
        let reply = self.finish(stream, slot, position, reply, now_ms);
        reply.slot.meter.read_done(&self.settings.rates, read, reply.millis_behind_latest);
        Ok(reply)
    }

    /// Reads what a shard has from a position on, and opens it.
    pub(crate) async fn read_at(
        self: &Arc<Self>,
        stream: &Stream,
        slot: &ShardSlot,
        position: &IteratorPosition,
        wanted: Wanted<'_>,
    ) -> Result<ShardRead, EngineError> {
        let horizon_ms = stream.retention.trim_horizon_ms(self.now_ms());
        let read = ReadRequest {
            shard: slot.key,
            from_index: position.from_index,
            from_ms: position.from_ms.max(horizon_ms),
            end_index: slot.shard.closed.map(|closed| closed.end_index),
            records_max: wanted.records_max,
            bytes_max: wanted.bytes_max,
        };
        let mut reply = self.read(read).await?;
        skip_first(&mut reply, position);
        let ReadReply { runs, next_index, at_tip, reached_ms } = reply;
        let runs = self.open_runs(stream, slot, wanted.principal, runs)?;
        Ok(ShardRead { runs, next_index, at_tip, reached_ms })
    }

    /// Reads inline when the records are in memory, else where blocking is allowed.
    async fn read(self: &Arc<Self>, request: ReadRequest) -> Result<ReadReply, EngineError> {
        if self.store.is_in_memory(request.from_index) {
            return Ok(self.store.read(&request)?);
        }
        let engine = self.clone();
        let task = tokio::task::spawn_blocking(move || engine.store.read(&request));
        Ok(task.await.map_err(|_| EngineError::Interrupted)??)
    }

    fn shard_at(
        &self,
        scope: &Scope,
        position: &IteratorPosition,
        name: &str,
    ) -> Result<(Arc<Stream>, Arc<ShardSlot>), EngineError> {
        let id = position.shard.shard();
        let now_ms = self.now_ms();
        let stream = self.catalog.read().stream_by_number(position.shard.stream()).cloned();
        // A power cut can take a stream whose creation was not synced, and its number goes to the
        // next one: the name must be the iterator's, too.
        let is_meant = |stream: &Arc<Stream>| {
            let StreamRef { scope: of_stream, name: called } = &stream.reference;
            of_stream == scope && **called == *name && stream.status(now_ms).is_some()
        };
        let Some(stream) = stream.filter(is_meant) else {
            let stream = StreamRef { scope: scope.clone(), name: Arc::from(name) };
            return Err(EngineError::ShardNotFound { stream, shard: id });
        };
        match stream.slot(id).cloned() {
            Some(slot) => Ok((stream, slot)),
            None => Err(EngineError::ShardNotFound { stream: stream.reference.clone(), shard: id }),
        }
    }

    fn finish(
        &self,
        stream: Arc<Stream>,
        slot: Arc<ShardSlot>,
        position: IteratorPosition,
        reply: ShardRead,
        now_ms: u64,
    ) -> GetReply {
        let at_end = is_at_end(&reply, &slot);
        let next = position.advanced(reply.next_index);
        GetReply {
            next_iterator: (!at_end).then(|| self.seal_iterator(&next, &stream.reference.name)),
            millis_behind_latest: millis_behind(&reply, &position, now_ms),
            runs: reply.runs,
            child_shards: if at_end { children(&stream, slot.shard.id) } else { Vec::new() },
            stream,
            slot,
        }
    }
}

/// Drops the record at the starting index if it is before the starting sequence number.
fn skip_first(reply: &mut ReadReply, position: &IteratorPosition) {
    let is_before = reply.runs.first().is_some_and(|run| {
        run.first_index == position.from_index && run.arrival_ms / 1000 < position.first_from_secs
    });
    if is_before {
        let rest = reply.runs.remove(0).without_first();
        reply.runs.splice(0..0, rest);
    }
}

/// Whether a read came to the end of a closed shard.
pub(crate) fn is_at_end(reply: &ShardRead, slot: &ShardSlot) -> bool {
    reply.at_tip && slot.shard.closed.is_some_and(|closed| reply.next_index >= closed.end_index)
}

/// How far behind the tip a read ended, in milliseconds.
pub(crate) fn millis_behind(reply: &ShardRead, position: &IteratorPosition, now_ms: u64) -> u64 {
    match reply.at_tip {
        true => 0,
        // Zero says that there is nothing more, which is not so, however recent the rest is.
        false => now_ms.saturating_sub(reply.reached_ms.max(position.from_ms)).max(1),
    }
}

/// The shards that came out of `parent`.
pub(crate) fn children(stream: &Stream, parent: ShardId) -> Vec<Shard> {
    let is_child =
        |shard: &&Shard| shard.parent == Some(parent) || shard.adjacent_parent == Some(parent);
    stream.shards.iter().map(|slot| &slot.shard).filter(is_child).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption::keyring::NoKeys;
    use crate::settings::EngineSettings;
    use crate::stream::{RecordDistribution, StreamMode};
    use crate::stream_life::NewStream;
    use anabranch_env::{FakeDisk, ManualClock};
    use anabranch_model::ShardKey;
    use anabranch_storage::StoreOptions;

    #[tokio::test]
    async fn an_iterator_is_good_for_a_stream_of_its_number_and_name() {
        let settings = EngineSettings { transition_ms: 0, ..EngineSettings::default() };
        let (disk, clock) = (FakeDisk::default(), ManualClock::at_ms(1_700_000_000_000));
        let options =
            StoreOptions { journal_file_bytes: 16 << 10, ..StoreOptions::new("/data".into()) };
        let (disk, clock) = (Arc::new(disk), Arc::new(clock));
        let engine = Engine::start(options, settings, disk, clock, Arc::new(NoKeys)).await;
        let engine = engine.expect("the engine starts");
        let scope = Scope { account: Arc::from("123456789012"), region: Arc::from("us-east-1") };
        let new = NewStream {
            name: "s".into(),
            shard_count: Some(1),
            mode: Some(StreamMode::Provisioned),
            tags: std::collections::BTreeMap::new(),
            max_record_kib: 1024,
            distribution: RecordDistribution::UserPartitionKey,
            warm_mibps: 0,
        };
        engine.create_stream(&scope, new).await.expect("created");
        let number = engine.stream(&scope, "s").expect("there").number;
        let shard = ShardKey::new(number, ShardId(0));
        let position = IteratorPosition { shard, from_index: 0, from_ms: 0, first_from_secs: 0 };
        for (name, is_good) in [("s", true), ("lost", false)] {
            let request = GetRequest {
                scope: &scope,
                principal: "arn:aws:iam::123456789012:user/alice",
                iterator: &engine.seal_iterator(&position, name),
                stream: None,
                records_max: 1,
                dry_run: false,
            };
            let got = engine.get_records(request).await;
            let is_missing = matches!(&got, Err(EngineError::ShardNotFound { stream, .. })
                if *stream.name == *name);
            assert_eq!((got.is_ok(), is_missing), (is_good, !is_good), "{name}");
        }
    }
}
