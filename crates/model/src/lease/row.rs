//! A lease: the row of a shard in the lease table.

use super::attribute::{self, Attribute, BadItem, Item, Members, required};
use super::checkpoint::Checkpoint;
use super::names::{LeaseKey, ShardName, WorkerId};
use crate::hash_key::{self, HashKeyRange};
use std::collections::BTreeSet;

/// The names of attributes, as the library writes them.
pub mod name {
    /// The key of the table.
    pub const KEY: &str = "leaseKey";
    /// Who reads the shard, or is to read it.
    pub const OWNER: &str = "leaseOwner";
    /// What moves with each write of the owner.
    pub const COUNTER: &str = "leaseCounter";
    /// How often the owner changed since the last checkpoint.
    pub const OWNER_SWITCHES: &str = "ownerSwitchesSinceCheckpoint";
    /// How far it was read.
    pub const CHECKPOINT: &str = "checkpoint";
    /// Place within an aggregate.
    pub const SUB_SEQUENCE: &str = "checkpointSubSequenceNumber";
    /// A checkpoint that is prepared.
    pub const PENDING: &str = "pendingCheckpoint";
    /// Its place within an aggregate.
    pub const PENDING_SUB_SEQUENCE: &str = "pendingCheckpointSubSequenceNumber";
    /// What the application keeps with it.
    pub const PENDING_STATE: &str = "pendingCheckpointState";
    /// The shards it came from.
    pub const PARENTS: &str = "parentShardId";
    /// The shards that came from it.
    pub const CHILDREN: &str = "childShardIds";
    /// First hash key.
    pub const HASH_START: &str = "startingHashKey";
    /// Last hash key.
    pub const HASH_END: &str = "endingHashKey";
    /// The stream, where there are many.
    pub const STREAM: &str = "streamName";
    /// The shard, where there are many streams.
    pub const SHARD: &str = "shardId";
    /// What is read of it, KB a second.
    pub const THROUGHPUT: &str = "throughputKBps";
    /// Who may still write the checkpoint during a hand-over.
    pub const CHECKPOINT_OWNER: &str = "checkpointOwner";
    /// What kind of row it is, where one table has all.
    pub const ENTITY: &str = "entityType";
}

/// The entity type of leases.
pub const LEASE_ENTITY: &str = "LEASE";

/// A checkpoint that was prepared and is not final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The checkpoint.
    pub at: Checkpoint,
    /// Bytes of the application, not looked at.
    pub state: Option<Vec<u8>>,
}

/// The row of a shard.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    /// Key of the row.
    pub key: LeaseKey,
    /// Who reads the shard, or is to read it once there is no `checkpoint_owner`.
    pub owner: Option<WorkerId>,
    /// Moves with each write of the owner: its only sign of life.
    pub counter: u64,
    /// How often the owner changed since the last checkpoint.
    pub owner_switches: u64,
    /// How far the shard was read.
    pub checkpoint: Checkpoint,
    /// A checkpoint that was prepared.
    pub pending: Option<Pending>,
    /// The shards it came from: two after a merge.
    pub parents: BTreeSet<ShardName>,
    /// The shards that came from it, as far as the row knows.
    pub children: BTreeSet<ShardName>,
    /// Its hash keys; older versions of the library did not write them.
    pub range: Option<HashKeyRange>,
    /// The stream as the row names it, in an application of many.
    pub stream: Option<String>,
    /// The shard as the row names it, in an application of many.
    pub shard: Option<ShardName>,
    /// What is read of it, KB a second, smoothed.
    pub throughput_kbps: Option<f64>,
    /// The owner before, during a hand-over: it alone reads and writes the checkpoint still.
    pub checkpoint_owner: Option<WorkerId>,
    /// Whether the row says that it is a lease, as it must in a table of all kinds.
    pub has_entity: bool,
    /// What else the row has.
    pub others: Item,
}

impl Lease {
    /// A lease that nobody owns.
    #[must_use]
    pub fn new(key: LeaseKey, checkpoint: Checkpoint) -> Self {
        Self {
            key,
            owner: None,
            counter: 0,
            owner_switches: 0,
            checkpoint,
            pending: None,
            parents: BTreeSet::new(),
            children: BTreeSet::new(),
            range: None,
            stream: None,
            shard: None,
            throughput_kbps: None,
            checkpoint_owner: None,
            has_entity: false,
            others: Item::new(),
        }
    }

    /// The shard's name.
    #[must_use]
    pub fn shard_name(&self) -> ShardName {
        self.shard.clone().unwrap_or_else(|| self.key.split().1)
    }

    /// Who reads the shard now: during a hand-over the owner before.
    #[must_use]
    pub fn reader(&self) -> Option<&WorkerId> {
        self.checkpoint_owner.as_ref().or(self.owner.as_ref())
    }

