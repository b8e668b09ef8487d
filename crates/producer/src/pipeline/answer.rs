//! What answers make of the records of a request.

use super::backoff::backoff;
use super::batch::Sealed;
use super::lane::LaneKey;
use super::outcome::{Landing, Reason, Why};
use super::request::{Answer, Failure, Fault, RecordAnswer, RequestId};
use super::rules::Micros;
use super::settled::Outcome;
use super::state::{Pipeline, Recalled, Undecided};
use std::sync::Arc;

/// The code of an aggregate that came to a shard that does not hold all of it, as the Kinesis Producer
/// Library has it.
const WRONG_SHARD: &str = "Wrong Shard";
/// The same of an answer with another number of records than the request.
const COUNT_MISMATCH: &str = "Record Count Mismatch";

/// The first pause after a request failed as a whole, doubled each time, and the longest.
const FIRST_PAUSE: Micros = 100_000;
const PAUSE_MAX: Micros = 5_000_000;

impl<T> Pipeline<T> {
    /// The answer to a request.
    pub(crate) fn on_answer(&mut self, id: RequestId, answer: Answer, now: Micros) {
        let Some(request) = self.requests.remove(&id) else { return };
        let (records, sent_at) = (request.records, request.sent_at);
        self.facts.request(&records, now.saturating_sub(sent_at));
        match answer {
            Answer::Records(answers) if answers.len() == records.len() => {
                self.on_records(records, answers, sent_at, now);
            }
            Answer::Records(answers) => {
                let message = format!("{} answers for {} records", answers.len(), records.len());
                let reason = Reason { code: COUNT_MISMATCH.into(), message: message.into() };
                self.on_failed(records, reason, Fault::Unknown, sent_at, now);
            }
            Answer::Failed(Failure { reason, fault }) => {
                self.on_failed(records, reason, fault, sent_at, now);
            }
        }
    }

    fn on_records(
        &mut self,
        records: Vec<Sealed<T>>,
        answers: Vec<RecordAnswer>,
        sent_at: Micros,
        now: Micros,
    ) {
        let is_stored = |answer: &RecordAnswer| matches!(answer, RecordAnswer::Stored { .. });
        let has_stored = answers.iter().any(is_stored);
        let is_known = |answer: &RecordAnswer| {
            is_stored(answer) || matches!(answer, RecordAnswer::Failed { is_throttled: true, .. })
        };
        if answers.iter().any(is_known) {
            self.failures_in_a_row = 0;
            self.paused_until = 0;
        } else {
            self.pause(now);
        }
        let mut again = Vec::new();
        for (sealed, answer) in records.into_iter().zip(answers) {
            match answer {
                RecordAnswer::Stored { shard, sequence_number } => {
                    if let Some(lane) = self.lanes.get_mut(LaneKey(sealed.shard)) {
                        lane.pace.stored();
                    }
                    self.on_stored(sealed, shard, sequence_number, sent_at, now);
                }
                RecordAnswer::Failed { reason, is_throttled } => {
                    self.facts.refused(sealed.shard.map(|shard| self.map.id(shard)), &reason.code);
                    let mut sealed = noted(sealed, &Arc::new(reason), sent_at, now);
                    self.slow_down(&mut sealed, has_stored, now);
                    if !is_throttled {
                        // A server that fails may have stored what it does not tell of.
                        sealed.may_be_stored();
                    }
                    if is_throttled && self.rules.fail_if_throttled {
                        self.give_up(sealed, Why::Throttled, now);
                    } else {
                        again.push(sealed);
                    }
                }
            }
        }
        self.send_again(again, now);
    }

    /// A record was not stored: its shard is left alone for a moment.
    fn slow_down(&mut self, sealed: &mut Sealed<T>, has_stored: bool, now: Micros) {
        let key = LaneKey(sealed.shard);
        if key.0.is_none() && has_stored {
            // One shard of those that nobody knows: the others go on, and before it where they may.
            if sealed.orders.is_empty() {
                sealed.number = self.next_number();
            }
            return;
        }
        let jitter = self.jitter();
        self.lane(key, now).pace.throttled(now, jitter);
        self.set_ready(key, now);
    }

    /// Nothing is sent for a moment. Requests that fail together count once.
    fn pause(&mut self, now: Micros) {
        if now >= self.paused_until {
            let jitter = self.jitter();
            self.paused_until =
                now + backoff(FIRST_PAUSE, PAUSE_MAX, self.failures_in_a_row, jitter);
            self.failures_in_a_row += 1;
        }
    }

    fn on_stored(
        &mut self,
        sealed: Sealed<T>,
        shard: Arc<str>,
        sequence_number: Arc<str>,
        sent_at: Micros,
        now: Micros,
    ) {
        let number = self.map.number(&shard);
        if number.is_none() {
            self.map.disbelieve(now);
        } else if sealed.shard.is_some() && number != sealed.shard {
            self.map.doubt(sent_at, now);
        }
        let is_aggregate = sealed.is_aggregate();
        let at = Landing { shard, sequence_number, is_aggregate, sent_at, answered_at: now };
        if is_aggregate && number.is_none() {
            // The shard's range decides; it comes with the next map.
            self.undecided.push(Undecided { sealed, at });
        } else {
            self.settle_or_take_back(sealed, at, now);
        }
    }

