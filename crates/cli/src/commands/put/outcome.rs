//! What became of the records: what a person or a program is told of each, and of all of them.

use std::io::{self, Write};

use anabranch_producer::{Attempt, PutError, SpoolTrouble, Stored};
use serde::Serialize;

/// The code of a record that its shard, or of a request that the service throttled.
const THROTTLED: &str = "ProvisionedThroughputExceededException";
/// Codes that say that the producer gave up, not why nothing was stored.
const GIVEN_UP: [&str; 2] = ["Closed", "Expired"];

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) bytes: usize,
    pub(super) result: Result<Place, Failure>,
    pub(super) was_throttled: bool,
    pub(super) was_sent_again: bool,
}

/// Where a record is. Its members are the lines of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    pub(super) shard: String,
    pub(super) sequence_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sub_sequence_number: Option<u32>,
    #[serde(skip)]
    pub(super) may_be_twice: bool,
}

/// Why a record is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) may_be_stored: bool,
}

impl Outcome {
    /// Of a record that the spool does not keep.
    pub(super) fn not_kept(trouble: SpoolTrouble, bytes: usize) -> Self {
        // After a failed sync it may be there all the same, and be sent by the next run.
        let may_be_stored = trouble == SpoolTrouble::Failed;
        let reason = format!("the spool does not keep it: {trouble}");
        Outcome {
            bytes,
            result: Err(Failure { reason, may_be_stored }),
            was_throttled: false,
            was_sent_again: false,
        }
    }

    pub(super) fn of(result: Result<Stored, PutError>, bytes: usize) -> Self {
        let attempts = match &result {
            Ok(stored) => stored.attempts(),
            Err(error) => error.attempts.clone(),
        };
        let mut codes = attempts.iter().filter_map(|attempt| attempt.error.as_ref());
        Outcome {
            bytes,
            was_throttled: codes.any(|(code, _)| &**code == THROTTLED),
            was_sent_again: result.is_ok() && attempts.len() > 1,
            result: match result {
                Ok(stored) => Ok(Place {
                    shard: stored.shard_id().to_owned(),
                    sequence_number: stored.sequence_number().to_owned(),
                    sub_sequence_number: stored.sub_sequence_number(),
                    may_be_twice: stored.may_be_twice(),
                }),
                Err(error) => {
                    Err(Failure { reason: reason(&error), may_be_stored: error.may_be_stored })
                }
            },
        }
    }
}

/// What the service said last, if it said anything.
fn reason(error: &PutError) -> String {
    let mut why = error.attempts.iter().rev().filter_map(|attempt: &Attempt| attempt.error.clone());
    let last = why.clone().next();
    let said = why.find(|(code, _)| !GIVEN_UP.contains(&&**code)).or(last);
    said.map_or_else(|| error.to_string(), |(code, text)| format!("{code}: {text}"))
}

impl Place {
    /// A line for each record.
    pub(super) fn print(&self, out: &mut impl Write, json: bool) -> io::Result<()> {
        if json {
            serde_json::to_writer(&mut *out, self)?;
            out.write_all(b"\n")
        } else {
            writeln!(out, "{} {}", self.shard, self.sequence_number)
        }
    }
}

/// What became of all records so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) stored: u64,
    pub(super) bytes: u64,
    /// Records of the stream that they are in, and whether any of those is an aggregate.
    stored_as: u64,
    has_aggregates: bool,
    sent_again: u64,
    maybe_twice: u64,
    failed: u64,
    maybe_stored: u64,
    /// Its place in the input, from 1, and why.
    first_failure: Option<(u64, String)>,
}

impl Tally {
    pub(super) fn seen(&self) -> u64 {
        self.stored + self.failed
    }

    /// Notes the outcome of the next record of the input.
    pub(super) fn note(&mut self, outcome: &Outcome) {
        self.note_at(self.seen() + 1, outcome);
    }

