//! Each write to the table as a value: what must hold, and what changes then.
//!
//! A store makes a request of it and says whether it was refused. Those of leases are the
//! library's, member for member, so that its workers and ours can share a table: legacy
//! parameters (`Expected`, `AttributeUpdates`); the leader's lock has expressions.
//!
//! Whoever is refused needs the row: a store asks for it with each write
//! (`ReturnValuesOnConditionCheckFailure: ALL_OLD`), as the library does where it looks at it.
//!
//! An answer that does not come leaves open whether the write was made. Made again it is refused
//! then, since each moves what it expects, and [`super::ownership`] tells the two apart.

use super::attribute::{Attribute, Item};
use super::checkpoint::Checkpoint;
use super::names::{LeaseKey, ShardName, WorkerId};
use super::row::{Lease, Pending, name, shard_set, throughput};
use crate::hash_key::HashKeyRange;
use std::collections::BTreeSet;

/// A write of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The table's key attribute.
    pub key_name: &'static str,
    /// The row's key.
    pub key: String,
    /// What must hold of the row before; all of it.
    pub expected: Vec<(&'static str, Expected)>,
    /// What changes.
    pub change: Change,
    /// How it is said on the wire.
    pub language: Language,
}

/// What must hold of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// It is not there (`Exists: false`).
    Absent,
    /// It is there (`attribute_exists`).
    Present,
    /// It has this value (`Value`, without `Exists`).
    Is(Attribute),
    /// It has this value (`Value` and `Exists: true`).
    IsPresent(Attribute),
}

/// What changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The whole row (PutItem).
    Put(Item),
    /// Some attributes (UpdateItem).
    Update(Vec<(&'static str, Action)>),
    /// The row goes (DeleteItem).
    Delete,
}

/// What happens to an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// It gets this value.
    Put(Attribute),
    /// It is counted up; one that is not there counts as 0.
    Add(u64),
    /// It goes.
    Delete,
}

/// How a write is said on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `Expected` and `AttributeUpdates`.
    Legacy,
    /// `ConditionExpression` and `UpdateExpression`.
    Expression,
}

/// A write whose condition did not hold. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("condition does not hold attribute={attribute}")]
pub struct Refused {
    /// The first attribute that was not as expected.
    pub attribute: &'static str,
}

impl Write {
    /// A lease that is not there yet.
    #[must_use]
    pub fn create(lease: &Lease) -> Self {
        let expected = vec![(name::KEY, Expected::Absent)];
        Self::of_lease(&lease.key, expected, Change::Put(lease.to_item()))
    }

    /// The owner's sign of life, and what it reads if it has measured that.
    ///
    /// It is refused once a hand-over has begun that the owner does not know of; the row that
    /// comes with the refusal tells it.
    #[must_use]
    pub fn renew(lease: &Lease, throughput_kbps: Option<f64>) -> Self {
        let mut actions = vec![next_counter(lease)];
        if let Some(kbps) = throughput_kbps {
            actions.push((name::THROUGHPUT, Action::Put(throughput(kbps))));
        }
        let owner = (name::CHECKPOINT_OWNER, worker_or_absent(lease.checkpoint_owner.as_ref()));
        Self::of_lease(&lease.key, vec![counter_is(lease), owner], Change::Update(actions))
    }

    /// A checkpoint. What was prepared goes. `None` if it is before the one that holds, as that
    /// may be which was written without an answer: it is not to be taken back.
    #[must_use]
    pub fn checkpoint(lease: &Lease, at: &Checkpoint) -> Option<Self> {
        (*at >= lease.checkpoint).then(|| Self::progress(lease, at, None))
    }

    /// Has the shard read from another place, before or after, whoever reads it: the owner loses
    /// the lease, and the next one begins there.
    #[must_use]
    pub fn reset(lease: &Lease, at: &Checkpoint) -> Self {
        let mut write = Self::progress(lease, at, None);
        if let Change::Update(actions) = &mut write.change {
            actions
                .extend([(name::OWNER, Action::Delete), (name::CHECKPOINT_OWNER, Action::Delete)]);
        }
        write
    }

    /// Prepares a checkpoint; the one that holds stays.
    #[must_use]
    pub fn prepare(lease: &Lease, pending: &Pending) -> Self {
        Self::progress(lease, &lease.checkpoint, Some(pending))
    }

