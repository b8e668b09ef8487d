//! A stream: shards with records that are numbered from 1, splits and merges.

use crate::random::Random;
use anabranch_model::hash_key::{HashKeyRange, uniform_ranges};
use anabranch_model::lease::shard_sync::InitialPosition;
use anabranch_model::lease::{ListedShard, ShardName};
use std::collections::BTreeMap;

pub(crate) struct Shard {
    pub(crate) listed: ListedShard,
    pub(crate) records: u64,
}

pub(crate) struct Stream {
    pub(crate) shards: BTreeMap<ShardName, Shard>,
}

impl Stream {
    pub(crate) fn new(shards: u32) -> Self {
        let mut stream = Self { shards: BTreeMap::new() };
        uniform_ranges(shards).into_iter().for_each(|range| stream.open(range, Vec::new()));
        stream
    }

    pub(crate) fn list(&self) -> Vec<ListedShard> {
        self.shards.values().map(|shard| shard.listed.clone()).collect()
    }

    /// The shards at an initial position; all times are before the first reshard.
    pub(crate) fn frontier(&self, initial: InitialPosition) -> Vec<ListedShard> {
        match initial {
            InitialPosition::Latest => self.open_shards(),
            _ => self.list().into_iter().filter(|shard| shard.parents.is_empty()).collect(),
        }
    }

    /// The shards that are open.
    pub(crate) fn open_shards(&self) -> Vec<ListedShard> {
        self.list().into_iter().filter(|shard| shard.is_open).collect()
    }

    pub(crate) fn children(&self, of: &ShardName) -> Vec<ListedShard> {
        self.list().into_iter().filter(|shard| shard.parents.contains(of)).collect()
    }

    pub(crate) fn put_some(&mut self, random: &mut Random) {
        for shard in self.shards.values_mut().filter(|shard| shard.listed.is_open) {
            shard.records += random.below(4);
        }
    }

    /// Splits a shard, or merges two that lie beside each other.
    pub(crate) fn reshard(&mut self, random: &mut Random) {
        let mut open = self.open_shards();
        open.sort_by_key(|shard| shard.range.start);
        let at = random.below(open.len() as u64) as usize;
        let HashKeyRange { start, end_inclusive } = open[at].range;
        let name = open[at].name.clone();
        if random.one_in(2) && at + 1 < open.len() {
            let upper = &open[at + 1];
            self.close(&name);
            self.close(&upper.name);
            let range = HashKeyRange { start, end_inclusive: upper.range.end_inclusive };
            self.open(range, vec![name, upper.name.clone()]);
        } else if open.len() < 10 {
            self.close(&name);
            let middle = start + (end_inclusive - start) / 2;
            let lower = HashKeyRange { start, end_inclusive: middle };
            self.open(lower, vec![name.clone()]);
            self.open(HashKeyRange { start: middle + 1, end_inclusive }, vec![name]);
        }
    }

    fn open(&mut self, range: HashKeyRange, parents: Vec<ShardName>) {
        let name = ShardName(format!("shardId-{:012}", self.shards.len()));
        let listed = ListedShard { name: name.clone(), parents, range, is_open: true };
        self.shards.insert(name, Shard { listed, records: 0 });
    }

    fn close(&mut self, name: &ShardName) {
        self.shards.get_mut(name).expect("a shard").listed.is_open = false;
    }
}
