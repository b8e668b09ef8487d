//! UpdateStreamMode, UpdateStreamWarmThroughput, UpdateMaxRecordSize and
//! UpdateStreamRecordDistributionStrategy.

use super::control::Control;
use super::quota::Quota;
use crate::error::{
    AutoNeedsOnDemand, CapacityError, ModeSwitchLimit, ProvisionedStream, StreamChangeError,
    WarmLimit, WarmNeedsCommitment, WarmNeedsSwitch, WarmThroughputError,
};
use crate::lookup::find_active;
use crate::settings::EngineSettings;
use crate::state::catalog::Catalog;
use crate::state::command::{
    Command, SetDistribution, SetMaxRecordSize, SetStreamMode, SetWarmThroughput,
};
use crate::state::scope::StreamRef;
use crate::state::stream::{RecordDistribution, StreamEntry, StreamMode};
use anabranch_model::limits;
use std::sync::Arc;

/// The warm throughput of a stream, in MiB a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarmThroughput {
    /// What was asked for; 0 if nothing was.
    pub target_mibps: u32,
    /// What the open shards can take already.
    pub current_mibps: u32,
}

impl WarmThroughput {
    fn of(stream: &StreamEntry, target_mibps: u32) -> Self {
        let current_mibps = match stream.shards.open_len() as u32 {
            open if open < limits::STREAM_SHARDS_MAX => target_mibps.min(open),
            _ => target_mibps,
        };
        Self { target_mibps, current_mibps }
    }
}

impl Control {
    /// The warm throughput of a stream, if its mode and its account allow one.
    #[must_use]
    pub fn warm_throughput(&self, stream: &StreamEntry) -> Option<WarmThroughput> {
        let is_on_demand = stream.mode == StreamMode::OnDemand;
        let is_committed =
            || self.commitment(&stream.reference.scope).is_in_force(self.ledger.now_ms());
        (is_on_demand && is_committed()).then(|| WarmThroughput::of(stream, stream.warm_mibps))
    }

    /// Switches the capacity mode; the shards stay. The stream is UPDATING for a while, also if
    /// the mode is the one it has, which is no switch.
    ///
    /// # Errors
    /// When the stream is not ACTIVE, has been switched too often in a day, the account has too
    /// many on-demand streams, or the warm throughput is not allowed.
    pub async fn set_stream_mode(
        self: &Arc<Self>,
        stream: &StreamRef,
        mode: StreamMode,
        warm_mibps: Option<u32>,
    ) -> Result<(), CapacityError> {
        let (stream, quota) = (stream.clone(), self.quota(&stream.scope));
        let changed = self.ledger.change::<_, CapacityError>(move |catalog, now_ms| {
            let stream = find_active(catalog.streams(), &stream.scope, &stream.name, now_ms)?;
            let command = decide_mode(catalog, &quota, stream, mode, warm_mibps, now_ms)?;
            let growth = growth(stream, command.warm_mibps);
            Ok((Command::SetStreamMode(command), growth))
        });
        self.grow(changed.await?).await;
        Ok(())
    }

    /// Sets the warm throughput of an on-demand stream; 0 gives it up.
    ///
    /// # Errors
    /// When the stream is not ACTIVE or not on-demand, the account has no commitment, or as many
    /// shards are not allowed.
    pub async fn set_warm_throughput(
        self: &Arc<Self>,
        stream: &StreamRef,
        warm_mibps: u32,
    ) -> Result<(StreamRef, WarmThroughput), CapacityError> {
        let (stream, quota) = (stream.clone(), self.quota(&stream.scope));
        let changed = self.ledger.change::<_, CapacityError>(move |catalog, now_ms| {
            let stream = find_active(catalog.streams(), &stream.scope, &stream.name, now_ms)?;
            if stream.mode == StreamMode::Provisioned {
                return Err(ProvisionedStream(stream.reference.clone()).into());
            }
            if !catalog.commitments().of(&stream.reference.scope).is_in_force(now_ms) {
                let refused = WarmNeedsCommitment(stream.reference.clone());
                return Err(WarmThroughputError::from(refused).into());
            }
            let open = stream.shards.open_len() as u64;
            check_warm(catalog, &quota, &stream.reference, open, warm_mibps, now_ms)?;
            let warm = WarmThroughput::of(stream, warm_mibps);
            let growth = growth(stream, warm_mibps);
            let command = Command::SetWarmThroughput(SetWarmThroughput {
                stream: stream.number,
                warm_mibps,
                transition_ms: transition_ms(&quota.settings, &growth),
            });
            let excess = (warm_mibps <= stream.warm_mibps).then_some(stream.number);
            Ok((command, (stream.reference.clone(), warm, growth, excess)))
        });
        let (stream, warm, growth, excess) = changed.await?;
        if let Some(number) = excess {
            self.release_excess(number);
        }
        self.grow(growth).await;
        Ok((stream, warm))
    }

    /// Opens the shards that warm throughput asks for; the stream is UPDATING meanwhile.
    async fn grow(self: &Arc<Self>, growth: Option<(StreamRef, u32)>) {
        if let Some((stream, shards)) = growth
            && let Err(error) = self.rescale(&stream, shards).await
        {
            // Scaling looks at the stream again in its next round.
            tracing::warn!(%stream, shards, %error, "warm throughput has no shards yet");
        }
    }

