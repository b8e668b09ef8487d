//! What of the counts is uploaded when. Told the time; sends nothing.
//!
//! Invariant: no value is uploaded twice. What a request without an answer may have brought is not sent again: a sum
//! that lacks something for a minute is better than one that has it twice.

use super::snapshot::Metric;
use crate::pipeline::{Micros, backoff};
use std::collections::VecDeque;
use std::mem::size_of;
use std::sync::Arc;
use thiserror::Error;

/// Metrics of a request at most: the bound of PutMetricData.
const METRICS_MAX: usize = 1_000;
/// Bytes of a request at most, guessed high: PutMetricData takes 1 MB.
const REQUEST_BYTES_MAX: usize = 800_000;
/// What a metric takes in a request beside its names and values of dimensions: statistics, time, unit and the names of
/// fields in the longest of the protocols.
const METRIC_BYTES: usize = 600;
/// Bytes that wait at most. Beyond it the oldest are given up.
const HELD_BYTES_MAX: usize = 8 << 20;
/// The pause after something failed, at first and at most.
const PAUSE_FIRST: Micros = 1_000_000;
const PAUSE_MAX: Micros = 60_000_000;

/// Metrics that are uploaded together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Upload {
    /// When they were taken from the producer, ms since 1970.
    pub at_ms: u64,
    /// What was counted since they were taken before: 1,000 metrics at most.
    pub metrics: Arc<[Metric]>,
}

/// What became of an upload.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UploadError {
    /// Nothing came there, and it may do so later.
    #[error("it can be tried again: {0}")]
    NotNow(String),
    /// It may have come there.
    #[error("it may have come there: {0}")]
    Unknown(String),
    /// It will not be taken, whenever it is sent.
    #[error("it is refused: {0}")]
    Never(String),
}

/// What is next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum UploadStep {
    /// Say what was counted.
    Collect,
    /// Send this and say what became of it.
    Send(Upload),
    Wait(Micros),
    End,
}

#[derive(Debug)]
pub(crate) struct Uploads {
    every: Micros,
    collect_at: Micros,
    /// The oldest first.
    waiting: VecDeque<Upload>,
    held_bytes: usize,
    send_at: Micros,
    failed_before: u32,
    end: Ending,
    /// Metrics that were given up.
    lost: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    No,
    /// Once more something is collected.
    Collecting,
    /// What waits is sent once.
    Sending,
}

impl Uploads {
    pub(crate) fn new(every: Micros, now: Micros) -> Self {
        Self {
            every: every.max(1),
            collect_at: now + every.max(1),
            waiting: VecDeque::new(),
            held_bytes: 0,
            send_at: now,
            failed_before: 0,
            end: Ending::No,
            lost: 0,
        }
    }

    /// What is to be done. Each [`UploadStep::Send`] has its outcome before this is called again.
    pub(crate) fn step(&self, now: Micros) -> UploadStep {
        if self.end == Ending::Collecting || (self.end == Ending::No && now >= self.collect_at) {
            return UploadStep::Collect;
        }
        let first = self.waiting.front().cloned();
        match (first, self.end) {
            (Some(upload), Ending::Sending) => UploadStep::Send(upload),
            (None, Ending::Sending) => UploadStep::End,
            (Some(upload), _) if now >= self.send_at => UploadStep::Send(upload),
            (Some(_), _) => UploadStep::Wait(self.send_at.min(self.collect_at)),
            (None, _) => UploadStep::Wait(self.collect_at),
        }
    }

    /// This was counted since the last time.
    pub(crate) fn collected(&mut self, metrics: Vec<Metric>, at_ms: u64, now: Micros) {
        if self.end == Ending::Collecting {
            self.end = Ending::Sending;
        }
        if self.collect_at <= now {
            // Not all that were missed while nothing ran.
            let missed = (now - self.collect_at) / self.every;
            self.collect_at += (missed + 1) * self.every;
        }
        for metrics in batches(metrics) {
            self.held_bytes += held(&metrics);
            self.waiting.push_back(Upload { at_ms, metrics });
        }
        while self.held_bytes > HELD_BYTES_MAX {
            self.give_up();
        }
    }

    /// The outcome of what is sent. `jitter` is from 0 to 1.
    pub(crate) fn told(&mut self, outcome: &Result<(), UploadError>, now: Micros, jitter: f64) {
        match outcome {
            Ok(()) => {
                self.failed_before = 0;
                self.take_first();
            }
            Err(UploadError::NotNow(_)) if self.end == Ending::No => self.pause(now, jitter),
            Err(UploadError::Unknown(_)) if self.end == Ending::No => {
                self.give_up();
                self.pause(now, jitter);
            }
            Err(UploadError::Never(_)) => self.give_up(),
            // There is no later, and the others would wait as long for the same.
            Err(_) => {
                while !self.waiting.is_empty() {
                    self.give_up();
                }
            }
        }
    }

