//! Scaling of on-demand streams: measures their shards, and does what
//! [`anabranch_model::on_demand`] decides.
//!
//! Rates are differences of the shards' counters between two rounds. What a round has seen lives
//! in memory, except for the highest rates of each day: a restart measures anew.

use super::control::Control;
use super::load::Seen;
use crate::error::{ChangeFailure, RescaleError, ReshardError};
use crate::live::stream::Stream;
use crate::settings::EngineSettings;
use crate::state::command::{Command, RecordWritePeak};
use crate::state::stream::{StreamMode, StreamStatus};
use crate::supervisor::{Next, supervise};
use anabranch_model::limits;
use anabranch_model::on_demand::{DailyPeak, Decision, ShardLoad, StreamLoad};
use anabranch_model::retention::HOUR_MS;
use std::sync::Arc;
use std::time::Duration;

/// What a round found to do for a stream.
struct Finding {
    stream: Arc<Stream>,
    peak: Option<DailyPeak>,
    decision: Decision,
}

/// Why a stream does not scale in this round.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum NotScaled {
    Peak(#[from] ChangeFailure),
    Split(#[from] ReshardError),
    Rescale(#[from] RescaleError),
}

impl Control {
    /// Starts the task that scales on-demand streams, if the settings want it.
    pub(crate) fn scale_later(self: &Arc<Self>) {
        let period = Duration::from_millis(self.settings.scaling_period_ms);
        if period.is_zero() {
            return;
        }
        supervise(self, period, move |control| async move {
            control.scale_on_demand_streams().await;
            Next::After(period)
        });
    }

    /// Measures all on-demand streams since the last call, and splits or rescales those that need
    /// it. Returns how many it began to change.
    ///
    /// The engine does it by itself, [`EngineSettings::scaling_period_ms`] apart.
    pub async fn scale_on_demand_streams(self: &Arc<Self>) -> usize {
        let mut changed = 0;
        for Finding { stream, peak, decision } in self.look_at_loads() {
            let reference = &stream.reference;
            let recorded = match peak {
                Some(peak) => self.record_write_peak(stream.number, peak).await,
                None => Ok(()),
            };
            let scaled: Result<(), NotScaled> = match (&decision, recorded) {
                (_, Err(error)) => Err(error.into()),
                (Decision::Keep, Ok(())) => continue,
                (Decision::Split(shards), Ok(())) => {
                    self.split_evenly(reference, shards.clone()).await.map_err(NotScaled::from)
                }
                (Decision::Rescale(target), Ok(())) => {
                    self.rescale(reference, *target).await.map(drop).map_err(NotScaled::from)
                }
            };
            match scaled {
                Ok(()) => {
                    tracing::info!(stream = %reference, ?decision, "on-demand stream scales");
                    changed += 1;
                }
                // The next round looks again.
                Err(error) => tracing::warn!(stream = %reference, ?decision, %error, "not scaled"),
            }
        }
        changed
    }

    /// Lets the next round take away what a stream does not need, without waiting for a day.
    pub(crate) fn release_excess(&self, number: u32) {
        let mut known = self.loads.lock();
        known.streams.entry(number).or_default().cold_since_ms = Some(0);
    }

    async fn record_write_peak(&self, stream: u32, peak: DailyPeak) -> Result<(), ChangeFailure> {
        let DailyPeak { day, bytes_per_s } = peak;
        let command = Command::RecordWritePeak(RecordWritePeak { stream, day, bytes_per_s });
        self.ledger.change(move |_, _| Ok((command, ()))).await
    }

    fn look_at_loads(&self) -> Vec<Finding> {
        let (now_ms, now_us) = (self.ledger.now_ms(), self.clock.monotonic_us());
        let on_demand: Vec<Arc<Stream>> = {
            let view = self.ledger.view();
            let streams = view.streams().all().filter(|stream| stream.mode == StreamMode::OnDemand);
            streams.cloned().collect()
        };
        let mut known = self.loads.lock();
        let elapsed_us = known.last_us.map(|last_us| now_us.saturating_sub(last_us));
        known.last_us = Some(now_us);
        let mut seen = std::mem::take(&mut known.streams);
        let mut findings = Vec::new();
        for stream in on_demand {
            let mut of_stream = seen.remove(&stream.number).unwrap_or_default();
            let loads = of_stream.measure(&stream, elapsed_us);
            let number = stream.number;
            let finding = self.judge(stream, &mut of_stream, &loads, now_ms);
            if finding.peak.is_some() || finding.decision != Decision::Keep {
                findings.push(finding);
            }
            known.streams.insert(number, of_stream);
        }
        findings
    }

    fn judge(
        &self,
        stream: Arc<Stream>,
        seen: &mut Seen,
        loads: &[ShardLoad],
        now_ms: u64,
    ) -> Finding {
        let day = u32::try_from(now_ms / (24 * HOUR_MS)).unwrap_or(u32::MAX);
        let bytes_per_s = loads.iter().map(|load| load.bytes_per_s[0]).sum();
        let peak = DailyPeak { day, bytes_per_s };
        let ceiling = shards_max(&self.settings, &stream);
        let warm = self.warm_throughput(&stream).map_or(0, |warm| warm.target_mibps);
        let mut load = StreamLoad {
            shards: loads,
            peak_bytes_per_s: stream.write_peaks.highest(day).max(bytes_per_s),
            warm_shards: warm.min(limits::STREAM_SHARDS_MAX),
            shards_max: ceiling,
            cold_ms: 0,
        };
        seen.cold_since_ms = load.is_cold().then(|| seen.cold_since_ms.unwrap_or(now_ms));
        load.cold_ms = seen.cold_since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms));
        let mut decision = load.decide();
        if decision != Decision::Keep {
            load.shards_max = ceiling.min(self.shards_allowed(&stream, now_ms));
            decision = load.decide();
        }
        if stream.status(now_ms) != Some(StreamStatus::Active) {
            decision = Decision::Keep;
        }
        if decision != Decision::Keep {
            // With other shards it must get cold anew.
            seen.cold_since_ms = None;
        }
        let peak = stream.write_peaks.is_worth_keeping(peak).then_some(peak);
        Finding { stream, peak, decision }
    }

    /// Shards that the stream may have before its account has as many as it may have.
    fn shards_allowed(&self, stream: &Stream, now_ms: u64) -> u32 {
        let (quota, scope) = (self.quota(&stream.reference.scope), &stream.reference.scope);
        let room = quota.shards_left(&quota.usage(self.ledger.view().streams(), scope, now_ms));
        u32::try_from(stream.open.len() as u64 + room).unwrap_or(u32::MAX)
    }
}

/// Shards that an on-demand stream may have in its Region.
fn shards_max(settings: &EngineSettings, stream: &Stream) -> u32 {
    let region = &stream.reference.scope.region;
    match settings.limit_streams && !limits::is_large_region(region) {
        true => limits::ON_DEMAND_SHARDS_MAX_SMALL,
        false => limits::STREAM_SHARDS_MAX,
    }
}
