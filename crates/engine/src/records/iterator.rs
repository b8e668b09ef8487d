//! Shard iterators: positions that a client holds.

use super::data::Data;
use crate::error::{
    IteratorError, IteratorExpired, IteratorInvalid, PositionError, ReadRateExceeded,
    ShardIdInvalid, ShardIteratorError, ShardNameError, ShardNotFound, StartingNumberInvalid,
    StartingNumberOfOldStream, StartingNumberOfShard, StartingNumberOfStream, StreamNotFound,
    TimestampInFuture,
};
use crate::live::named::NamedStream;
use crate::live::slot::ShardSlot;
use crate::live::stream::Stream;
use crate::state::scope::{Scope, StreamRef};
use crate::token::Purpose;
use anabranch_model::{OlderNumber, SequenceNumber, ShardId, ShardKey, limits};
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
    pub shard: ShardKey,
    /// First index wanted.
    pub from_index: u64,
    /// Records that arrived earlier (epoch milliseconds) are passed over.
    pub from_ms: u64,
    /// The record at `from_index` itself is passed over if it arrived before this second: a
    /// sequence number is an index and a time.
    pub first_from_secs: u64,
}

impl IteratorPosition {
    /// The position after a read that ended before `next_index`.
    pub(crate) fn advanced(self, next_index: u64) -> Self {
        let moved = next_index != self.from_index;
        let first_from_secs = if moved { 0 } else { self.first_from_secs };
        Self { from_index: next_index, first_from_secs, ..self }
    }
}

/// A shard iterator that was opened.
#[derive(Clone, Debug)]
pub struct OpenIterator {
    pub(crate) position: IteratorPosition,
    /// The name of the stream that it was made for.
    pub(crate) name: Arc<str>,
    /// The stream that has its number, in whatever state.
    pub(crate) stream: Option<Arc<Stream>>,
}

impl OpenIterator {
    /// The iterator's stream. One that is gone has only its name left; it counts as one of `scope`.
    #[must_use]
    pub fn reference(&self, scope: &Scope) -> StreamRef {
        let gone = || StreamRef { scope: scope.clone(), name: self.name.clone() };
        self.stream.as_ref().map_or_else(gone, |stream| stream.reference.clone())
    }

    /// The iterator's stream, if it is there.
    #[must_use]
    pub fn stream(&self, now_ms: u64) -> Option<&Arc<Stream>> {
        // A power cut can take a stream whose creation was not synced, and its number goes to the
        // next one: the name must be the iterator's, too.
        let is_meant = |stream: &&Arc<Stream>| {
            stream.reference.name == self.name && stream.status(now_ms).is_some()
        };
        self.stream.as_ref().filter(is_meant)
    }
}

/// An iterator is five numbers of 8 bytes (shard, index, time, second, and when it was made) and
/// the stream's name, for the error after the stream is gone.
const NUMBERS_BYTES: usize = 40;

impl Data {
    /// Makes a shard iterator.
    ///
    /// # Errors
    /// When there is no such shard, the position is not one of it, or the rate is exceeded.
    pub fn shard_iterator(
        &self,
        stream: &NamedStream,
        shard: &str,
        position: &StartingPosition,
    ) -> Result<String, ShardIteratorError> {
        let stream = self.stream_of_shard(stream, shard)?;
        let slot = self.readable_shard(stream, shard)?;
        let position = self.resolve(stream, slot, position)?;
        if !slot.meter.iterator_call(&self.settings.rates, self.clock.monotonic_us()) {
            let (stream, shard) = (stream.reference.clone(), slot.shard.id);
            return Err(ReadRateExceeded { stream, shard }.into());
        }
        Ok(self.seal_iterator(&position, &stream.reference.name))
    }

    /// Whether there is such a shard, as [`Data::shard_iterator`] asks first.
    ///
    /// # Errors
    /// When there is none.
    pub fn require_shard(&self, stream: &NamedStream, shard: &str) -> Result<(), ShardNameError> {
        let stream = self.stream_of_shard(stream, shard)?;
        self.readable_shard(stream, shard).map(drop)
    }

