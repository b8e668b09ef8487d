//! The shards of a stream.

use anabranch_model::{Shard, ShardId};

/// All shards of a stream that have not been forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shards {
    /// By id.
    all: Vec<Shard>,
    /// Places of the open ones, by the start of their ranges, which cover the ring.
    open: Vec<u32>,
}

impl Shards {
    /// These, which are in the order of their ids.
    #[must_use]
    pub fn new(all: Vec<Shard>) -> Self {
        let places = (0u32..).zip(&all);
        let mut open: Vec<u32> =
            places.filter(|(_, shard)| shard.is_open()).map(|(place, _)| place).collect();
        open.sort_by_key(|place| all[*place as usize].range.start);
        Self { all, open }
    }

    /// All of them, by id.
    #[must_use]
    pub fn all(&self) -> &[Shard] {
        &self.all
    }

    /// The open ones, by the start of their ranges, which cover the ring.
    pub fn open(&self) -> impl ExactSizeIterator<Item = &Shard> {
        self.open.iter().map(|place| &self.all[*place as usize])
    }

    /// The open one at this place among [`Shards::open`].
    pub(crate) fn open_at(&self, place: usize) -> &Shard {
        &self.all[self.open[place] as usize]
    }

    #[must_use]
    pub fn open_len(&self) -> usize {
        self.open.len()
    }

    /// The shard with this id.
    #[must_use]
    pub fn of_id(&self, id: ShardId) -> Option<&Shard> {
        place_of(&self.all, id, |shard| shard.id).map(|place| &self.all[place])
    }
}

/// The place of a shard among others that are in the order of their ids.
pub(crate) fn place_of<T>(
    shards: &[T],
    id: ShardId,
    id_of: impl Fn(&T) -> ShardId,
) -> Option<usize> {
    // Ids follow one another, until shards between others have expired.
    let first = id_of(shards.first()?);
    let guess = id.0.checked_sub(first.0).map(|place| place as usize);
    let guess = guess.filter(|place| shards.get(*place).is_some_and(|shard| id_of(shard) == id));
    guess.or_else(|| shards.binary_search_by_key(&id, id_of).ok())
}
