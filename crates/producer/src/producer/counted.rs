//! What a producer counts, and where that goes.

use super::{Producer, Shared};
use crate::metrics::{self, Counts, Metric, Metrics, MetricsSink, Uploading};
use crate::pipeline::{Fact, Micros};
use anabranch_env::{Clock, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

impl Producer {
    /// What was counted since the start. Copies a few hundred bytes for each metric of each shard, and holds
    /// nothing up but the counting meanwhile.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.shared().metrics(None)
    }

    /// What was counted in the last seconds: 1 to 60 of them, of which the last one is not over yet.
    #[must_use]
    pub fn metrics_of_last(&self, seconds: u64) -> Metrics {
        self.shared().metrics(Some(seconds))
    }

    /// Uploads what is counted every so often and once more when the producer is closed; the first time, all since its
    /// start. The Kinesis Producer Library does so every 60 s. Values are uploaded once at most: what may have come to
    /// the sink is not sent again. While the sink is out of reach up to 8 MiB wait. Records are never held up.
    ///
    /// Of a producer that is dropped, and not closed, what becomes of its last records is not uploaded. Shards that had
    /// nothing for 15 minutes may be forgotten, so `every` is to be shorter. A second call ends the first one's
    /// uploads, and [`Producer::close`] waits for the newest alone.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn upload_metrics(&self, sink: impl MetricsSink, every: Duration) {
        let shared = self.shared().clone();
        let uploading = Arc::new(Uploading::new());
        let end = uploading.watch();
        if let Some(before) = self.shared().uploading.lock().replace(uploading) {
            before.end();
        }
        #[expect(clippy::disallowed_methods, reason = "it ends with the producer")]
        tokio::spawn(async move { metrics::run(&*shared, &sink, every, end).await });
    }
}

impl Shared {
    fn metrics(&self, seconds: Option<u64>) -> Metrics {
        self.count_all();
        self.counted.lock().snapshot(seconds, self.started.elapsed().as_secs())
    }

    /// Counts what has happened up to now.
    fn count_all(&self) {
        for stream in self.all() {
            let told = stream.state.lock().told();
            self.count(&stream.name, told);
        }
    }

    /// Counts what a stream tells of itself.
    pub(super) fn count(&self, stream: &Arc<str>, (facts, pending): (Vec<Fact>, usize)) {
        if !facts.is_empty() {
            let now = self.started.elapsed().as_secs();
            self.counted.lock().record(stream, &facts, pending, now);
        }
    }
}

impl Counts for Shared {
    fn take_fresh(&self) -> Vec<Metric> {
        self.count_all();
        self.counted.lock().take_fresh()
    }

    fn now(&self) -> Micros {
        self.now()
    }

    fn at(&self, time: Micros) -> Instant {
        self.at(time)
    }

    fn wall_ms(&self) -> u64 {
        SystemClock::default().now_ms()
    }
}