    /// Whether it was read to its end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.checkpoint == Checkpoint::ShardEnd
    }

    /// Reads a row.
    ///
    /// A prepared state that is not bytes is left out: the library's first write of a lease puts
    /// a number there.
    ///
    /// # Errors
    /// The first attribute that is missing, of another type, or of no meaning. The key and the
    /// checkpoint must be there; counters that are not count as 0.
    pub fn from_item(item: Item) -> Result<Self, BadItem> {
        let mut row = Members(item);
        let key = required(name::KEY, row.text(name::KEY)?)?;
        let checkpoint =
            required(name::CHECKPOINT, read_at(&mut row, name::CHECKPOINT, name::SUB_SEQUENCE)?)?;
        let state = match row.0.remove(name::PENDING_STATE) {
            Some(Attribute::B(bytes)) => Some(bytes),
            _ => None,
        };
        let pending = read_at(&mut row, name::PENDING, name::PENDING_SUB_SEQUENCE)?
            .map(|at| Pending { at, state });
        let entity = row.text(name::ENTITY)?;
        if entity.as_deref().is_some_and(|entity| entity != LEASE_ENTITY) {
            return Err(attribute::value(name::ENTITY));
        }
        let throughput_kbps = row.number::<f64>(name::THROUGHPUT)?;
        if throughput_kbps.is_some_and(|kbps| !kbps.is_finite()) {
            return Err(attribute::value(name::THROUGHPUT));
        }
        Ok(Self {
            key: LeaseKey(key),
            owner: row.filled_text(name::OWNER)?.map(WorkerId),
            counter: row.number(name::COUNTER)?.unwrap_or(0),
            owner_switches: row.number(name::OWNER_SWITCHES)?.unwrap_or(0),
            checkpoint,
            pending,
            parents: row.texts(name::PARENTS)?.into_iter().map(ShardName).collect(),
            children: row.texts(name::CHILDREN)?.into_iter().map(ShardName).collect(),
            range: read_range(&mut row)?,
            stream: row.filled_text(name::STREAM)?,
            shard: row.filled_text(name::SHARD)?.map(ShardName),
            throughput_kbps,
            checkpoint_owner: row.filled_text(name::CHECKPOINT_OWNER)?.map(WorkerId),
            has_entity: entity.is_some(),
            others: row.0,
        })
    }

    /// The whole row, with what else it had.
    #[must_use]
    pub fn to_item(&self) -> Item {
        let mut item = self.others.clone();
        let mut put = |name: &str, value| item.insert(name.to_owned(), value);
        put(name::KEY, Attribute::text(self.key.as_str()));
        put(name::COUNTER, Attribute::count(self.counter));
        put(name::OWNER_SWITCHES, Attribute::count(self.owner_switches));
        put(name::CHECKPOINT, Attribute::text(self.checkpoint.text()));
        put(name::SUB_SEQUENCE, Attribute::count(self.checkpoint.sub_sequence()));
        if let Some(pending) = &self.pending {
            put(name::PENDING, Attribute::text(pending.at.text()));
            put(name::PENDING_SUB_SEQUENCE, Attribute::count(pending.at.sub_sequence()));
            if let Some(state) = &pending.state {
                put(name::PENDING_STATE, Attribute::B(state.clone()));
            }
        }
        for (name, shards) in [(name::PARENTS, &self.parents), (name::CHILDREN, &self.children)] {
            if !shards.is_empty() {
                put(name, shard_set(shards));
            }
        }
        if let Some(range) = self.range {
            put(name::HASH_START, Attribute::text(range.start.to_string()));
            put(name::HASH_END, Attribute::text(range.end_inclusive.to_string()));
        }
        let texts = [
            (name::OWNER, self.owner.as_ref().map(|owner| owner.0.clone())),
            (name::CHECKPOINT_OWNER, self.checkpoint_owner.as_ref().map(|owner| owner.0.clone())),
            (name::STREAM, self.stream.clone()),
            (name::SHARD, self.shard.as_ref().map(|shard| shard.0.clone())),
            (name::ENTITY, self.has_entity.then(|| LEASE_ENTITY.to_owned())),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                put(name, Attribute::S(text));
            }
        }
        if let Some(kbps) = self.throughput_kbps {
            put(name::THROUGHPUT, throughput(kbps));
        }
        item
    }
}

/// Names of shards as a set; must not be empty, since tables have no empty sets.
pub(super) fn shard_set(shards: &BTreeSet<ShardName>) -> Attribute {
    Attribute::Ss(shards.iter().map(|shard| shard.0.clone()).collect())
}

/// A throughput as a number that tables take: at most 38 digits, here to a millibyte a second.
pub(super) fn throughput(kbps: f64) -> Attribute {
    let rounded = (kbps.clamp(0.0, 1e12) * 1e6).round() / 1e6;
    Attribute::N(if rounded.is_finite() { rounded.to_string() } else { "0".to_owned() })
}

fn read_at(
    row: &mut Members,
    text_name: &'static str,
    number_name: &'static str,
) -> Result<Option<Checkpoint>, BadItem> {
    let sub_sequence = row.number(number_name)?.unwrap_or(0);
    let Some(text) = row.filled_text(text_name)? else { return Ok(None) };
    Checkpoint::parse(&text, sub_sequence).map(Some).ok_or(attribute::value(text_name))
}

fn read_range(row: &mut Members) -> Result<Option<HashKeyRange>, BadItem> {
    let (start, end) = (row.filled_text(name::HASH_START)?, row.filled_text(name::HASH_END)?);
    let (Some(start), Some(end)) = (start, end) else { return Ok(None) };
    let start = hash_key::parse(&start).ok_or(attribute::value(name::HASH_START))?;
    let end_inclusive = hash_key::parse(&end)
        .filter(|end| *end >= start)
        .ok_or(attribute::value(name::HASH_END))?;
    Ok(Some(HashKeyRange { start, end_inclusive }))
}

#[cfg(test)]
mod tests;
