//! Shard iterators: positions that a client holds.

use crate::engine::Engine;
use crate::error::EngineError;
use crate::scope::Scope;
use crate::stream::{ShardSlot, Stream};
use crate::token::Purpose;
use anabranch_model::{SequenceNumber, ShardId, ShardKey, limits};
use std::sync::Arc;

/// Where to start reading a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartingPosition {
    /// At the record with this sequence number.
    AtSequenceNumber(String),
    /// After it.
    AfterSequenceNumber(String),
    /// At the oldest record.
    TrimHorizon,
    /// After the newest record.
    Latest,
    /// At the first record that arrived at this time (epoch milliseconds) or later.
    AtTimestamp(u64),
}

/// A position in a shard. It stays right whatever is added or expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IteratorPosition {
    /// The shard.
    pub shard: ShardKey,
    /// First index wanted.
    pub from_index: u64,
    /// Records that arrived earlier (epoch milliseconds) are passed over.
    pub from_ms: u64,
}

/// An iterator is 8 + 8 + 8 + 8 bytes: shard, index, time, and when it was made.
const ITERATOR_BYTES: usize = 32;

impl Engine {
    /// Makes a shard iterator.
    ///
    /// # Errors
    /// When there is no such shard, the position is not one of it, or the rate is exceeded.
    pub fn shard_iterator(
        &self,
        scope: &Scope,
        name: &str,
        shard: &str,
        position: &StartingPosition,
    ) -> Result<String, EngineError> {
        let stream = self.stream_of_shard(scope, name, shard)?;
        let slot = self.readable_shard(&stream, shard)?;
        let position = self.resolve(&stream, slot, position)?;
        if !slot.meter.iterator_call(&self.settings.rates, self.clock.monotonic_us()) {
            let (stream, shard) = (stream.reference.clone(), slot.shard.id);
            return Err(EngineError::ReadRateExceeded { stream, shard });
        }
        Ok(self.seal_iterator(&position))
    }

    /// A missing stream shows as a missing shard here, as on the service.
    fn stream_of_shard(
        &self,
        scope: &Scope,
        name: &str,
        shard: &str,
    ) -> Result<Arc<Stream>, EngineError> {
        self.data_stream(scope, name).map_err(|error| {
            match (error, ShardId::parse_lenient(shard)) {
                (EngineError::StreamNotFound(stream), Some(shard)) => {
                    EngineError::ShardNotFound { stream, shard }
                }
                (EngineError::StreamNotFound(stream), None) => {
                    EngineError::ShardIdInvalid { stream, shard: shard.to_owned() }
                }
                (other, _) => other,
            }
        })
    }

    fn readable_shard<'a>(
        &self,
        stream: &'a Stream,
        shard: &str,
    ) -> Result<&'a Arc<ShardSlot>, EngineError> {
        let reference = || stream.reference.clone();
        let id = ShardId::parse_lenient(shard).ok_or_else(|| EngineError::ShardIdInvalid {
            stream: reference(),
            shard: shard.to_owned(),
        })?;
        let now_ms = self.clock.now_ms();
        let slot = stream.visible_shards(now_ms).find(|slot| slot.shard.id == id);
        slot.ok_or_else(|| EngineError::ShardNotFound { stream: reference(), shard: id })
    }

    /// Turns a client's starting position into one of the journal.
    ///
    /// # Errors
    /// When the position is not one of the shard.
    pub fn resolve(
        &self,
        stream: &Stream,
        slot: &ShardSlot,
        position: &StartingPosition,
    ) -> Result<IteratorPosition, EngineError> {
        let at = |from_index, from_ms| IteratorPosition { shard: slot.key, from_index, from_ms };
        let end = slot.shard.closed.map_or(u64::MAX, |closed| closed.end_index);
        match position {
            StartingPosition::TrimHorizon => Ok(at(0, 0)),
            StartingPosition::Latest => Ok(at(self.store.durable_index().min(end), 0)),
            StartingPosition::AtTimestamp(at_ms) => {
                let (at_ms, now_ms) = (*at_ms, self.clock.now_ms());
                if at_ms > now_ms {
                    return Err(EngineError::TimestampInFuture { at_ms, now_ms });
                }
                Ok(at(0, at_ms))
            }
            StartingPosition::AtSequenceNumber(number) => {
                Ok(at(starting_index(stream, slot, number)?, 0))
            }
            StartingPosition::AfterSequenceNumber(number) => {
                Ok(at(starting_index(stream, slot, number)?.saturating_add(1).min(end), 0))
            }
        }
    }

    pub(crate) fn seal_iterator(&self, position: &IteratorPosition) -> String {
        let mut payload = [0u8; ITERATOR_BYTES];
        let fields = [position.shard.0, position.from_index, position.from_ms, self.clock.now_ms()];
        for (bytes, field) in payload.chunks_exact_mut(8).zip(fields) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
        self.tokens.seal(Purpose::ShardIterator, &payload)
    }

    pub(crate) fn open_iterator(&self, iterator: &str) -> Result<IteratorPosition, EngineError> {
        // Some shells hand the quotes on; the service accepts that, too.
        let bare = iterator.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let payload = self
            .tokens
            .open(Purpose::ShardIterator, bare.unwrap_or(iterator))
            .filter(|payload| payload.len() == ITERATOR_BYTES)
            .ok_or(EngineError::IteratorInvalid)?;
        let mut fields = [0u64; 4];
        for (field, bytes) in fields.iter_mut().zip(payload.chunks_exact(8)) {
            *field = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        }
        let [shard, from_index, from_ms, issued_ms] = fields;
        let now_ms = self.clock.now_ms();
        if now_ms.saturating_sub(issued_ms) > limits::ITERATOR_LIFE_MS {
            return Err(EngineError::IteratorExpired { issued_ms, now_ms });
        }
        Ok(IteratorPosition { shard: ShardKey(shard), from_index, from_ms })
    }
}

/// The index in a starting sequence number, which must be of this shard and incarnation.
fn starting_index(stream: &Stream, slot: &ShardSlot, number: &str) -> Result<u64, EngineError> {
    let (reference, shard) = (stream.reference.clone(), slot.shard.id);
    let Some(parsed) = SequenceNumber::parse(number) else {
        let number = number.to_owned();
        return Err(EngineError::StartingNumberInvalid { stream: reference, shard, number });
    };
    if parsed.shard_index != shard.0 {
        let encoded = ShardId(parsed.shard_index);
        return Err(EngineError::StartingNumberOfShard { encoded, shard });
    }
    if parsed.created_secs != slot.shard.created_secs {
        let number = number.to_owned();
        return Err(EngineError::StartingNumberOfStream { stream: reference, shard, number });
    }
    Ok(parsed.index)
}
