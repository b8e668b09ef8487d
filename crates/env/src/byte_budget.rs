//! Bytes of memory that many share.
//!
//! Whoever is about to hold much takes a share first, and waits when there is none. The share gives
//! back what it has when it is dropped. Who waited longest is served first.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// Bytes are counted in units of this many, so that a count fits into the semaphore's.
const UNIT: u64 = 1024;

/// A number of bytes that are given out in shares, at least one unit. Clones are the same budget.
#[derive(Clone, Debug)]
pub struct ByteBudget(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    free: Semaphore,
    /// Free or not.
    units: u32,
}

/// Bytes of a budget, until it is dropped.
#[derive(Debug)]
pub struct ByteShare {
    pool: Arc<Pool>,
    units: u32,
}

impl ByteBudget {
    /// A budget of this many bytes, all of them free.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let units_max = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).clamp(1, units_max);
        Self(Arc::new(Pool { free: Semaphore::new(units as usize), units }))
    }

    /// Waits for a share of this many bytes. More than the budget has is all that it has.
    ///
    /// Cancel safe: whoever has less patience puts it into a timeout.
    pub async fn take(&self, bytes: u64) -> ByteShare {
        self.0.take(self.0.units_of(bytes)).await
    }

    /// A share of this many bytes if they are free and nobody waits for them.
    #[must_use]
    pub fn try_take(&self, bytes: u64) -> Option<ByteShare> {
        let units = self.0.units_of(bytes);
        self.0.free.try_acquire_many(units).ok()?.forget();
        Some(ByteShare { pool: self.0.clone(), units })
    }

    /// How many bytes all shares have together, and those who wait hold already.
    #[must_use]
    pub fn taken_bytes(&self) -> u64 {
        (u64::from(self.0.units) - self.0.free.available_permits() as u64) * UNIT
    }
}

impl ByteShare {
    /// How many bytes it has: what was asked for, rounded up to a unit.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.units) * UNIT
    }

    /// Waits until the share has at least this many bytes. More than the budget has is all that it
    /// has: who holds a part of it while others do the same must not wait for ever.
    ///
    /// Cancel safe: the share then has what it had.
    pub async fn grow_to(&mut self, bytes: u64) {
        let missing = self.pool.units_of(bytes).saturating_sub(self.units);
        let mut more = self.pool.take(missing).await;
        self.units += std::mem::take(&mut more.units);
    }

    /// Gives back what the share has beyond this many bytes.
    pub fn shrink_to(&mut self, bytes: u64) {
        let excess = self.units.saturating_sub(self.pool.units_of(bytes));
        self.units -= excess;
        self.pool.free.add_permits(excess as usize);
    }
}

impl Drop for ByteShare {
    fn drop(&mut self) {
        self.pool.free.add_permits(self.units as usize);
    }
}

impl Pool {
    fn units_of(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.units)
    }

    async fn take(self: &Arc<Self>, units: u32) -> ByteShare {
        self.free.acquire_many(units).await.expect("never closed").forget();
        ByteShare { pool: self.clone(), units }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// What a future that need not wait comes to.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match poll(pin!(future)) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn a_share_counts_until_it_is_dropped() {
        let budget = ByteBudget::new(10 << 10);
        let (first, second) = (now(budget.take(3 << 10)), now(budget.take(1)));
        assert_eq!(budget.taken_bytes(), 4 << 10);
        assert!(budget.try_take((6 << 10) + 1).is_none());
        let third = budget.try_take(6 << 10).expect("as much is free");
        assert_eq!(budget.taken_bytes(), 10 << 10);
        drop((first, second));
        assert_eq!(budget.clone().taken_bytes(), 6 << 10);
        drop(third);
        assert_eq!(budget.taken_bytes(), 0);
    }

    #[test]
    fn more_than_there_is_is_all_there_is() {
        for bytes in [0, 1, 5 << 10] {
            let budget = ByteBudget::new(bytes);
            let mut share = now(budget.take(u64::MAX));
            let all = bytes.max(1024) >> 10 << 10;
            assert_eq!(budget.taken_bytes(), all);
            now(share.grow_to(u64::MAX));
            assert_eq!(budget.taken_bytes(), all);
            assert!(budget.try_take(u64::MAX).is_none());
        }
        assert!(ByteBudget::new(u64::MAX).try_take(u64::MAX).is_some());
    }

    #[test]
    fn who_came_first_is_served_first_and_who_gave_up_is_not() {
        let budget = ByteBudget::new(10 << 10);
        let mut all = now(budget.take(10 << 10));
        let mut gone = Box::pin(budget.take(1 << 10));
        let mut large = pin!(budget.take(4 << 10));
        let mut small = pin!(budget.take(1 << 10));
        assert!(poll(gone.as_mut()).is_pending());
        assert!(poll(large.as_mut()).is_pending());
        assert!(poll(small.as_mut()).is_pending());
        drop(gone);
        all.shrink_to(8 << 10);
        assert!(budget.try_take(1).is_none());
        assert!(poll(large.as_mut()).is_pending());
        assert!(poll(small.as_mut()).is_pending());
        drop(all);
        let shares = [poll(large.as_mut()), poll(small.as_mut())];
        assert!(shares.iter().all(Poll::is_ready));
        assert_eq!(budget.taken_bytes(), 5 << 10);
    }

    #[test]
    fn a_share_grows_and_shrinks() {
        let budget = ByteBudget::new(10 << 10);
        let mut share = now(budget.take(2 << 10));
        now(share.grow_to((4 << 10) + 1));
        assert_eq!((share.bytes(), budget.taken_bytes()), (5 << 10, 5 << 10));
        now(share.grow_to(1));
        share.shrink_to(9 << 10);
        assert_eq!(budget.taken_bytes(), 5 << 10);
        let other = now(budget.take(4 << 10));
        // Who gives up growing has what it had.
        assert!(poll(pin!(share.grow_to(7 << 10))).is_pending());
        assert_eq!(budget.taken_bytes(), 9 << 10);
        drop(other);
        now(share.grow_to(7 << 10));
        share.shrink_to(1);
        assert_eq!(budget.taken_bytes(), 1 << 10);
        drop(share);
        assert_eq!(budget.taken_bytes(), 0);
    }
}
