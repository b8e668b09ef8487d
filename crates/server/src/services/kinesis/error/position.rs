//! Texts about iterators and starting positions.

use super::wire::ToWire;
use crate::services::kinesis::errors::KinesisError;
use anabranch_engine::error::{
    IteratorExpired, IteratorInvalid, StartingNumberInvalid, StartingNumberOfOldStream,
    StartingNumberOfShard, StartingNumberOfStream, TimestampInFuture,
};
use anabranch_protocol::WireError;

impl ToWire for IteratorInvalid {
    fn to_wire(self) -> WireError {
        KinesisError::InvalidArgument.because("Invalid ShardIterator.")
    }
}

impl ToWire for IteratorExpired {
    fn to_wire(self) -> WireError {
        let Self { issued_ms, now_ms } = self;
        KinesisError::ExpiredIterator.because(format!(
            "Iterator expired. The iterator was created at time {} while right now it is {} \
                 which is further in the future than the tolerated delay of 300000 milliseconds.",
            java_date(issued_ms),
            java_date(now_ms)
        ))
    }
}

impl ToWire for TimestampInFuture {
    fn to_wire(self) -> WireError {
        let Self { at_ms, now_ms } = self;
        KinesisError::InvalidArgument.because(format!(
            "The timestampInMillis parameter cannot be greater than the \
             currentTimestampInMillis. timestampInMillis: {at_ms}, currentTimestampInMillis: \
             {now_ms}"
        ))
    }
}

impl ToWire for StartingNumberInvalid {
    fn to_wire(self) -> WireError {
        let Self { stream, shard, number } = self;
        KinesisError::InvalidArgument.because(format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in stream \
             {stream} is invalid."
        ))
    }
}

impl ToWire for StartingNumberOfShard {
    fn to_wire(self) -> WireError {
        let Self { encoded, shard } = self;
        KinesisError::InvalidArgument.because(format!(
            "Invalid StartingSequenceNumber. It encodes {encoded}, while it was used in a call to \
             a shard with {shard}"
        ))
    }
}

impl ToWire for StartingNumberOfStream {
    fn to_wire(self) -> WireError {
        let Self { stream, shard, number } = self;
        KinesisError::InvalidArgument.because(format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in \
                 stream {stream} is invalid because it did not come from this stream."
        ))
    }
}

impl ToWire for StartingNumberOfOldStream {
    fn to_wire(self) -> WireError {
        // The service answers so; no client that took the number from this server meets it.
        KinesisError::InternalFailure.bare()
    }
}

/// A time as Java prints it: `Thu Jan 22 01:22:02 UTC 2015`.
fn java_date(epoch_ms: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let secs = epoch_ms / 1000;
    let days = secs / 86_400;
    // Days since 0000-03-01, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    format!(
        "{} {} {day:02} {:02}:{:02}:{:02} UTC {year}",
        DAYS[(days % 7) as usize],
        MONTHS[month as usize],
        secs / 3600 % 24,
        secs / 60 % 60,
        secs % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_dates_as_java_does() {
        assert_eq!(java_date(1_421_889_722_123), "Thu Jan 22 01:22:02 UTC 2015");
        assert_eq!(java_date(0), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(java_date(1_709_164_800_000), "Thu Feb 29 00:00:00 UTC 2024");
        assert_eq!(java_date(1_767_225_599_000), "Wed Dec 31 23:59:59 UTC 2025");
    }
}
