//! What became of a record, as the Java half is told.

use std::time::Duration;

use anabranch_producer::{PutError, Stored};

use super::messages::{Attempt, PutRecordResult};

/// The code of records that are wrong as they are.
const INVALID: &str = "ValidationException";

pub(super) fn of(outcome: &Result<Stored, PutError>) -> PutRecordResult {
    match outcome {
        Ok(stored) => PutRecordResult {
            attempts: stored.attempts().iter().map(attempt).collect(),
            success: true,
            shard_id: Some(stored.shard_id().to_owned()),
            sequence_number: Some(stored.sequence_number().to_owned()),
        },
        Err(error) => PutRecordResult {
            attempts: error.attempts.iter().map(attempt).collect(),
            ..PutRecordResult::default()
        },
    }
}

/// Of a record that was never taken.
pub(super) fn of_refused(reason: &str) -> PutRecordResult {
    let attempt = Attempt {
        error_code: Some(INVALID.to_owned()),
        error_message: Some(reason.to_owned()),
        ..Attempt::default()
    };
    PutRecordResult { attempts: vec![attempt], ..PutRecordResult::default() }
}

fn attempt(attempt: &anabranch_producer::Attempt) -> Attempt {
    let (error_code, error_message) = attempt.error.clone().unzip();
    Attempt {
        delay: millis(attempt.delay),
        duration: millis(attempt.duration),
        success: error_code.is_none(),
        error_code: error_code.map(String::from),
        error_message: error_message.map(String::from),
    }
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}