    /// Notes the outcome of the record with this place in the input.
    pub(super) fn note_at(&mut self, number: u64, outcome: &Outcome) {
        self.sent_again += u64::from(outcome.was_sent_again);
        match &outcome.result {
            Ok(place) => {
                self.stored += 1;
                self.bytes += outcome.bytes as u64;
                self.stored_as += u64::from(place.sub_sequence_number.unwrap_or(0) == 0);
                self.has_aggregates |= place.sub_sequence_number.is_some();
                self.maybe_twice += u64::from(place.may_be_twice);
            }
            Err(failure) => {
                self.failed += 1;
                self.maybe_stored += u64::from(failure.may_be_stored);
                if self.first_failure.as_ref().is_none_or(|(first, _)| number < *first) {
                    self.first_failure = Some((number, failure.reason.clone()));
                }
            }
        }
    }

    /// How many failed.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// A line about what is stored.
    pub(super) fn summary(&self) -> String {
        let mut text = format!("{} records, {} bytes", self.stored, self.bytes);
        if self.has_aggregates {
            text.push_str(&format!(", stored as {}", self.stored_as));
        }
        text.push_str(&format!(", {} sent again", self.sent_again));
        if self.maybe_twice > 0 {
            text.push_str(&format!(", {} of which may be stored twice", self.maybe_twice));
        }
        text
    }

    /// How many are not stored and why, if any.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure_of(self.seen())
    }

    /// The same of so many records.
    pub(super) fn failure_of(&self, seen: u64) -> Option<String> {
        let (number, reason) = self.first_failure.as_ref()?;
        let failed = self.failed;
        let mut text =
            format!("{failed} of {seen} records were not stored, the first is record {number}");
        if self.maybe_stored > 0 {
            text.push_str(&format!("; {} of them may be stored all the same", self.maybe_stored));
        }
        Some(format!("{text}: {reason}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn stored(sub_sequence_number: Option<u32>) -> Outcome {
        let place = Place {
            shard: "s".to_owned(),
            sequence_number: "7".to_owned(),
            sub_sequence_number,
            may_be_twice: false,
        };
        Outcome { bytes: 10, result: Ok(place), was_throttled: false, was_sent_again: false }
    }

    fn failed(reason: &str, may_be_stored: bool) -> Outcome {
        let failure = Failure { reason: reason.to_owned(), may_be_stored };
        Outcome { result: Err(failure), ..stored(None) }
    }

    fn tally(outcomes: &[Outcome]) -> Tally {
        let mut tally = Tally::default();
        outcomes.iter().for_each(|outcome| tally.note(outcome));
        tally
    }

    #[test]
    fn says_where_a_record_is() {
        let line = |outcome: Outcome, json| {
            let mut out = Vec::new();
            outcome.result.unwrap().print(&mut out, json).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(line(stored(Some(3)), false), "s 7\n");
        assert_eq!(line(stored(None), true), "{\"shard\":\"s\",\"sequenceNumber\":\"7\"}\n");
        assert_eq!(
            line(stored(Some(3)), true),
            "{\"shard\":\"s\",\"sequenceNumber\":\"7\",\"subSequenceNumber\":3}\n"
        );
    }

    #[test]
    fn sums_up() {
        assert_eq!(tally(&[]).summary(), "0 records, 0 bytes, 0 sent again");
        let mut twice = stored(None);
        twice.was_sent_again = true;
        assert_eq!(
            tally(&[stored(None), twice.clone()]).summary(),
            "2 records, 20 bytes, 1 sent again"
        );
        twice.result.as_mut().unwrap().may_be_twice = true;
        let aggregated = [stored(Some(0)), stored(Some(1)), twice, stored(Some(0))];
        assert_eq!(
            tally(&aggregated).summary(),
            "4 records, 40 bytes, stored as 3, 1 sent again, 1 of which may be stored twice"
        );
        assert_eq!(tally(&aggregated).failure(), None);
    }

    #[test]
    fn says_how_many_failed_and_why() {
        let outcomes = [stored(None), failed("first", false), stored(None), failed("last", false)];
        assert_eq!(
            tally(&outcomes).failure().unwrap(),
            "2 of 4 records were not stored, the first is record 2: first"
        );
        assert_eq!(tally(&outcomes).summary(), "2 records, 20 bytes, 0 sent again");
        assert_eq!(
            tally(&[failed("x", true)]).failure().unwrap(),
            "1 of 1 records were not stored, the first is record 1; 1 of them may be stored all \
             the same: x"
        );
    }
}