    /// Collects once more, and sends what waits once, up to the first that does not come there.
    pub(crate) fn end(&mut self) {
        if self.end == Ending::No {
            self.end = Ending::Collecting;
        }
    }

    /// Metrics that were given up since this was asked before.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn pause(&mut self, now: Micros, jitter: f64) {
        self.send_at = now + backoff(PAUSE_FIRST, PAUSE_MAX, self.failed_before, jitter);
        self.failed_before = self.failed_before.saturating_add(1);
    }

    fn give_up(&mut self) {
        if let Some(upload) = self.take_first() {
            self.lost += upload.metrics.len() as u64;
        }
    }

    fn take_first(&mut self) -> Option<Upload> {
        let first = self.waiting.pop_front()?;
        self.held_bytes -= held(&first.metrics);
        Some(first)
    }
}

/// In requests as large as may be.
fn batches(metrics: Vec<Metric>) -> Vec<Arc<[Metric]>> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for metric in metrics {
        let of_metric = request_bytes(&metric);
        if batch.len() == METRICS_MAX || (bytes + of_metric > REQUEST_BYTES_MAX && bytes > 0) {
            batches.push(std::mem::take(&mut batch).into());
            bytes = 0;
        }
        bytes += of_metric;
        batch.push(metric);
    }
    if !batch.is_empty() {
        batches.push(batch.into());
    }
    batches
}

/// Bytes of a metric in a request, guessed high.
fn request_bytes(metric: &Metric) -> usize {
    // Of a dimension there are the names of its fields too, and a text may be escaped.
    let dimensions = metric.dimensions().map(|(name, value)| 100 + 3 * (name.len() + value.len()));
    METRIC_BYTES + dimensions.sum::<usize>()
}

/// Bytes of memory: names of places are shared with the counts, but may outlive them.
fn held(metrics: &[Metric]) -> usize {
    let of_one = |metric: &Metric| {
        let own = metric.dimensions().map(|(_, value)| value.len()).sum::<usize>();
        size_of::<Metric>() + own
    };
    metrics.iter().map(of_one).sum()
}

#[cfg(test)]
mod tests {
    use super::super::{MetricName, Place};
    use super::*;
    use crate::statistics::Statistics;
    use proptest::prelude::*;

    const SECOND: Micros = 1_000_000;
    const MINUTE: Micros = 60 * SECOND;

    fn metric(value: f64) -> Metric {
        Metric {
            name: MetricName::UserRecordsPut,
            place: Place::Shard("stream".into(), "shard".into()),
            error_code: None,
            statistics: Statistics::of(value),
            additional: Vec::new().into(),
        }
    }

    fn metrics(count: usize) -> Vec<Metric> {
        (0..count).map(|value| metric(value as f64)).collect()
    }

    fn not_now() -> Result<(), UploadError> {
        Err(UploadError::NotNow(String::new()))
    }

    #[test]
    fn collects_every_so_often_and_sends_what_there_is() {
        let mut uploads = Uploads::new(MINUTE, 5);
        assert_eq!(uploads.step(5), UploadStep::Wait(MINUTE + 5));
        assert_eq!(uploads.step(MINUTE + 5), UploadStep::Collect);
        uploads.collected(metrics(2), 7, MINUTE + 6);
        let upload = Upload { at_ms: 7, metrics: metrics(2).into() };
        assert_eq!(uploads.step(MINUTE + 6), UploadStep::Send(upload));
        uploads.told(&Ok(()), MINUTE + 7, 0.0);
        assert_eq!(uploads.step(MINUTE + 7), UploadStep::Wait(2 * MINUTE + 5));
        // Nothing ran for long: what was missed is not made up for.
        assert_eq!(uploads.step(9 * MINUTE + 6), UploadStep::Collect);
        uploads.collected(Vec::new(), 8, 9 * MINUTE + 6);
        assert_eq!(uploads.step(9 * MINUTE + 6), UploadStep::Wait(10 * MINUTE + 5));
    }

