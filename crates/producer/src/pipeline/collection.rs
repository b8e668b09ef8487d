//! What the next request will have.

use super::batch::Sealed;
use super::lane::LaneKey;
use super::rules::{Micros, Rules};
use std::collections::HashMap;

/// The collection is closed at so many bytes of one shard, so that requests spread over shards.
const SHARD_BYTES_MAX: usize = 256 << 10;

/// What the next request will have.
#[derive(Debug)]
pub(super) struct Collection<T> {
    pub(super) records: Vec<Sealed<T>>,
    bytes: usize,
    by_shard: HashMap<LaneKey, usize>,
    /// When it is sent, full or not.
    pub(super) deadline: Micros,
    pub(super) is_full: bool,
}

impl<T> Collection<T> {
    pub(super) fn new() -> Self {
        Self {
            records: Vec::new(),
            bytes: 0,
            by_shard: HashMap::new(),
            deadline: Micros::MAX,
            is_full: false,
        }
    }

    pub(super) fn fits(&self, sealed: &Sealed<T>, rules: &Rules) -> bool {
        self.records.is_empty()
            || !sealed.is_alone
                && self.records.len() < rules.request_records_max
                && self.bytes + sealed.bytes() <= rules.request_bytes_max
    }

    pub(super) fn push(&mut self, sealed: Sealed<T>, rules: &Rules) {
        let bytes = sealed.bytes();
        let of_shard = self.by_shard.entry(LaneKey(sealed.shard)).or_default();
        *of_shard += bytes;
        self.bytes += bytes;
        self.deadline = self.deadline.min(sealed.deadline);
        self.is_full |= sealed.is_alone
            || sealed.shard.is_some() && *of_shard >= SHARD_BYTES_MAX
            || self.bytes >= rules.request_bytes_max;
        self.records.push(sealed);
        self.is_full |= self.records.len() >= rules.request_records_max;
    }

    /// All of it is sent as soon as possible.
    pub(super) fn hurry(&mut self, now: Micros) {
        self.deadline = self.deadline.min(now);
    }

    pub(super) fn take(&mut self) -> Vec<Sealed<T>> {
        std::mem::replace(self, Self::new()).records
    }
}
