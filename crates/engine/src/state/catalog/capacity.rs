//! What commands about capacity do to the catalog, and what it knows about accounts.

use super::{Catalog, Effect, intern};
use crate::state::command::{RecordWritePeak, SetCommitment, SetStreamMode, SetWarmThroughput};
use crate::state::machine::Place;
use crate::state::scope::Scope;
use crate::state::stream::{RecordDistribution, StreamEntry, StreamMode};
use anabranch_model::on_demand::{DailyPeak, WritePeaks};
use anabranch_model::{Commitment, limits};

impl Catalog {
    pub(super) fn set_commitment(&mut self, set: &SetCommitment) -> Option<Effect> {
        let commitment = Commitment { started_ms: set.started_ms, ends_ms: set.ends_ms };
        // Ending what never began leaves nothing to remember.
        (commitment != Commitment::default()).then(|| {
            let scope = Scope { account: intern(&set.account), region: intern(&set.region) };
            self.commitments.set(scope.clone(), commitment);
            Effect::Committed(scope, commitment)
        })
    }
}

impl StreamEntry {
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
