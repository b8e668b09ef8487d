//! Order per partition key, for records that asked for it.
//!
//! While records of a key are on their way, later ones of the key wait here. So there is never more than
//! one stored record with a key under way, whatever its shard is, and what is sent again goes first.
//! User records of a key may be together in an aggregate, which keeps their order.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU64;

/// A partition key, by a part of its hash. Two keys of one part wait for each other, which does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OrderKey(NonZeroU64);

impl OrderKey {
    /// Of the MD5 of a partition key.
    pub(crate) fn new(key_hash: u128) -> Self {
        Self(NonZeroU64::new(key_hash as u64).unwrap_or(NonZeroU64::MAX))
    }
}

/// Keys of which something is on its way, and what waits for that.
#[derive(Debug)]
pub(crate) struct Order<E> {
    keys: HashMap<OrderKey, Busy<E>>,
}

#[derive(Debug)]
struct Busy<E> {
    /// User records, all of one stored record.
    on_their_way: usize,
    waiting: VecDeque<E>,
}

impl<E> Order<E> {
    pub(crate) fn new() -> Self {
        Self { keys: HashMap::new() }
    }

    pub(crate) fn is_busy(&self, key: OrderKey) -> bool {
        self.keys.contains_key(&key)
    }

    /// A record waits until its key is free.
    ///
    /// # Panics
    /// If the key is free.
    pub(crate) fn hold(&mut self, key: OrderKey, entry: E) {
        let busy = self.keys.get_mut(&key).expect("nobody waits for a free key");
        busy.waiting.push_back(entry);
    }

    /// A user record of the key is on its way.
    pub(crate) fn leave(&mut self, key: OrderKey) {
        let busy = self.keys.entry(key);
        busy.or_insert_with(|| Busy { on_their_way: 0, waiting: VecDeque::new() }).on_their_way +=
            1;
    }

    /// A user record of the key has arrived, or is on its way no longer. If it was the last one, all that
    /// waited for it is put behind `after`, in its order.
    pub(crate) fn arrive(&mut self, key: OrderKey, after: &mut Vec<E>) {
        let Some(busy) = self.keys.get_mut(&key) else { return };
        busy.on_their_way -= 1;
        if busy.on_their_way == 0
            && let Some(busy) = self.keys.remove(&key)
        {
            after.extend(busy.waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_goes_on_when_the_last_has_arrived() {
        let mut order = Order::new();
        let (a, b) = (OrderKey::new(1), OrderKey::new(2));
        order.leave(a);
        order.leave(a);
        order.hold(a, "third");
        order.hold(a, "fourth");
        assert!(order.is_busy(a) && !order.is_busy(b));
        let mut free = vec!["again"];
        order.arrive(a, &mut free);
        assert_eq!(free, ["again"]);
        order.arrive(a, &mut free);
        assert_eq!(free, ["again", "third", "fourth"]);
        assert!(!order.is_busy(a));
    }

    #[test]
    fn every_hash_is_a_key() {
        assert_eq!(OrderKey::new(0), OrderKey::new(1 << 64));
        assert_ne!(OrderKey::new(0), OrderKey::new(1));
    }
}
