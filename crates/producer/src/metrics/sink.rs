//! Where what is counted is uploaded to, and the task that does it.

use super::snapshot::Metric;
use super::upload::{Upload, UploadError, UploadStep, Uploads};
use crate::pipeline::Micros;
use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a sink may take. Its own limit should be lower.
const SINK_TIMEOUT: Duration = Duration::from_secs(120);
/// Between two warnings that uploads fail.
const WARNING_PERIOD: Duration = Duration::from_secs(600);

/// Takes what a producer has counted: CloudWatch, or something like it.
pub trait MetricsSink: Debug + Send + Sync + 'static {
    /// Takes an upload, or says why not. It does not try again by itself, and ends in bounded time.
    fn put<'a>(
        &'a self,
        upload: &'a Upload,
    ) -> Pin<Box<dyn Future<Output = Result<(), UploadError>> + Send + 'a>>;
}

/// What a task that uploads asks of the one that counts.
pub(crate) trait Counts: Debug + Send + Sync + 'static {
    /// What was counted since this was called before.
    fn take_fresh(&self) -> Vec<Metric>;
    fn now(&self) -> Micros;
    fn at(&self, time: Micros) -> Instant;
    /// ms since 1970.
    fn wall_ms(&self) -> u64;
}

/// An upload task: it ends when it is told to.
#[derive(Debug)]
pub(crate) struct Uploading {
    end: watch::Sender<bool>,
}

impl Uploading {
    pub(crate) fn new() -> Self {
        Self { end: watch::Sender::new(false) }
    }

    /// Has the task upload what there is, once, and end.
    pub(crate) fn end(&self) {
        self.end.send_replace(true);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<bool> {
        self.end.subscribe()
    }

    /// Returns when the task has ended.
    pub(crate) async fn ended(&self) {
        self.end.closed().await;
    }
}

/// Uploads every so often until it is told to end.
pub(crate) async fn run(
    counts: &dyn Counts,
    sink: &dyn MetricsSink,
    every: Duration,
    mut end: watch::Receiver<bool>,
) {
    let every = Micros::try_from(every.as_micros()).unwrap_or(Micros::MAX / 2);
    let mut uploads = Uploads::new(every, counts.now());
    let mut warnings = Warnings::default();
    loop {
        // It may have been told while something was sent.
        if *end.borrow() {
            uploads.end();
        }
        match uploads.step(counts.now()) {
            UploadStep::Collect => {
                let fresh = counts.take_fresh();
                uploads.collected(fresh, counts.wall_ms(), counts.now());
                warnings.lost(uploads.take_lost());
            }
            UploadStep::Send(upload) => {
                let outcome = timeout(SINK_TIMEOUT, sink.put(&upload)).await.unwrap_or_else(|_| {
                    Err(UploadError::Unknown("the sink did not come to an end".to_owned()))
                });
                uploads.told(&outcome, counts.now(), rand::random());
                let lost = uploads.take_lost();
                match &outcome {
                    Err(error) => warnings.failed(error, lost),
                    Ok(()) => warnings.lost(lost),
                }
            }
            UploadStep::Wait(at) => {
                tokio::select! {
                    () = sleep_until(counts.at(at)) => {}
                    _ = end.wait_for(|is_over| *is_over) => uploads.end(),
                }
            }
            UploadStep::End => return warnings.end(),
        }
    }
}

/// What is said of uploads that fail: not each time.
#[derive(Debug, Default)]
struct Warnings {
    warned_at: Option<Instant>,
    /// Metrics that were given up and nobody was told of.
    lost: u64,
}

impl Warnings {
    fn lost(&mut self, lost: u64) {
        self.lost += lost;
        if self.lost > 0 && self.is_due() {
            self.end();
        }
    }

    fn failed(&mut self, error: &UploadError, lost: u64) {
        self.lost += lost;
        if self.is_due() {
            self.warned_at = Some(Instant::now());
            let lost = std::mem::take(&mut self.lost);
            tracing::warn!(%error, lost, "metrics could not be uploaded; records are not concerned");
        }
    }

    fn is_due(&self) -> bool {
        self.warned_at.is_none_or(|at| at.elapsed() >= WARNING_PERIOD)
    }

    /// Says what was not said yet.
    fn end(&mut self) {
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            self.warned_at = Some(Instant::now());
            tracing::warn!(lost, "metrics were given up; records are not concerned");
        }
    }
}