    /// Decides about aggregates whose shard was not known before this map.
    pub(super) fn decide(&mut self, now: Micros) {
        for Undecided { sealed, at } in std::mem::take(&mut self.undecided) {
            self.settle_or_take_back(sealed, at, now);
        }
    }

    fn settle_or_take_back(&mut self, sealed: Sealed<T>, at: Landing, now: Micros) {
        let range = self.map.number(&at.shard).map(|number| self.map.range(number));
        if !at.is_aggregate || range.is_some_and(|range| range.holds(sealed.range)) {
            self.settle_stored(sealed, at, now);
        } else {
            self.take_back(sealed, &at, now);
        }
    }

    /// An aggregate was stored by a shard that does not hold all of it: consumers may drop it whole.
    fn take_back(&mut self, sealed: Sealed<T>, at: &Landing, now: Micros) {
        let message = format!("stored by {}, which does not hold all of it", at.shard);
        self.facts.refused(Some(&at.shard), WRONG_SHARD);
        let reason = Arc::new(Reason { code: WRONG_SHARD.into(), message: message.into() });
        let mut sealed = noted(sealed, &reason, at.sent_at, now);
        sealed.came_to_wrong_shard();
        sealed.may_be_stored();
        self.take_apart_and_enter(sealed, now);
    }

    fn on_failed(
        &mut self,
        records: Vec<Sealed<T>>,
        reason: Reason,
        fault: Fault,
        sent_at: Micros,
        now: Micros,
    ) {
        for shard in records.iter().map(|sealed| sealed.shard) {
            self.facts.refused(shard.map(|shard| self.map.id(shard)), &reason.code);
        }
        let reason = Arc::new(reason);
        let records = records.into_iter().map(|sealed| noted(sealed, &reason, sent_at, now));
        let mut records: Vec<Sealed<T>> = records.collect();
        if fault == Fault::Invalid {
            return self.isolate(records, now);
        }
        if fault == Fault::Unknown {
            records.iter_mut().for_each(Sealed::may_be_stored);
        }
        if fault == Fault::NoStream {
            self.map.disbelieve(now);
        }
        self.pause(now);
        self.send_again(records, now);
    }

    /// One record of a request makes the whole of it invalid: each goes by itself, until it is found.
    fn isolate(&mut self, records: Vec<Sealed<T>>, now: Micros) {
        let was_alone = records.len() == 1;
        let mut again = Vec::new();
        for mut sealed in records {
            if !was_alone {
                sealed.is_alone = true;
                again.push(sealed);
            } else if sealed.is_aggregate() {
                sealed.must_be_apart();
                self.take_apart_and_enter(sealed, now);
            } else {
                self.give_up(sealed, Why::Invalid, now);
            }
        }
        self.send_again(again, now);
    }

    /// Sends records again that are not stored: before all that came later, and as they are, if that is
    /// still right.
    fn send_again(&mut self, records: Vec<Sealed<T>>, now: Micros) {
        let deadline = now + self.rules.linger / 2;
        let (mut same, mut other) = (Vec::new(), Vec::new());
        for mut sealed in records {
            let is_right = self.map.predict(sealed.range.start) == sealed.shard
                && self.map.predict(sealed.range.end_inclusive) == sealed.shard;
            if is_right && sealed.expiry > now {
                sealed.deadline = deadline;
                same.push(sealed);
            } else {
                other.push(sealed);
            }
        }
        self.requeue(same, now);
        let recalled = self.recall(other);
        self.enter_again(recalled, |_| deadline, now);
    }

    fn take_apart_and_enter(&mut self, sealed: Sealed<T>, now: Micros) {
        let deadline = now + self.rules.linger / 2;
        let recalled = self.recall(vec![sealed]);
        self.enter_again(recalled, |_| deadline, now);
    }

    /// No attempt follows.
    fn give_up(&mut self, sealed: Sealed<T>, why: Why, now: Micros) {
        let waiting = self.free_keys(&sealed);
        sealed.users.into_iter().for_each(|user| self.settle_failed(user, why));
        let linger = self.rules.linger;
        self.enter_again(Recalled { entries: Vec::new(), waiting }, |_| now + linger / 2, now);
    }

    fn settle_stored(&mut self, sealed: Sealed<T>, at: Landing, now: Micros) {
        self.facts.stored(&sealed, &at.shard, at.sent_at);
        let waiting = self.free_keys(&sealed);
        let users = sealed.users;
        self.pending -= users.len();
        self.counts.stored += users.len() as u64;
        let twice = users.iter().filter(|user| user.may_be_stored()).count();
        self.counts.possible_duplicates += twice as u64;
        self.settled.push(Outcome::Stored { at: Arc::new(at), users });
        let linger = self.rules.linger;
        self.enter_again(
            Recalled { entries: Vec::new(), waiting },
            |user| (user.arrived + linger).max(now),
            now,
        );
    }
}

/// With the attempt that failed.
fn noted<T>(
    mut sealed: Sealed<T>,
    reason: &Arc<Reason>,
    sent_at: Micros,
    now: Micros,
) -> Sealed<T> {
    sealed.users.iter_mut().for_each(|user| user.note_failed(reason, sent_at, now));
    sealed
}