    #[test]
    fn what_did_not_come_there_is_sent_again_and_what_may_have_is_not() {
        let mut uploads = Uploads::new(MINUTE, 0);
        uploads.collected(metrics(1), 1, MINUTE);
        uploads.collected(metrics(2), 2, 2 * MINUTE);
        uploads.collect_at = Micros::MAX;
        let mut now = 2 * MINUTE;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(matches!(uploads.step(now), UploadStep::Send(upload) if upload.at_ms == 1));
            uploads.told(&not_now(), now, 1.0);
            assert_eq!(uploads.send_at, now + pause * SECOND);
            now = uploads.send_at;
        }
        uploads.told(&Err(UploadError::Unknown(String::new())), now, 1.0);
        assert_eq!(uploads.take_lost(), 1);
        now = uploads.send_at;
        assert!(matches!(uploads.step(now), UploadStep::Send(upload) if upload.at_ms == 2));
        uploads.told(&Err(UploadError::Never(String::new())), now, 1.0);
        assert_eq!((uploads.take_lost(), uploads.held_bytes), (2, 0));
        assert_eq!(uploads.step(now), UploadStep::Wait(Micros::MAX));
    }

    #[test]
    fn at_the_end_all_is_sent_once_up_to_the_first_that_does_not_come_there() {
        let mut uploads = Uploads::new(MINUTE, 0);
        for count in [1, 2, 4, 8] {
            uploads.collected(metrics(count), 1, 0);
        }
        uploads.end();
        assert_eq!(uploads.step(0), UploadStep::Collect);
        uploads.collected(metrics(16), 1, 0);
        for (outcome, lost) in
            [(Ok(()), 0), (Err(UploadError::Never(String::new())), 2), (not_now(), 4 + 8 + 16)]
        {
            assert!(matches!(uploads.step(0), UploadStep::Send(_)));
            uploads.told(&outcome, 0, 1.0);
            assert_eq!(uploads.take_lost(), lost);
        }
        assert_eq!((uploads.step(0), uploads.held_bytes), (UploadStep::End, 0));
    }

    #[test]
    fn requests_have_bounds() {
        let mut uploads = Uploads::new(MINUTE, 0);
        uploads.collected(metrics(2_500), 1, MINUTE);
        let sizes: Vec<usize> = uploads.waiting.iter().map(|upload| upload.metrics.len()).collect();
        assert!(sizes.iter().all(|size| (1..=METRICS_MAX).contains(size)), "{sizes:?}");
        assert_eq!(sizes.iter().sum::<usize>(), 2_500);
        let bytes = |upload: &Upload| upload.metrics.iter().map(request_bytes).sum::<usize>();
        assert!(uploads.waiting.iter().all(|upload| bytes(upload) <= REQUEST_BYTES_MAX));
    }

    proptest! {
        // Many metrics each: the bound of memory is to be reached.
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Whatever happens: a value is taken once, or given up and counted, and memory is bounded.
        #[test]
        fn nothing_is_uploaded_twice_or_forgotten(
            outcomes in prop::collection::vec((0..4_u8, 0..3_000_usize, 0..90_u64), 0..60),
        ) {
            let mut uploads = Uploads::new(MINUTE, 0);
            let (mut now, mut given, mut taken, mut maybe) = (0, 0_u64, 0_u64, 0_u64);
            let mut sent_for_good = Vec::new();
            let mut outcomes = outcomes.into_iter();
            loop {
                match uploads.step(now) {
                    UploadStep::Collect => {
                        let Some((_, count, _)) = outcomes.next() else {
                            uploads.collected(Vec::new(), now, now);
                            uploads.end();
                            continue;
                        };
                        let fresh: Vec<Metric> =
                            (0..count).map(|number| metric((given + number as u64) as f64)).collect();
                        given += count as u64;
                        uploads.collected(fresh, now, now);
                    }
                    UploadStep::Send(upload) => {
                        let (kind, _, later) = outcomes.next().unwrap_or_default();
                        now += later * SECOND;
                        let values = upload.metrics.iter().map(|metric| metric.statistics.sum as u64);
                        let text = String::new();
                        let outcome = match kind {
                            0 => Ok(()),
                            1 => Err(UploadError::NotNow(text)),
                            2 => Err(UploadError::Unknown(text)),
                            _ => Err(UploadError::Never(text)),
                        };
                        match outcome {
                            Ok(()) => taken += upload.metrics.len() as u64,
                            Err(UploadError::Unknown(_)) => maybe += upload.metrics.len() as u64,
                            _ => {}
                        }
                        if matches!(outcome, Ok(()) | Err(UploadError::Unknown(_))) {
                            sent_for_good.extend(values);
                        }
                        uploads.told(&outcome, now, 0.5);
                    }
                    UploadStep::Wait(at) => {
                        prop_assert!(at > now);
                        now = at;
                    }
                    UploadStep::End => break,
                }
                let held: usize = uploads.waiting.iter().map(|upload| held(&upload.metrics)).sum();
                prop_assert_eq!(uploads.held_bytes, held);
                prop_assert!(held <= HELD_BYTES_MAX);
            }
            let lost = uploads.take_lost();
            prop_assert_eq!(taken + lost, given);
            prop_assert!(maybe <= lost);
            let all = sent_for_good.len();
            sent_for_good.dedup();
            prop_assert!(sent_for_good.is_sorted());
            prop_assert_eq!(sent_for_good.len(), all, "twice");
        }
    }
}
