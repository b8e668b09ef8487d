//! What all tasks share: the streams with their truth, the server as it is now, and the phase.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anabranch_testkit::pattern::mix;
use anyhow::{Context, Result, bail};
use aws_sdk_kinesis::Client;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{Notify, watch};

pub(crate) use shards::{Failure, failure};

use crate::payload::Name;
use crate::place::Place;
use crate::topology::Topology;
use crate::truth::Truth;

/// How long anything waits for the server to come back.
const RESTART_MAX: Duration = Duration::from_secs(120);

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Everything, and the server is killed now and then.
    Torture,
    /// Nothing is written any more; readers go on.
    Draining,
    /// Readers stop.
    Over,
}

/// A server that answers.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) generation: u64,
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) truth: Mutex<Truth>,
    pub(crate) topology: Mutex<Topology>,
    /// Acknowledged records that are asked for by their numbers.
    pub(crate) sample: Mutex<Sample>,
}

/// Counters beside those of the truth.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) splits: AtomicU64,
    pub(crate) merges: AtomicU64,
    pub(crate) rescalings: AtomicU64,
    pub(crate) retention_changes: AtomicU64,
    pub(crate) changes_unanswered: AtomicU64,
    pub(crate) lists: AtomicU64,
    pub(crate) probes: AtomicU64,
    pub(crate) audits: AtomicU64,
    pub(crate) subscriptions: AtomicU64,
    pub(crate) pushed: AtomicU64,
    pub(crate) kept_iterators: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What all tasks share.
#[derive(Debug)]
pub(crate) struct Harness {
    pub(crate) seed: u64,
    pub(crate) streams: Vec<Stream>,
    pub(crate) server: watch::Receiver<Option<Running>>,
    /// Where the server is reached wherever it is.
    pub(crate) relay: SocketAddr,
    pub(crate) phase: watch::Receiver<Phase>,
    /// Told when a reshard begins, for who wants to kill in the middle.
    pub(crate) resharding: Notify,
    pub(crate) counters: Counters,
}

impl Harness {
    /// Random choices of one task.
    pub(crate) fn rng(&self, task: &str, number: u64) -> StdRng {
        let name = task.bytes().fold(number, |name, byte| mix(name ^ u64::from(byte)));
        StdRng::seed_from_u64(mix(self.seed ^ name))
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Returns when the phase is at least this one.
    pub(crate) async fn reached(&self, phase: Phase) {
        // Its sender outlives all tasks.
        let _ = self.phase.clone().wait_for(|now| *now >= phase).await;
    }

    /// A pause that ends early when the phase does.
    pub(crate) async fn pause(&self, span: Duration, phase: Phase) {
        tokio::select! {
            () = tokio::time::sleep(span) => {}
            () = self.reached(phase) => {}
        }
    }

    /// The server, when there is one.
    pub(crate) async fn server(&self) -> Result<Running> {
        self.server_after(0).await
    }

    /// A server that was started after this one, whose connections broke.
    pub(crate) async fn restarted(&self, broken: &Running, why: &str) -> Result<Running> {
        let restarted = self.server_after(broken.generation + 1).await;
        restarted.with_context(|| format!("a request failed and the server was not killed: {why}"))
    }

    async fn server_after(&self, generation: u64) -> Result<Running> {
        let mut server = self.server.clone();
        let is_there = |server: &Option<Running>| {
            server.as_ref().is_some_and(|server| server.generation >= generation)
        };
        let running = tokio::time::timeout(RESTART_MAX, server.wait_for(is_there)).await;
        let running = running.context("no server came up in time")??;
        match &*running {
            Some(running) => Ok(running.clone()),
            None => bail!("no server"),
        }
    }
}

impl Stream {
    pub(crate) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn topology(&self) -> MutexGuard<'_, Topology> {
        self.topology.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sample(&self) -> MutexGuard<'_, Sample> {
        self.sample.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some of all that were offered, each as likely as any other.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) kept: Vec<(Name, Place)>,
    offered: u64,
    state: u64,
}

impl Sample {
    const SIZE: usize = 2048;

    pub(crate) fn new(seed: u64) -> Self {
        Self { kept: Vec::new(), offered: 0, state: seed }
    }

    pub(crate) fn offer(&mut self, name: Name, place: Place) {
        self.offered += 1;
        if self.kept.len() < Self::SIZE {
            self.kept.push((name, place));
            return;
        }
        self.state = mix(self.state);
        let chosen = self.state % self.offered;
        if let Some(kept) = usize::try_from(chosen).ok().and_then(|at| self.kept.get_mut(at)) {
            *kept = (name, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::{Sequence, Shard};
    use super::*;
    use crate::payload::KeyId;

    #[test]
    fn a_sample_is_bounded_and_reaches_from_first_to_last() {
        let mut sample = Sample::new(1);
        let sequence = Sequence::parse("1").expect("a number");
        let place = Place { shard: Shard(0), sequence };
        for counter in 0..100_000 {
            let key = KeyId { producer: 0, key: 0 };
            sample.offer(Name { key, counter, attempt: 0 }, place);
        }
        assert_eq!(sample.kept.len(), Sample::SIZE);
        let counters: Vec<u64> = sample.kept.iter().map(|(name, _)| name.counter).collect();
        let middle = counters.iter().filter(|counter| **counter < 50_000).count();
        assert!((Sample::SIZE * 2 / 5..Sample::SIZE * 3 / 5).contains(&middle), "{middle}");
    }
}
