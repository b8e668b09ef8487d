//! What the proxy does to a request. Pure.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::Rng;
use serde_json::{Value, json};

/// What is done to a request beside delaying it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The connection is reset before the request is passed on.
    CutBefore,
    /// It is reset after the request was answered, before the answer is passed on.
    CutAfter,
    /// It is reset in the middle of the answer.
    CutWithin,
    /// It is answered as failed, and was not passed on.
    Fail(Whole),
    /// It is answered as failed, and was passed on.
    FailAfter(Whole),
    /// Some records are answered as failed; see [`Withheld`].
    Withhold,
    /// It is passed on so late that its sender may have given it up.
    Late,
}

/// How a request fails as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whole {
    InternalFailure,
    Unavailable,
    Throttled,
}

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Before it is passed on.
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Fault>,
}

impl Plan {
    /// `chance` is that of a fault, from 0 to 1. Only PutRecords has records to be withheld.
    pub(crate) fn draw(is_put_records: bool, chance: f64, rng: &mut impl Rng) -> Self {
        let delay = match rng.random_bool(chance) {
            true => Duration::from_micros(rng.random_range(0..60_000)),
            false => Duration::ZERO,
        };
        if !rng.random_bool(chance) {
            return Self { delay, fault: None };
        }
        let whole = match rng.random_range(0..3) {
            0 => Whole::InternalFailure,
            1 => Whole::Unavailable,
            _ => Whole::Throttled,
        };
        let fault = match rng.random_range(0..if is_put_records { 14 } else { 8 }) {
            0 | 1 => Fault::CutBefore,
            2 | 3 => Fault::CutAfter,
            4 => Fault::CutWithin,
            5 => Fault::Fail(whole),
            6 => Fault::Late,
            // What is throttled is not stored.
            7 if whole == Whole::Throttled => Fault::Fail(whole),
            7 => Fault::FailAfter(whole),
            _ => Fault::Withhold,
        };
        Self { delay, fault: Some(fault) }
    }
}

impl Fault {
    /// By which it is counted.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CutBefore => "reset_before",
            Self::CutAfter => "reset_after",
            Self::CutWithin => "reset_within",
            Self::Fail(Whole::Throttled) => "throttled",
            Self::Fail(_) => "failed",
            Self::FailAfter(_) => "failed_after_storing",
            Self::Withhold => "partial",
            Self::Late => "late",
        }
    }
}

impl Whole {
    /// Status and body of its answer.
    pub(crate) fn answer(self) -> (u16, String) {
        let (status, code) = match self {
            Self::InternalFailure => (500, "InternalFailure"),
            Self::Unavailable => (503, "ServiceUnavailableException"),
            Self::Throttled => (400, "ProvisionedThroughputExceededException"),
        };
        (status, json!({ "__type": code, "message": "the proxy says so" }).to_string())
    }
}

/// What is answered for a record of PutRecords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is passed on, and so is its answer.
    Passed,
    /// It is not passed on, and answered as throttled.
    Throttled,
    /// The same as an internal failure.
    Failed,
    /// It is passed on, and answered as an internal failure all the same.
    FailedAfter,
}

/// A PutRecords request of which some records are answered as failed.
#[derive(Debug)]
pub(crate) struct Withheld {
    /// What is passed on; `None`: nothing of it.
    pub(crate) body: Option<Vec<u8>>,
    fates: Vec<Fate>,
}

impl Withheld {
    /// Draws the records' fates.
    pub(crate) fn draw(body: &[u8], rng: &mut impl Rng) -> Result<Self> {
        let mut request: Value = serde_json::from_slice(body)?;
        let records = request["Records"].as_array_mut().context("a request without records")?;
        let share = rng.random_range(0.05..1.0);
        let fate = |_: &Value| match rng.random_range(0..8) {
            _ if !rng.random_bool(share) => Fate::Passed,
            0..5 => Fate::Throttled,
            5 | 6 => Fate::Failed,
            _ => Fate::FailedAfter,
        };
        let fates: Vec<Fate> = records.iter().map(fate).collect();
        let mut of_record = fates.iter();
        records.retain(|_| of_record.next().is_some_and(|fate| fate.is_passed_on()));
        let body = if records.is_empty() { None } else { Some(serde_json::to_vec(&request)?) };
        Ok(Self { body, fates })
    }

    /// The answer to the whole request, from that to what was passed on.
    pub(crate) fn merge(&self, answer: Option<&[u8]>) -> Result<Vec<u8>> {
        let mut answer: Value = match answer {
            Some(answer) => serde_json::from_slice(answer)?,
            None => json!({ "FailedRecordCount": 0, "Records": [] }),
        };
        let passed = answer["Records"].as_array_mut().context("an answer without records")?;
        let mut passed = std::mem::take(passed).into_iter();
        let mut records = Vec::with_capacity(self.fates.len());
        for fate in &self.fates {
            let own = fate.is_passed_on().then(|| passed.next().context("too few records"));
            let own = own.transpose()?;
            records.push(match (fate, own) {
                (Fate::Passed, Some(own)) => own,
                (Fate::Throttled, _) => failed("ProvisionedThroughputExceededException"),
                _ => failed("InternalFailure"),
            });
        }
        ensure!(passed.next().is_none(), "too many records");
        let is_failed = |record: &&Value| record.get("ErrorCode").is_some_and(Value::is_string);
        answer["FailedRecordCount"] = records.iter().filter(is_failed).count().into();
        answer["Records"] = records.into();
        Ok(serde_json::to_vec(&answer)?)
    }

    /// Records that are answered as failed by the proxy alone.
    pub(crate) fn count(&self) -> usize {
        self.fates.iter().filter(|fate| **fate != Fate::Passed).count()
    }
}

impl Fate {
    fn is_passed_on(self) -> bool {
        matches!(self, Self::Passed | Self::FailedAfter)
    }
}

fn failed(code: &str) -> Value {
    json!({ "ErrorCode": code, "ErrorMessage": "the proxy says so" })
}

#[cfg(test)]
mod tests;
