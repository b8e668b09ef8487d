//! Encoded events that are sent to many: consumers at the tip of a shard get the same bytes.
//!
//! Of each shard the last event is kept, as long as all of them together stay below a limit. What
//! is kept of a shard that nobody reads any more goes when the limit is reached.

use anabranch_model::SequenceNumber;
use anabranch_model::ShardKey;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Memory for events of all shards.
const BYTES_MAX: usize = 16 << 20;

/// What an event has that makes its bytes what they are. Which records a shard has between two
/// indices never changes; how many were passed over as expired shows in their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventKey {
    pub(crate) shard: ShardKey,
    pub(crate) first_index: u64,
    pub(crate) end_index: u64,
    pub(crate) records: u64,
    pub(crate) continuation: SequenceNumber,
    pub(crate) millis_behind_latest: u64,
}

/// The last events of shards.
#[derive(Debug, Default)]
pub(crate) struct EventCache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    last: HashMap<ShardKey, (EventKey, Bytes)>,
    bytes: usize,
}

impl EventCache {
    /// The event's bytes: those that were kept, else what `encode` makes, which is kept. No lock
    /// is held meanwhile: two readers may both encode.
    pub(crate) fn bytes(&self, key: EventKey, encode: impl FnOnce() -> Vec<u8>) -> Bytes {
        if let Some((_, bytes)) = self.0.lock().last.get(&key.shard).filter(|kept| kept.0 == key) {
            return bytes.clone();
        }
        let mut encoded = encode();
        encoded.shrink_to_fit();
        let bytes = Bytes::from(encoded);
        self.0.lock().keep(key, bytes.clone());
        bytes
    }
}

impl Kept {
    fn keep(&mut self, key: EventKey, bytes: Bytes) {
        if self.bytes + bytes.len() > BYTES_MAX {
            *self = Self::default();
        }
        if bytes.len() <= BYTES_MAX {
            self.bytes += bytes.len();
            let before = self.last.insert(key.shard, (key, bytes));
            self.bytes -= before.map_or(0, |(_, bytes)| bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(shard: u64, first_index: u64) -> EventKey {
        let number = SequenceNumber { created_secs: 1, shard_index: 0, index: 9, time_secs: 0 };
        EventKey {
            shard: ShardKey(shard),
            first_index,
            end_index: first_index + 1,
            records: 1,
            continuation: number,
            millis_behind_latest: 0,
        }
    }

    #[test]
    fn what_one_has_encoded_the_next_one_gets_and_nothing_else() {
        let cache = EventCache::default();
        let first = cache.bytes(key(1, 1), || b"one".to_vec());
        let again = cache.bytes(key(1, 1), || unreachable!("it was kept"));
        assert_eq!((&first[..], first.as_ptr()), (&b"one"[..], again.as_ptr()));
        let others = [
            key(2, 1),
            key(1, 2),
            EventKey { end_index: 3, ..key(1, 1) },
            EventKey { records: 2, ..key(1, 1) },
            EventKey { millis_behind_latest: 1, ..key(1, 1) },
        ];
        for other in others {
            assert_eq!(&cache.bytes(other, || b"other".to_vec())[..], b"other");
        }
        assert_eq!(&cache.bytes(key(1, 1), || b"anew".to_vec())[..], b"anew");
    }

    #[test]
    fn memory_is_bounded_whatever_the_shards() {
        let cache = EventCache::default();
        for shard in 0..100 {
            for index in 0..2 {
                cache.bytes(key(shard, index), || vec![0; BYTES_MAX / 8]);
                let kept = cache.0.lock();
                let held: usize = kept.last.values().map(|(_, bytes)| bytes.len()).sum();
                assert!(held == kept.bytes && held <= BYTES_MAX && held > 0);
            }
        }
        cache.bytes(key(1, 9), || vec![0; BYTES_MAX + 1]);
        assert_eq!(cache.0.lock().bytes, 0);
    }
}
