//! Waking those who wait for records of a shard.
//!
//! Invariant: whoever looks at the shard after [`ShardTip::mark_seen`] and finds nothing is woken
//! by [`ShardTip::advanced`] when something durable is there.
//!
//! Nobody waiting costs the writer one load for each batch. Else it looks each run's shard up in a
//! map and wakes; it never waits for those who were woken.

use anabranch_model::ShardKey;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use tokio::sync::watch;

/// The shards that somebody watches.
#[derive(Debug, Default)]
pub(crate) struct Tips {
    /// Number of [`ShardTip`]s.
    watchers: AtomicUsize,
    by_shard: Mutex<HashMap<ShardKey, watch::Sender<()>>>,
}

impl Tips {
    pub(crate) fn watch(self: &Arc<Self>, shard: ShardKey) -> ShardTip {
        let receiver = self.by_shard.lock().entry(shard).or_default().subscribe();
        self.watchers.fetch_add(1, Ordering::Relaxed);
        // With the fence in `advanced`: the writer sees this watcher, or the watcher sees what
        // the writer made durable before it looked.
        fence(Ordering::SeqCst);
        ShardTip { tips: self.clone(), shard, receiver: Some(receiver) }
    }

    /// Whether anybody watches anything.
    pub(crate) fn is_watched(&self) -> bool {
        self.watchers.load(Ordering::Relaxed) > 0
    }

    /// Wakes the watchers of `shards`, whose new records are durable. `None`: nobody watched when
    /// the batch was taken, so that its shards were not noted.
    pub(crate) fn advanced(&self, shards: Option<Vec<ShardKey>>) {
        fence(Ordering::SeqCst);
        if !self.is_watched() {
            return;
        }
        let by_shard = self.by_shard.lock();
        match shards {
            Some(mut shards) => {
                shards.sort_unstable();
                shards.dedup();
                let watched = shards.iter().filter_map(|shard| by_shard.get(shard));
                watched.for_each(|sender| sender.send_replace(()));
            }
            // Those who came this moment are few.
            None => by_shard.values().for_each(|sender| sender.send_replace(())),
        }
    }
}

/// Watches one shard for new durable records.
#[derive(Debug)]
pub struct ShardTip {
    tips: Arc<Tips>,
    shard: ShardKey,
    /// Taken only when this is dropped.
    receiver: Option<watch::Receiver<()>>,
}

impl ShardTip {
    fn receiver(&mut self) -> &mut watch::Receiver<()> {
        self.receiver.as_mut().expect("there until it is dropped")
    }

    /// Whether others watch the shard as well.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        let by_shard = self.tips.by_shard.lock();
        by_shard.get(&self.shard).is_some_and(|sender| sender.receiver_count() > 1)
    }

    /// Says that the caller is going to look at the shard now.
    pub fn mark_seen(&mut self) {
        self.receiver().mark_unchanged();
    }

    /// Returns when there may be records that were not there at [`ShardTip::mark_seen`]. Cancel
    /// safe.
    pub async fn advanced(&mut self) {
        // The sender lives as long as there are receivers.
        let _ = self.receiver().changed().await;
    }
}

impl Drop for ShardTip {
    fn drop(&mut self) {
        let mut by_shard = self.tips.by_shard.lock();
        self.receiver = None;
        if by_shard.get(&self.shard).is_some_and(|sender| sender.receiver_count() == 0) {
            by_shard.remove(&self.shard);
        }
        self.tips.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Duration, timeout};

    async fn is_woken(tip: &mut ShardTip) -> bool {
        timeout(Duration::from_millis(1), tip.advanced()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn only_watchers_of_a_shard_with_new_records_are_woken() {
        let tips = Arc::new(Tips::default());
        let (mut one, mut two) = (tips.watch(ShardKey(1)), tips.watch(ShardKey(2)));
        let mut also_one = tips.watch(ShardKey(1));
        assert!(!is_woken(&mut one).await);
        tips.advanced(Some(vec![ShardKey(1), ShardKey(3), ShardKey(1)]));
        assert!(is_woken(&mut one).await && is_woken(&mut also_one).await);
        assert!(one.is_shared() && !two.is_shared());
        assert!(!is_woken(&mut one).await && !is_woken(&mut two).await);
        tips.advanced(None);
        assert!(is_woken(&mut one).await && is_woken(&mut two).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_before_looking_does_not_wake_and_what_came_after_does() {
        let tips = Arc::new(Tips::default());
        let mut tip = tips.watch(ShardKey(1));
        tips.advanced(Some(vec![ShardKey(1)]));
        tip.mark_seen();
        assert!(!is_woken(&mut tip).await);
        tip.mark_seen();
        tips.advanced(Some(vec![ShardKey(1)]));
        assert!(is_woken(&mut tip).await);
    }

    #[test]
    fn nothing_is_kept_of_watchers_that_went() {
        let tips = Arc::new(Tips::default());
        let (one, also_one) = (tips.watch(ShardKey(1)), tips.watch(ShardKey(1)));
        drop(one);
        assert!(tips.is_watched() && tips.by_shard.lock().len() == 1);
        drop(also_one);
        assert!(!tips.is_watched() && tips.by_shard.lock().is_empty());
        tips.advanced(Some(vec![ShardKey(1)]));
    }
}
