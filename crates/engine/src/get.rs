//! GetRecords.

use crate::encryption::OpenRun;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::iterator::IteratorPosition;
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
        let read = ReadRequest {
            shard: slot.key,
            from_index: position.from_index,
            from_ms: position.from_ms.max(stream.retention.trim_horizon_ms(now_ms)),
            end_index: slot.shard.closed.map(|closed| closed.end_index),
            records_max: request.records_max,
            bytes_max: limits::GET_RECORDS_BYTES_MAX,
        };
        let mut reply = match request.dry_run {
            true => ReadReply { next_index: position.from_index, ..ReadReply::default() },
            false => self.read(read).await?,
        };
        skip_first(&mut reply, &position);
        let runs = std::mem::take(&mut reply.runs);
        let runs = self.open_runs(&stream, &slot, request.principal, runs)?;
        let bytes = runs.iter().map(OpenRun::counted_bytes).sum();
        slot.meter.read_done(&self.settings.rates, bytes);
        let reply = self.finish(stream, slot, position, reply, now_ms);
        Ok(GetReply { runs, ..reply })
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
        let stream = stream.filter(|stream| stream.reference.scope == *scope);
        let Some(stream) = stream.filter(|stream| stream.status(now_ms).is_some()) else {
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
        reply: ReadReply,
        now_ms: u64,
    ) -> GetReply {
        let at_end = reply.at_tip
            && slot.shard.closed.is_some_and(|closed| reply.next_index >= closed.end_index);
        let next =
            IteratorPosition { from_index: reply.next_index, first_from_secs: 0, ..position };
        let millis_behind_latest = match reply.at_tip {
            true => 0,
            // Zero says that there is nothing more, which is not so, however recent the rest is.
            false => now_ms.saturating_sub(reply.reached_ms.max(position.from_ms)).max(1),
        };
        GetReply {
            runs: Vec::new(),
            next_iterator: (!at_end).then(|| self.seal_iterator(&next, &stream.reference.name)),
            millis_behind_latest,
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

/// The shards that came out of `parent`.
fn children(stream: &Stream, parent: ShardId) -> Vec<Shard> {
    let is_child =
        |shard: &&Shard| shard.parent == Some(parent) || shard.adjacent_parent == Some(parent);
    stream.shards.iter().map(|slot| &slot.shard).filter(is_child).cloned().collect()
}
