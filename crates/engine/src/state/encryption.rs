//! What the catalog knows of a stream's encryption.

use anabranch_model::{limits, retention::HOUR_MS};
use std::sync::Arc;

/// A put that was sealed before its data key was replaced is stored within this time, generously.
const STRAGGLERS_MS: u64 = HOUR_MS;

/// A stream's encryption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encryption {
    /// The key as it was named in StartStreamEncryption; `None` while the stream is not encrypted.
    pub key_id: Option<Arc<str>>,
    /// The data keys whose records may still be read, by number. The last one is in use if there
    /// is a `key_id`.
    pub data_keys: Vec<Arc<WrappedKey>>,
    /// Number that the next data key gets.
    pub next_number: u32,
    /// When encryption was stopped lately, epoch milliseconds: what the limit counts.
    pub stopped_ms: Vec<u64>,
}

/// A data key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// Its number within the stream.
    pub number: u32,
    /// The customer's key that it is encrypted with.
    pub key_arn: Arc<str>,
    /// The data key, encrypted.
    pub wrapped: Vec<u8>,
    /// When it came into use, epoch milliseconds.
    pub started_ms: u64,
    /// When it went out of use, epoch milliseconds.
    pub retired_ms: Option<u64>,
}

impl WrappedKey {
    /// Whether records under it may still be read, or put.
    fn is_needed(&self, horizon_ms: u64) -> bool {
        self.retired_ms.is_none_or(|ms| ms.saturating_add(STRAGGLERS_MS) >= horizon_ms)
    }
}

impl Encryption {
    /// The data key for new records.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<WrappedKey>> {
        self.key_id.as_ref().and(self.data_keys.last())
    }

    /// The data key of this number.
    #[must_use]
    pub fn data_key(&self, number: u32) -> Option<&Arc<WrappedKey>> {
        let place = self.data_keys.binary_search_by_key(&number, |data_key| data_key.number);
        place.ok().map(|place| &self.data_keys[place])
    }

    /// Data keys that are still there after the next change, if records that arrived before
    /// `horizon_ms` cannot be read any more.
    #[must_use]
    pub fn needed_data_keys(&self, horizon_ms: u64) -> usize {
        self.data_keys.iter().filter(|data_key| data_key.is_needed(horizon_ms)).count()
    }

    /// How often encryption was started or re-keyed after this time.
    #[must_use]
    pub fn starts_since(&self, from_ms: u64) -> usize {
        // Data keys outlive the shortest retention, which is the window of the limit.
        self.data_keys.iter().filter(|data_key| data_key.started_ms > from_ms).count()
    }

    /// How often encryption was stopped after this time.
    #[must_use]
    pub fn stops_since(&self, from_ms: u64) -> usize {
        self.stopped_ms.iter().filter(|stopped_ms| **stopped_ms > from_ms).count()
    }

    /// Puts a data key into use. Records that arrived before `horizon_ms` cannot be read any
    /// more.
    pub(crate) fn start(&mut self, key_id: Arc<str>, data_key: WrappedKey, horizon_ms: u64) {
        self.retire(data_key.started_ms, horizon_ms);
        self.key_id = Some(key_id);
        self.next_number = self.next_number.max(data_key.number + 1);
        self.data_keys.push(Arc::new(data_key));
    }

    /// Takes the data key out of use.
    pub(crate) fn stop(&mut self, now_ms: u64, horizon_ms: u64) {
        self.retire(now_ms, horizon_ms);
        self.stopped_ms.push(now_ms);
        let surplus = self.stopped_ms.len().saturating_sub(limits::ENCRYPTION_CHANGES_A_DAY);
        self.stopped_ms.drain(..surplus);
    }

    fn retire(&mut self, now_ms: u64, horizon_ms: u64) {
        if self.key_id.take().is_some()
            && let Some(last) = self.data_keys.last_mut()
        {
            *last = Arc::new(WrappedKey { retired_ms: Some(now_ms), ..WrappedKey::clone(last) });
        }
        self.data_keys.retain(|data_key| data_key.is_needed(horizon_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_key(number: u32, started_ms: u64) -> WrappedKey {
        let key_arn = Arc::from("arn");
        WrappedKey { number, key_arn, wrapped: vec![1], started_ms, retired_ms: None }
    }

    #[test]
    fn data_keys_stay_until_their_last_record_has_expired() {
        let mut encryption = Encryption::default();
        let hour = |hour: u64| hour * HOUR_MS;
        encryption.start(Arc::from("a"), data_key(0, hour(100)), hour(76));
        encryption.start(Arc::from("b"), data_key(1, hour(110)), hour(86));
        encryption.stop(hour(120), hour(96));
        assert_eq!(encryption.current(), None);
        let numbers = |encryption: &Encryption| {
            encryption.data_keys.iter().map(|data_key| data_key.number).collect::<Vec<_>>()
        };
        // The first went out of use at 110, the second at 120.
        encryption.start(Arc::from("c"), data_key(2, hour(135)), hour(111));
        assert_eq!(numbers(&encryption), [0, 1, 2]);
        encryption.start(Arc::from("d"), data_key(3, hour(136)), hour(112));
        assert_eq!(numbers(&encryption), [1, 2, 3]);
        assert_eq!(encryption.needed_data_keys(hour(876)), 1, "what the limit counts");
        encryption.start(Arc::from("e"), data_key(4, hour(900)), hour(876));
        assert_eq!(numbers(&encryption), [3, 4], "the third was replaced just now");
    }
}
