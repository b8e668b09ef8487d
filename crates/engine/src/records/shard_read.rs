//! Reading a shard: what GetRecords and subscriptions have in common.

use super::data::Data;
use super::iterator::IteratorPosition;
use super::open::OpenRun;
use crate::error::{Interrupted, ShardReadError};
use crate::live::meter::ReadCount;
use crate::live::slot::ShardSlot;
use crate::live::stream::Stream;
use anabranch_model::{Shard, ShardId};
use anabranch_storage::{ReadReply, ReadRequest};

/// For whom a shard is read, and how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// ARN of the caller.
    pub(super) principal: &'a str,
    pub(super) records_max: usize,
    /// Bytes of data and partition keys; one record is returned however long it is.
    pub(super) bytes_max: usize,
}

/// What was read of a shard.
#[derive(Debug, Default)]
pub(super) struct ShardRead {
    pub(super) runs: Vec<OpenRun>,
    /// Where to go on.
    pub(super) next_index: u64,
    /// Whether there was nothing more at that moment.
    pub(super) at_tip: bool,
    /// Arrival time of the newest record that was passed, epoch milliseconds; 0 for none.
    pub(super) reached_ms: u64,
}

impl ShardRead {
    /// What counts for limits and metrics.
    pub(super) fn count(&self) -> ReadCount {
        self.runs.iter().map(OpenRun::read_count).sum()
    }
}

impl Data {
    /// Reads what a shard has from a position on, and opens it: inline when it is in memory, else where
    /// blocking is allowed.
    pub(super) async fn read_at(
        &self,
        stream: &Stream,
        slot: &ShardSlot,
        position: &IteratorPosition,
        wanted: Wanted<'_>,
    ) -> Result<ShardRead, ShardReadError> {
        let request = self.read_request(stream, slot, position, wanted);
        let reply = match self.read_in_memory(&request) {
            Some(reply) => reply?,
            None => {
                let ledger = self.ledger.clone();
                let task = tokio::task::spawn_blocking(move || ledger.store().read(&request));
                task.await.map_err(|_| Interrupted)??
            }
        };
        self.open_read(stream, slot, wanted, reply)
    }

    /// As [`Data::read_at`], of what is in memory. `None`: it is not there.
    pub(super) fn read_at_in_memory(
        &self,
        stream: &Stream,
        slot: &ShardSlot,
        position: &IteratorPosition,
        wanted: Wanted<'_>,
    ) -> Option<Result<ShardRead, ShardReadError>> {
        let reply = self.read_in_memory(&self.read_request(stream, slot, position, wanted))?;
        Some(reply.and_then(|reply| self.open_read(stream, slot, wanted, reply)))
    }

    fn read_request(
        &self,
        stream: &Stream,
        slot: &ShardSlot,
        position: &IteratorPosition,
        wanted: Wanted<'_>,
    ) -> ReadRequest {
        let horizon_ms = stream.retention.trim_horizon_ms(self.ledger.store().believed_ms());
        ReadRequest {
            shard: slot.key,
            from_index: position.from_index,
            from_ms: position.from_ms.max(horizon_ms),
            first_from_secs: position.first_from_secs,
            end_index: slot.shard.closed.map(|closed| closed.end_index),
            records_max: wanted.records_max,
            bytes_max: wanted.bytes_max,
        }
    }

    /// Reads inline when that does not block. `None`: it would.
    fn read_in_memory(&self, request: &ReadRequest) -> Option<Result<ReadReply, ShardReadError>> {
        let store = self.ledger.store();
        store.is_in_memory(request.from_index).then(|| Ok(store.read(request)?))
    }

    fn open_read(
        &self,
        stream: &Stream,
        slot: &ShardSlot,
        wanted: Wanted<'_>,
        reply: ReadReply,
    ) -> Result<ShardRead, ShardReadError> {
        let ReadReply { runs, next_index, at_tip, reached_ms } = reply;
        let runs = self.open_runs(stream, slot, wanted.principal, runs)?;
        Ok(ShardRead { runs, next_index, at_tip, reached_ms })
    }
}

/// Whether a read came to the end of a closed shard.
pub(super) fn is_at_end(reply: &ShardRead, slot: &ShardSlot) -> bool {
    reply.at_tip && slot.shard.closed.is_some_and(|closed| reply.next_index >= closed.end_index)
}

/// How far behind the tip a read ended, in milliseconds.
pub(super) fn millis_behind(reply: &ShardRead, position: &IteratorPosition, now_ms: u64) -> u64 {
    match reply.at_tip {
        true => 0,
        // Zero says that there is nothing more, which is not so, however recent the rest is.
        false => now_ms.saturating_sub(reply.reached_ms.max(position.from_ms)).max(1),
    }
}

/// The shards that came out of `parent`.
pub(super) fn children(stream: &Stream, parent: ShardId) -> Vec<Shard> {
    let is_child =
        |shard: &&Shard| shard.parent == Some(parent) || shard.adjacent_parent == Some(parent);
    stream.shards.iter().map(|slot| &slot.shard).filter(is_child).cloned().collect()
}