    /// Sets the ceiling of one record in KiB, which must be within the service's bounds. It is in
    /// force at once.
    ///
    /// # Errors
    /// When the stream is not ACTIVE.
    pub async fn set_max_record_size(
        &self,
        stream: &StreamRef,
        max_record_kib: u32,
    ) -> Result<(), StreamChangeError> {
        let stream = stream.clone();
        self.ledger
            .change(move |catalog, now_ms| {
                let stream =
                    find_active(catalog.streams(), &stream.scope, &stream.name, now_ms)?.number;
                Ok((Command::SetMaxRecordSize(SetMaxRecordSize { stream, max_record_kib }), ()))
            })
            .await
    }

    /// Sets how records find their shard. It is in force at once.
    ///
    /// # Errors
    /// When the stream is not ACTIVE, or is provisioned and shall distribute by itself.
    pub async fn set_distribution(
        &self,
        stream: &StreamRef,
        distribution: RecordDistribution,
    ) -> Result<(), CapacityError> {
        let stream = stream.clone();
        self.ledger
            .change(move |catalog, now_ms| {
                let stream = find_active(catalog.streams(), &stream.scope, &stream.name, now_ms)?;
                check_distribution(stream.mode, distribution)?;
                let (stream, distribution) = (stream.number, distribution.into());
                Ok((Command::SetDistribution(SetDistribution { stream, distribution }), ()))
            })
            .await
    }
}

fn decide_mode(
    catalog: &Catalog,
    quota: &Quota,
    stream: &StreamEntry,
    mode: StreamMode,
    warm_mibps: Option<u32>,
    now_ms: u64,
) -> Result<SetStreamMode, CapacityError> {
    let reference = &stream.reference;
    let is_switch = stream.mode != mode;
    if warm_mibps.is_some() && !(is_switch && mode == StreamMode::OnDemand) {
        return Err(WarmThroughputError::from(WarmNeedsSwitch).into());
    }
    if is_switch && quota.settings.limit_streams {
        let since_ms = now_ms.saturating_sub(limits::MODE_SWITCHES_MS);
        let switches = stream.mode_switches_ms.iter().filter(|at_ms| **at_ms > since_ms).count();
        if switches >= limits::MODE_SWITCHES_MAX {
            let (stream, limit) = (reference.clone(), limits::MODE_SWITCHES_MAX);
            return Err(ModeSwitchLimit { stream, limit }.into());
        }
    }
    if is_switch && mode == StreamMode::OnDemand {
        quota.check_on_demand(
            &quota.usage(catalog.streams(), &reference.scope, now_ms),
            reference,
        )?;
    }
    let warm_mibps = match (is_switch, warm_mibps) {
        (false, _) => stream.warm_mibps,
        (true, warm_mibps) => warm_mibps.unwrap_or(0),
    };
    if is_switch {
        let open = stream.shards.open_len() as u64;
        check_warm(catalog, quota, reference, open, warm_mibps, now_ms)?;
    }
    Ok(SetStreamMode {
        stream: stream.number,
        mode: mode.into(),
        warm_mibps,
        transition_ms: transition_ms(&quota.settings, &growth(stream, warm_mibps)),
    })
}

/// The shards to go to when as much warm throughput needs more of them than are open.
fn growth(stream: &StreamEntry, warm_mibps: u32) -> Option<(StreamRef, u32)> {
    let shards = warm_mibps.min(limits::STREAM_SHARDS_MAX);
    (shards > stream.shards.open_len() as u32).then(|| (stream.reference.clone(), shards))
}

/// How long a change keeps a stream UPDATING; opening shards does that itself.
fn transition_ms(settings: &EngineSettings, growth: &Option<(StreamRef, u32)>) -> u64 {
    if growth.is_some() { 0 } else { settings.transition_ms }
}

/// Whether a stream of this mode may place records so.
pub(super) fn check_distribution(
    mode: StreamMode,
    distribution: RecordDistribution,
) -> Result<(), AutoNeedsOnDemand> {
    match (mode, distribution) {
        (StreamMode::Provisioned, RecordDistribution::Auto) => Err(AutoNeedsOnDemand),
        _ => Ok(()),
    }
}

/// Whether an on-demand stream with so many `open` shards may have this warm throughput.
pub(super) fn check_warm(
    catalog: &Catalog,
    quota: &Quota,
    stream: &StreamRef,
    open: u64,
    warm_mibps: u32,
    now_ms: u64,
) -> Result<(), WarmThroughputError> {
    if warm_mibps == 0 {
        return Ok(());
    }
    if !catalog.commitments().of(&stream.scope).is_in_force(now_ms) {
        return Err(WarmNeedsCommitment(stream.clone()).into());
    }
    let limit = warm_mibps_max(&quota.settings, &stream.scope.region);
    if warm_mibps > limit {
        return Err(WarmLimit { stream: stream.clone(), limit }.into());
    }
    let additional = u64::from(warm_mibps.min(limits::STREAM_SHARDS_MAX)).saturating_sub(open);
    let usage = quota.usage(catalog.streams(), &stream.scope, now_ms);
    Ok(quota.check_shards(&usage, stream, additional)?)
}

/// The highest warm throughput in a Region, in MiB a second.
fn warm_mibps_max(settings: &EngineSettings, region: &str) -> u32 {
    match settings.limit_streams && !limits::is_large_region(region) {
        true => limits::ON_DEMAND_SHARDS_MAX_SMALL,
        false => limits::WARM_MIBPS_MAX,
    }
}
