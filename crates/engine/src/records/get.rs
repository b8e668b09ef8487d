//! GetRecords.

use super::data::Data;
use super::iterator::{IteratorPosition, OpenIterator};
use super::open::OpenRun;
use super::room::ReplyRoom;
use super::shard_read::{ShardRead, Wanted, children, is_at_end, millis_behind};
use crate::error::{GetRecordsError, NoRoom, ReadRateExceeded, ShardNotFound};
use crate::live::meter::ReadCount;
use crate::live::slot::ShardSlot;
use crate::live::stream::Stream;
use crate::state::scope::{Scope, StreamRef};
use anabranch_model::{Shard, limits};
use std::sync::Arc;

/// The least that is read from the disk at once.
const PIECE_BYTES: usize = 4 << 20;

/// What to read.
#[derive(Clone, Debug)]
pub struct GetRequest<'a> {
    /// Whose streams the caller may read.
    pub scope: &'a Scope,
    /// ARN of the caller.
    pub principal: &'a str,
    /// Where to read.
    pub iterator: &'a OpenIterator,
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
    pub runs: Vec<OpenRun>,
    /// Where to go on. `None`: the shard is closed and read to its end.
    pub next_iterator: Option<String>,
    /// How far behind the tip this reply is, in milliseconds.
    pub millis_behind_latest: u64,
    /// At the end of a closed shard, the shards that follow it.
    pub child_shards: Vec<Shard>,
}

impl Data {
    /// Reads records at an iterator, when `room` has memory for the reply.
    ///
    /// Of a shard whose bytes are limited one call reads at a time: the next one is judged by what
    /// this one gets.
    ///
    /// # Errors
    /// When the iterator's shard is gone, the rate is exceeded, or there is no memory.
    pub async fn get_records<R: ReplyRoom>(
        &self,
        request: GetRequest<'_>,
        room: &R,
    ) -> Result<(GetReply, Option<R::Share>), GetRecordsError> {
        let position = request.iterator.position;
        let (stream, slot) = self.shard_at(request.scope, request.iterator)?;
        let rates = &self.settings.rates;
        let meter = slot.meter.clone();
        let now_us = || self.clock.monotonic_us();
        let exceeded = || {
            let (stream, shard) = (stream.reference.clone(), slot.shard.id);
            Err(ReadRateExceeded { stream, shard }.into())
        };
        if !meter.read_call(rates, now_us()) {
            return exceeded();
        }
        let now_ms = self.ledger.now_ms();
        if request.dry_run {
            let nothing = ShardRead { next_index: position.from_index, ..ShardRead::default() };
            let reply = self.reply(stream, slot, position, nothing, now_ms);
            meter.read_done(rates, ReadCount::default(), reply.millis_behind_latest);
            return Ok((reply, None));
        }
        let wanted = Wanted {
            principal: request.principal,
            records_max: request.records_max,
            bytes_max: limits::GET_RECORDS_BYTES_MAX,
        };
        let most = most(&wanted, stream.max_record_kib);
        let mut share = None;
        loop {
            let turn = meter.turn_to_read(rates, now_us()).await;
            if turn.is_some() && !meter.may_read_bytes(rates, now_us()) {
                return exceeded();
            }
            // What is not in memory is read when there is memory for it.
            let read = match share {
                Some(_) => Some(self.read_at(&stream, &slot, &position, wanted).await?),
                None => self.read_at_in_memory(&stream, &slot, &position, wanted).transpose()?,
            };
            if let Some(read) = read {
                let count = read.count();
                let got = match share.take() {
                    Some(mut share) => {
                        room.shrink(&mut share, count);
                        Some(share)
                    }
                    // Records in memory are held without being copied, so that what they need can be
                    // counted first.
                    None => room.try_take(count),
                };
                if got.is_some() {
                    let reply = self.reply(stream, slot, position, read, now_ms);
                    meter.read_done(rates, count, reply.millis_behind_latest);
                    return Ok((reply, got));
                }
            }
            // Nobody has the turn who waits for memory: a reader who does not take what it gets would
            // hold up all others of the shard.
            drop(turn);
            share = Some(room.take(most).await.ok_or(NoRoom)?);
        }
    }

    fn shard_at(
        &self,
        scope: &Scope,
        iterator: &OpenIterator,
    ) -> Result<(Arc<Stream>, Arc<ShardSlot>), ShardNotFound> {
        let shard = iterator.position.shard.shard();
        let stream = iterator.stream(self.ledger.now_ms());
        let Some(stream) = stream.filter(|stream| stream.reference.scope == *scope) else {
            let stream = StreamRef { scope: scope.clone(), name: iterator.name.clone() };
            return Err(ShardNotFound { stream, shard });
        };
        match stream.slot(shard) {
            Some(slot) => Ok((stream.clone(), slot.clone())),
            None => Err(ShardNotFound { stream: stream.reference.clone(), shard }),
        }
    }

    fn reply(
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

/// The most that a call may get.
fn most(wanted: &Wanted<'_>, max_record_kib: u32) -> ReadCount {
    let record_bytes = max_record_kib as usize * 1024;
    let bytes = wanted.records_max.saturating_mul(record_bytes).max(PIECE_BYTES);
    let bytes = bytes.min(wanted.bytes_max.max(record_bytes));
    ReadCount { records: wanted.records_max as u64, bytes: bytes as u64 }
}

#[cfg(test)]
mod tests {
    use super::super::room::Boundless;
    use super::*;
    use crate::keys::keyring::NoKeys;
    use crate::streams::NewStream;
    use crate::testing::start;
    use anabranch_model::{ShardId, ShardKey};

    #[tokio::test]
    async fn an_iterator_is_good_for_a_stream_of_its_number_and_name() {
        let (engine, scope) = start(NoKeys, NewStream::provisioned("s", 1)).await;
        let number = engine.stream(&scope, "s").expect("there").number;
        let shard = ShardKey::new(number, ShardId(0));
        let position = IteratorPosition { shard, from_index: 0, from_ms: 0, first_from_secs: 0 };
        for (name, is_good) in [("s", true), ("lost", false)] {
            let iterator = engine.data.seal_iterator(&position, name);
            let request = GetRequest {
                scope: &scope,
                principal: "arn:aws:iam::123456789012:user/alice",
                iterator: &engine.data.open_iterator(&iterator).expect("an iterator"),
                records_max: 1,
                dry_run: false,
            };
            let got = engine.data.get_records(request, &Boundless).await;
            let is_missing = matches!(&got, Err(GetRecordsError::ShardNotFound(ShardNotFound { stream, .. }))
                if *stream.name == *name);
            assert_eq!((got.is_ok(), is_missing), (is_good, !is_good), "{name}");
        }
    }
}
