//! What it does to the catalog that the cell's time turns back: what was dated later happened by now.
//!
//! Invariant: nothing is forgotten sooner by this. When shards were closed and data keys retired stays as
//! it is, and so do the creation times that are part of names and sequence numbers.

use super::{Catalog, Effect};
use crate::state::machine::Place;
use crate::state::stream::StreamEntry;
use anabranch_model::on_demand::WritePeaks;
use anabranch_model::retention::HOUR_MS;
use std::sync::Arc;

const DAY_MS: u64 = 24 * HOUR_MS;

impl Catalog {
    pub(super) fn turn_back(&mut self, place: Place) -> Vec<Effect> {
        let streams: Vec<_> = self.streams.all().map(|stream| stream.number).collect();
        let streams = streams.into_iter();
        let mut effects: Vec<_> = streams
            .filter_map(|number| self.change(number, |stream| stream.turn_back(place.arrival_ms)))
            .collect();
        let commitments: Vec<_> =
            self.commitments.iter().map(|(scope, of)| (scope.clone(), *of)).collect();
        for (scope, mut commitment) in commitments {
            if commitment.started_ms > Some(place.arrival_ms) {
                commitment.started_ms = Some(place.arrival_ms);
                self.commitments.set(scope.clone(), commitment);
                effects.push(Effect::Committed(scope, commitment));
            }
        }
        effects
    }
}

impl StreamEntry {
    fn turn_back(&mut self, now_ms: u64) {
        let pull = |ms: &mut u64| *ms = now_ms.min(*ms);
        // Whatever is under way by the time is over.
        pull(&mut self.active_at_ms);
        pull(&mut self.updating_until_ms);
        self.gone_at_ms.iter_mut().for_each(pull);
        for consumer in self.consumers.values_mut() {
            pull(&mut consumer.active_at_ms);
            consumer.gone_at_ms.iter_mut().for_each(pull);
        }
        // What limits count.
        self.mode_switches_ms.iter_mut().for_each(pull);
        self.rescale_calls_ms.iter_mut().for_each(pull);
        self.encryption.stopped_ms.iter_mut().for_each(pull);
        for data_key in &mut self.encryption.data_keys {
            if data_key.started_ms > now_ms {
                pull(&mut Arc::make_mut(data_key).started_ms);
            }
        }
        let days = self.write_peaks.days().iter().copied();
        let past = days.filter(|peak| u64::from(peak.day) <= now_ms / DAY_MS);
        self.write_peaks = WritePeaks::new(past.collect());
        // It would hide what comes now.
        let horizon_ms = now_ms.saturating_sub(u64::from(self.retention.hours) * HOUR_MS);
        self.retention.floor_ms = self.retention.floor_ms.min(horizon_ms);
    }
}
