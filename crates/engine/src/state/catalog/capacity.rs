//! What commands about capacity do to the catalog, and what it knows about accounts.

use super::{Catalog, Place, intern};
use crate::state::command::{RecordWritePeak, SetCommitment, SetStreamMode, SetWarmThroughput};
use crate::state::scope::Scope;
use crate::state::stream::{RecordDistribution, Stream, StreamMode};
use anabranch_model::on_demand::{DailyPeak, WritePeaks};
use anabranch_model::{Commitment, limits};

impl Catalog {
    /// The billing commitment of an account in a Region.
    #[must_use]
    pub fn commitment(&self, scope: &Scope) -> Commitment {
        self.commitments.get(scope).copied().unwrap_or_default()
    }

    /// Fan-out consumers that a stream may have at `now_ms`.
    #[must_use]
    pub fn consumers_max(&self, stream: &Stream, now_ms: u64) -> usize {
        let is_on_demand = stream.mode == StreamMode::OnDemand;
        match is_on_demand && self.commitment(&stream.reference.scope).is_in_force(now_ms) {
            true => limits::CONSUMERS_COMMITTED_MAX,
            false => limits::CONSUMERS_MAX,
        }
    }

    pub(super) fn set_commitment(&mut self, set: &SetCommitment) {
        let commitment = Commitment { started_ms: set.started_ms, ends_ms: set.ends_ms };
        // Ending what never began leaves nothing to remember.
        if commitment != Commitment::default() {
            let scope = Scope { account: intern(&set.account), region: intern(&set.region) };
            self.commitments.insert(scope, commitment);
        }
    }
}

impl Stream {
    /// Switches the mode. The shards stay as they are.
    pub(super) fn set_mode(&mut self, set: &SetStreamMode, place: Place) {
        let mode = StreamMode::from(set.mode);
        if mode != self.mode {
            self.mode_switches_ms.push(place.arrival_ms);
            let surplus = self.mode_switches_ms.len().saturating_sub(limits::MODE_SWITCHES_MAX);
            self.mode_switches_ms.drain(..surplus);
        }
        if mode == StreamMode::Provisioned {
            self.distribution = RecordDistribution::UserPartitionKey;
            self.write_peaks = WritePeaks::default();
        }
        self.mode = mode;
        self.warm_mibps = set.warm_mibps;
        self.updating_until_ms = place.arrival_ms + set.transition_ms;
    }

    pub(super) fn set_warm_throughput(&mut self, set: &SetWarmThroughput, place: Place) {
        self.warm_mibps = set.warm_mibps;
        self.updating_until_ms = place.arrival_ms + set.transition_ms;
    }
}

impl From<&RecordWritePeak> for DailyPeak {
    fn from(record: &RecordWritePeak) -> Self {
        Self { day: record.day, bytes_per_s: record.bytes_per_s }
    }
}
