//! The records of one chapter in memory, by shard.

use crate::format::run::MemRun;
use crate::host::DeletedRange;
use anabranch_model::ShardKey;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Bytes that a run costs beside its body: here, and the blank header before it.
const RUN_OVERHEAD_BYTES: u64 = 160;

/// Spreads shard keys over a table. They are numbers that the server itself gives out, so that
/// nobody can make many of them collide.
#[derive(Clone, Copy, Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio's bits; the table looks at the high and at the low ones.
        let product = u128::from(self.0 ^ number) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

/// Places of a shard's runs. With many shards, a chapter has but a few runs of each: so many are
/// found without another look into the memory.
type Places = SmallVec<[u32; 12]>;

const _: () = assert!(size_of::<(ShardKey, Places)>() == 64);

/// Runs in the order in which they came, and which are whose.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    runs: Vec<MemRun>,
    /// Places in `runs`, by shard, each shard's in index order.
    shards: HashMap<ShardKey, Places, BuildHasherDefault<KeyHasher>>,
    bytes: u64,
}

impl Memtable {
    /// # Panics
    /// With 2^32 runs, which no journal file has room for.
    pub(crate) fn push(&mut self, shard: ShardKey, run: MemRun) {
        let place = u32::try_from(self.runs.len()).expect("a run has 64 bytes and more");
        self.bytes += run.body.len() as u64 + RUN_OVERHEAD_BYTES;
        self.runs.push(run);
        self.shards.entry(shard).or_default().push(place);
    }

    /// Looks for the shard's places, so that they are in the cache when [`Memtable::push`] needs
    /// them: the processor waits for those of many shards at once.
    pub(crate) fn fetch(&self, shard: ShardKey) {
        std::hint::black_box(self.shards.get(&shard).map(SmallVec::len));
    }

    /// Memory that the table takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn run(&self, place: u32) -> &MemRun {
        &self.runs[place as usize]
    }

    /// The shard's runs that hold an index of `from` or later and arrived at `from_ms` or later.
    pub(crate) fn runs(
        &self,
        shard: ShardKey,
        from: u64,
        from_ms: u64,
    ) -> impl Iterator<Item = &MemRun> {
        let places = self.shards.get(&shard).map_or(&[][..], SmallVec::as_slice);
        // Indices and arrival times both rise, so each bound is a prefix to skip.
        let start = places.partition_point(|place| {
            let run = self.run(*place);
            run.end_index() <= from || run.arrival_ms < from_ms
        });
        places[start..].iter().map(|place| self.run(*place))
    }

    /// What of each shard is in it.
    pub(crate) fn ranges(&self) -> Vec<DeletedRange> {
        let shards = self.shards.iter().filter_map(|(shard, places)| {
            let (first, last) = (self.run(*places.first()?), self.run(*places.last()?));
            Some(DeletedRange::of(*shard, first, last))
        });
        shards.collect()
    }

    /// Each shard's newest run.
    pub(crate) fn newest_by_shard(&self) -> impl Iterator<Item = (ShardKey, &MemRun)> {
        self.shards.iter().filter_map(|(shard, places)| Some((*shard, self.run(*places.last()?))))
    }

    /// All runs, by shard in key order.
    pub(crate) fn by_shard(&self) -> Vec<(ShardKey, &MemRun)> {
        let mut shards: Vec<_> = self.shards.iter().collect();
        shards.sort_unstable_by_key(|(shard, _)| **shard);
        let mut runs = Vec::with_capacity(self.runs.len());
        for (shard, places) in shards {
            runs.extend(places.iter().map(|place| (*shard, self.run(*place))));
        }
        runs
    }
}