    fn progress(lease: &Lease, at: &Checkpoint, pending: Option<&Pending>) -> Self {
        let mut actions = vec![
            (name::CHECKPOINT, Action::Put(Attribute::text(at.text()))),
            (name::SUB_SEQUENCE, Action::Put(Attribute::count(at.sub_sequence()))),
            (name::OWNER_SWITCHES, Action::Put(Attribute::count(0))),
            next_counter(lease),
        ];
        let prepared = [
            (name::PENDING, pending.map(|one| Attribute::text(one.at.text()))),
            (
                name::PENDING_SUB_SEQUENCE,
                pending.map(|one| Attribute::count(one.at.sub_sequence())),
            ),
            (name::PENDING_STATE, pending.and_then(|one| one.state.clone()).map(Attribute::B)),
        ];
        actions.extend(
            prepared.map(|(name, value)| (name, value.map_or(Action::Delete, Action::Put))),
        );
        if !lease.children.is_empty() {
            actions.push((name::CHILDREN, Action::Put(shard_set(&lease.children))));
        }
        actions.extend(lease.range.into_iter().flat_map(put_range));
        Self::of_lease(&lease.key, vec![counter_is(lease)], Change::Update(actions))
    }

    /// Takes a lease that has expired or is nobody's, or steals it.
    #[must_use]
    pub fn take(lease: &Lease, by: &WorkerId) -> Self {
        let mut actions = new_owner(lease, by);
        actions.push(next_counter(lease));
        Self::of_lease(&lease.key, vec![counter_is(lease)], Change::Update(actions))
    }

    /// The leader gives a lease to a worker at once. Whoever had it cannot write it any more.
    #[must_use]
    pub fn assign(lease: &Lease, to: &WorkerId) -> Self {
        let mut actions = new_owner(lease, to);
        actions.push((name::COUNTER, Action::Add(1)));
        let mut expected = owners_are(lease);
        expected.push(is_there(&lease.key));
        Self::of_lease(&lease.key, expected, Change::Update(actions))
    }

    /// The leader has the owner finish and hand over to another. The counter stays, so that the
    /// owner can still write its checkpoint. `None` if the lease is nobody's, is being handed
    /// over already, or is `to`'s.
    #[must_use]
    pub fn start_hand_over(lease: &Lease, to: &WorkerId) -> Option<Self> {
        let owner = lease.owner.as_ref().filter(|owner| *owner != to)?;
        if lease.checkpoint_owner.is_some() {
            return None;
        }
        let actions = vec![
            (name::OWNER, Action::Put(Attribute::text(to.as_str()))),
            (name::CHECKPOINT_OWNER, Action::Put(Attribute::text(owner.as_str()))),
        ];
        let mut expected = owners_are(lease);
        expected.push(is_there(&lease.key));
        Some(Self::of_lease(&lease.key, expected, Change::Update(actions)))
    }

    /// The reader stops: the lease is nobody's, or the one's it is being handed over to.
    #[must_use]
    pub fn give_up(lease: &Lease) -> Self {
        let mut actions = Vec::new();
        if lease.checkpoint_owner.is_none() {
            actions.push((name::OWNER, Action::Delete));
        }
        actions.push((name::CHECKPOINT_OWNER, Action::Delete));
        actions.push((name::COUNTER, Action::Add(1)));
        Self::of_lease(&lease.key, owners_are(lease), Change::Update(actions))
    }

    /// Writes down the hash keys of a lease that an older version made.
    #[must_use]
    pub fn set_range(key: &LeaseKey, range: HashKeyRange) -> Self {
        Self::of_lease(key, vec![is_there(key)], Change::Update(put_range(range).to_vec()))
    }

    /// Writes down what came from a shard, before it is at its end. `None` without any.
    #[must_use]
    pub fn set_children(key: &LeaseKey, children: &BTreeSet<ShardName>) -> Option<Self> {
        let actions = vec![(name::CHILDREN, Action::Put(shard_set(children)))];
        (!children.is_empty())
            .then(|| Self::of_lease(key, vec![is_there(key)], Change::Update(actions)))
    }

    /// Deletes a lease, whatever is in it.
    #[must_use]
    pub fn delete(key: &LeaseKey) -> Self {
        Self::of_lease(key, Vec::new(), Change::Delete)
    }

