//! From the lanes into requests.

use super::batch::Sealed;
use super::lane::LaneKey;
use super::request::{Outgoing, RequestId};
use super::rules::Micros;
use super::state::{Pipeline, Request};

impl<T> Pipeline<T> {
    /// The next request, if it is time for one.
    pub(super) fn collect(&mut self, now: Micros) -> Option<Outgoing> {
        if !self.may_send(now) || self.map.is_in_doubt(now) {
            self.uncollect(now);
        }
        if !self.may_send(now) {
            return None;
        }
        while let Some((at, key)) = self.next_ready(now)
            && at <= now
        {
            let lane = self.lanes.get_mut(key)?;
            let (_, first) = lane.queue.first_key_value()?;
            if !self.collection.fits(first, &self.rules) {
                return Some(self.send(now));
            }
            let (_, sealed) = lane.queue.pop_first()?;
            lane.pace.take(sealed.bytes(), now);
            self.expiring.remove(&(sealed.expiry, sealed.number));
            self.collection.push(sealed, &self.rules);
            self.set_ready(key, now);
            if self.collection.is_full {
                return Some(self.send(now));
            }
        }
        let is_due = !self.collection.records.is_empty() && self.collection.deadline <= now;
        is_due.then(|| self.send(now))
    }

    /// When there is something to send again, as far as is known.
    pub(super) fn send_at(&self, now: Micros) -> Option<Micros> {
        if !self.has_free_request() {
            return None;
        }
        let ready = self.next_ready(now).map(|(at, _)| at);
        let has_collected = !self.collection.records.is_empty();
        let due = has_collected.then_some(self.collection.deadline);
        let at = ready.into_iter().chain(due).min()?;
        Some(at.max(self.paused_until).max(now))
    }

    /// What was collected goes back to where it came from.
    pub(super) fn uncollect(&mut self, now: Micros) {
        let records = self.collection.take();
        self.requeue(records, now);
    }

    fn may_send(&self, now: Micros) -> bool {
        now >= self.paused_until && self.has_free_request()
    }

    /// After a failure one request at a time tries.
    fn has_free_request(&self) -> bool {
        let most = if self.failures_in_a_row > 0 { 1 } else { self.rules.requests_max };
        self.requests.len() < most
    }

    /// While the map is in doubt, aggregates by it wait for the new one.
    fn next_ready(&self, now: Micros) -> Option<(Micros, LaneKey)> {
        if self.map.is_in_doubt(now) {
            let unplaced = LaneKey(None);
            return self.lanes.get(unplaced)?.ready_at.map(|at| (at, unplaced));
        }
        self.ready.first().copied()
    }

    fn send(&mut self, now: Micros) -> Outgoing {
        let mut records = self.collection.take();
        self.request_count += 1;
        let id = RequestId(self.request_count);
        let outgoing = Sealed::outgoing(&mut records);
        self.requests.insert(id, Request { records, sent_at: now });
        Outgoing { id, records: outgoing }
    }
}