    /// A missing stream shows as a missing shard here, as on the service.
    fn stream_of_shard<'a>(
        &self,
        stream: &'a NamedStream,
        shard: &str,
    ) -> Result<&'a Arc<Stream>, ShardNameError> {
        stream.data_stream(self.ledger.now_ms()).map_err(|StreamNotFound(stream)| {
            match ShardId::parse_lenient(shard) {
                Some(shard) => ShardNotFound { stream, shard }.into(),
                None => ShardIdInvalid { stream, shard: shard.to_owned() }.into(),
            }
        })
    }

    pub(crate) fn readable_shard<'a>(
        &self,
        stream: &'a Stream,
        shard: &str,
    ) -> Result<&'a Arc<ShardSlot>, ShardNameError> {
        let reference = || stream.reference.clone();
        let id = ShardId::parse_lenient(shard)
            .ok_or_else(|| ShardIdInvalid { stream: reference(), shard: shard.to_owned() })?;
        let slot = stream.visible_slot(id, self.ledger.moment());
        slot.ok_or_else(|| ShardNotFound { stream: reference(), shard: id }.into())
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
    ) -> Result<IteratorPosition, PositionError> {
        let shard = slot.key;
        let at = |from_index, from_ms| IteratorPosition {
            shard,
            from_index,
            from_ms,
            first_from_secs: 0,
        };
        let end = slot.shard.closed.map_or(u64::MAX, |closed| closed.end_index);
        match position {
            StartingPosition::TrimHorizon => Ok(at(0, 0)),
            StartingPosition::Latest => Ok(at(self.ledger.store().durable_index().min(end), 0)),
            StartingPosition::AtTimestamp(at_ms) => {
                let (at_ms, now_ms) = (*at_ms, self.ledger.now_ms());
                if at_ms > now_ms {
                    return Err(TimestampInFuture { at_ms, now_ms }.into());
                }
                Ok(at(0, at_ms))
            }
            StartingPosition::AtSequenceNumber(number) => {
                let number = starting_number(stream, slot, number)?;
                let first_from_secs = number.time_secs;
                Ok(IteratorPosition { first_from_secs, ..at(number.index.min(end), 0) })
            }
            StartingPosition::AfterSequenceNumber(number) => {
                let number = starting_number(stream, slot, number)?;
                let first_from_secs = number.time_secs + 1;
                Ok(IteratorPosition { first_from_secs, ..at(number.index.min(end), 0) })
            }
        }
    }

    pub(crate) fn seal_iterator(&self, position: &IteratorPosition, stream: &str) -> String {
        let IteratorPosition { shard, from_index, from_ms, first_from_secs } = *position;
        let numbers = [shard.0, from_index, from_ms, first_from_secs, self.ledger.now_ms()];
        let mut payload = Vec::with_capacity(NUMBERS_BYTES + stream.len());
        numbers.iter().for_each(|number| payload.extend_from_slice(&number.to_le_bytes()));
        payload.extend_from_slice(stream.as_bytes());
        self.tokens.seal(Purpose::ShardIterator, &payload)
    }

    /// Opens a shard iterator.
    ///
    /// # Errors
    /// When it is no good.
    pub fn open_iterator(&self, iterator: &str) -> Result<OpenIterator, IteratorError> {
        // Some shells hand the quotes on; the service accepts that, too.
        let bare = iterator.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let payload = self.tokens.open(Purpose::ShardIterator, bare.unwrap_or(iterator));
        let payload = payload.ok_or(IteratorInvalid)?;
        let (numbers, name) = payload.split_at_checked(NUMBERS_BYTES).ok_or(IteratorInvalid)?;
        let number = |place: usize| {
            let bytes = numbers[place * 8..place * 8 + 8].try_into();
            u64::from_le_bytes(bytes.expect("eight bytes"))
        };
        let (issued_ms, now_ms) = (number(4), self.ledger.now_ms());
        if now_ms.saturating_sub(issued_ms) > limits::ITERATOR_LIFE_MS {
            return Err(IteratorExpired { issued_ms, now_ms }.into());
        }
        let position = IteratorPosition {
            shard: ShardKey(number(0)),
            from_index: number(1),
            from_ms: number(2),
            first_from_secs: number(3),
        };
        let stream = self.ledger.view().streams().of_number(position.shard.stream()).cloned();
        Ok(OpenIterator { position, name: Arc::from(String::from_utf8_lossy(name)), stream })
    }
}

/// A starting sequence number, which must be of this shard and incarnation.
fn starting_number(
    stream: &Stream,
    slot: &ShardSlot,
    number: &str,
) -> Result<SequenceNumber, PositionError> {
    let (reference, shard) = (stream.reference.clone(), slot.shard.id);
    let Some(parsed) = SequenceNumber::parse(number) else {
        return Err(starting_number_refused(reference, shard, number));
    };
    if parsed.shard_index != shard.0 {
        let encoded = ShardId(parsed.shard_index);
        return Err(StartingNumberOfShard { encoded, shard }.into());
    }
    if parsed.created_secs != slot.shard.created_secs {
        let number = number.to_owned();
        return Err(StartingNumberOfStream { stream: reference, shard, number }.into());
    }
    Ok(parsed)
}

/// Why a number cannot be a starting position that is none of the layout in use. No number of an
/// older layout is of a shard here.
fn starting_number_refused(stream: StreamRef, shard: ShardId, number: &str) -> PositionError {
    match OlderNumber::parse(number) {
        Some(older) if older.shard_index != shard.0 => {
            StartingNumberOfShard { encoded: ShardId(older.shard_index), shard }.into()
        }
        Some(OlderNumber { version: 0, .. }) => {
            StartingNumberOfOldStream { number: number.to_owned() }.into()
        }
        Some(_) => StartingNumberOfStream { stream, shard, number: number.to_owned() }.into(),
        None => StartingNumberInvalid { stream, shard, number: number.to_owned() }.into(),
    }
}