    fn of_lease(key: &LeaseKey, expected: Vec<(&'static str, Expected)>, change: Change) -> Self {
        let language = Language::Legacy;
        Self { key_name: name::KEY, key: key.0.clone(), expected, change, language }
    }

    /// What a table makes of it: the row afterwards, `None` if there is none.
    ///
    /// # Errors
    /// A condition that does not hold.
    pub fn apply(&self, row: Option<&Item>) -> Result<Option<Item>, Refused> {
        for (attribute, expected) in &self.expected {
            let found = row.and_then(|row| row.get(*attribute));
            let holds = match expected {
                Expected::Absent => found.is_none(),
                Expected::Present => found.is_some(),
                Expected::Is(value) | Expected::IsPresent(value) => {
                    found.is_some_and(|found| is_same(found, value))
                }
            };
            if !holds {
                return Err(Refused { attribute });
            }
        }
        Ok(match &self.change {
            Change::Put(item) => Some(item.clone()),
            Change::Delete => None,
            Change::Update(actions) => {
                let mut row = row.cloned().unwrap_or_default();
                row.insert(self.key_name.to_owned(), Attribute::text(self.key.as_str()));
                for (attribute, action) in actions {
                    act(&mut row, attribute, action);
                }
                Some(row)
            }
        })
    }

    /// The lease after this write of it was made, as far as the one who made it knows. `None` if
    /// it does not fit `lease`.
    #[must_use]
    pub fn made_on(&self, lease: &Lease) -> Option<Lease> {
        Lease::from_item(self.apply(Some(&lease.to_item())).ok()??).ok()
    }
}

fn act(row: &mut Item, attribute: &str, action: &Action) {
    match action {
        Action::Put(value) => {
            row.insert(attribute.to_owned(), value.clone());
        }
        Action::Delete => {
            row.remove(attribute);
        }
        Action::Add(by) => {
            let before = match row.get(attribute) {
                Some(Attribute::N(digits)) => digits.parse::<u64>().unwrap_or(0),
                _ => 0,
            };
            row.insert(attribute.to_owned(), Attribute::count(before.saturating_add(*by)));
        }
    }
}

/// Equality as tables have it: numbers by value, as far as counters go.
fn is_same(left: &Attribute, right: &Attribute) -> bool {
    match (left, right) {
        (Attribute::N(left), Attribute::N(right)) => {
            let numbers = (left.parse::<u64>(), right.parse::<u64>());
            matches!(numbers, (Ok(left), Ok(right)) if left == right) || left == right
        }
        _ => left == right,
    }
}

fn counter_is(lease: &Lease) -> (&'static str, Expected) {
    (name::COUNTER, Expected::Is(Attribute::count(lease.counter)))
}

fn next_counter(lease: &Lease) -> (&'static str, Action) {
    (name::COUNTER, Action::Put(Attribute::count(lease.counter.saturating_add(1))))
}

fn is_there(key: &LeaseKey) -> (&'static str, Expected) {
    (name::KEY, Expected::IsPresent(Attribute::text(key.as_str())))
}

fn worker_or_absent(worker: Option<&WorkerId>) -> Expected {
    worker.map_or(Expected::Absent, |worker| Expected::Is(Attribute::text(worker.as_str())))
}

fn owners_are(lease: &Lease) -> Vec<(&'static str, Expected)> {
    vec![
        (name::OWNER, worker_or_absent(lease.owner.as_ref())),
        (name::CHECKPOINT_OWNER, worker_or_absent(lease.checkpoint_owner.as_ref())),
    ]
}

/// A new owner from now on. A switch is counted when the reader changes.
fn new_owner(lease: &Lease, to: &WorkerId) -> Vec<(&'static str, Action)> {
    let mut actions = vec![
        (name::OWNER, Action::Put(Attribute::text(to.as_str()))),
        (name::CHECKPOINT_OWNER, Action::Delete),
    ];
    let is_switch = lease.owner.as_ref().is_some_and(|owner| owner != to)
        || lease.checkpoint_owner.as_ref() == Some(to);
    if is_switch {
        actions.push((name::OWNER_SWITCHES, Action::Add(1)));
    }
    actions
}

fn put_range(range: HashKeyRange) -> [(&'static str, Action); 2] {
    [
        (name::HASH_START, Action::Put(Attribute::text(range.start.to_string()))),
        (name::HASH_END, Action::Put(Attribute::text(range.end_inclusive.to_string()))),
    ]
}

#[cfg(test)]
mod tests;
