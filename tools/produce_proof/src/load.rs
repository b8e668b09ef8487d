//! What puts the records, and writes down what it is told of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anabranch_producer::{Producer, PutError, Receipt, Stored};
use anyhow::{Context, Result};
use tokio::sync::{mpsc, watch};

use crate::truth::Told;
use crate::workload::Workload;

/// Records of a rate come in bursts that are so far apart.
const BURST: Duration = Duration::from_millis(10);

/// What is known while it goes on.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) put: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) possible_duplicates: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl Progress {
    /// Records that have an outcome.
    pub(crate) fn settled(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed) + self.failed.load(Ordering::Relaxed)
    }

    fn note(&self, outcome: &Result<Stored, PutError>) {
        match outcome {
            Ok(stored) => {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                let twice = u64::from(stored.may_be_twice());
                self.possible_duplicates.fetch_add(twice, Ordering::Relaxed);
            }
            Err(error) => {
                if self.failed.fetch_add(1, Ordering::Relaxed) < 3 {
                    println!("a record failed: {error} ({:?})", error.kind);
                }
            }
        }
    }
}

/// Puts the records of one task.
pub(crate) struct Task {
    pub(crate) producer: Producer,
    pub(crate) stream: &'static str,
    pub(crate) workload: Workload,
    pub(crate) number: u32,
    /// Records a second; `None`: as many as the library takes.
    pub(crate) rate: Option<f64>,
    /// Receipts that are waited for at most.
    pub(crate) receipts_max: usize,
    /// No more is to be put.
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) progress: Arc<Progress>,
}

impl Task {
    pub(crate) async fn run(self) -> Result<Told> {
        let (sender, receipts) = mpsc::channel(self.receipts_max);
        let records = usize::try_from(self.workload.records_per_task)?;
        let outcomes = tokio::spawn(outcomes(receipts, records, self.progress.clone()));
        let first = u64::from(self.number) * self.workload.records_per_task;
        let mut bursts = tokio::time::interval(BURST);
        let burst = self.rate.map(|rate| rate * BURST.as_secs_f64());
        let mut due = 0.0;
        for record in first..first + self.workload.records_per_task {
            if let Some(burst) = burst {
                while due < 1.0 {
                    bursts.tick().await;
                    due += burst;
                }
                due -= 1.0;
            }
            if *self.stop.borrow() {
                break;
            }
            let receipt = self.producer.put(self.stream, self.workload.record(record)).await;
            let receipt = receipt.with_context(|| format!("record {record}"))?;
            self.progress.put.fetch_add(1, Ordering::Relaxed);
            sender.send(receipt).await.context("nobody waits for receipts")?;
        }
        drop(sender);
        outcomes.await.context("the task that waits for receipts panicked")
    }
}

/// In the order of the records, so that each need not be named.
async fn outcomes(
    mut receipts: mpsc::Receiver<Receipt>,
    records: usize,
    progress: Arc<Progress>,
) -> Told {
    let mut told = Told::of(records);
    while let Some(receipt) = receipts.recv().await {
        let outcome = receipt.await;
        progress.note(&outcome);
        match outcome {
            Ok(stored) => told.stored(
                stored.shard_id(),
                stored.sequence_number(),
                stored.sub_sequence_number(),
                stored.may_be_twice(),
            ),
            Err(error) => told.failed(error.may_be_stored),
        }
    }
    told
}
