//! Order per partition key, for records that asked for it.
//!
//! While records of a key are on their way, later ones of the key wait here. So there is never more than
//! one stored record with a key under way, whatever its shard is, and what is sent again goes first.
//! User records of a key may be together in an aggregate, which keeps their order.

use anabranch_model::hash_key::HashKey;
use std::collections::{HashMap, VecDeque};

/// A place on the ring: where a partition key is, or an explicit hash key. What has one place always has one
/// lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OrderKey(pub(crate) HashKey);

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

    /// A user record of the key has arrived, or is on its way no longer. If it was the last one, the key is
    /// free, and what waited for it is given back.
    pub(crate) fn arrive(&mut self, key: OrderKey) -> VecDeque<E> {
        let Some(busy) = self.keys.get_mut(&key) else { return VecDeque::new() };
        busy.on_their_way -= 1;
        if busy.on_their_way > 0 {
            return VecDeque::new();
        }
        self.keys.remove(&key).map_or_else(VecDeque::new, |busy| busy.waiting)
    }

    /// What waited for the key waits again, behind what waits already.
    ///
    /// # Panics
    /// If the key is free.
    pub(crate) fn hold_all(&mut self, key: OrderKey, mut entries: VecDeque<E>) {
        let busy = self.keys.get_mut(&key).expect("nobody waits for a free key");
        if busy.waiting.is_empty() {
            busy.waiting = entries;
        } else {
            busy.waiting.append(&mut entries);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_goes_on_when_the_last_has_arrived() {
        let mut order = Order::new();
        let (a, b) = (OrderKey(1), OrderKey(2));
        order.leave(a);
        order.leave(a);
        order.hold(a, "third");
        order.hold(a, "fourth");
        assert!(order.is_busy(a) && !order.is_busy(b));
        assert!(order.arrive(a).is_empty());
        let mut free = order.arrive(a);
        assert_eq!(free, ["third", "fourth"]);
        assert!(!order.is_busy(a));
        order.leave(a);
        free.pop_front();
        order.hold_all(a, free);
        order.hold(a, "fifth");
        assert_eq!(order.arrive(a), ["fourth", "fifth"]);
    }
}
