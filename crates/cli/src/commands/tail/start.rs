//! Where reading starts, and how a person says so.

use crate::units::{Instant, parse_past};

/// A point in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// The oldest record.
    TrimHorizon,
    /// After the newest record.
    Latest,
    /// The first record that arrived at or after this time.
    Time(Instant),
    /// This record, or the next one if it is gone.
    Sequence(String),
}

pub(super) fn parse_start(text: &str) -> Result<Start, String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.to_ascii_lowercase().replace('_', "-").as_str() {
        "trim-horizon" | "earliest" => return Ok(Start::TrimHorizon),
        "latest" => return Ok(Start::Latest),
        _ => {}
    }
    if let Some(number) = text.strip_prefix("seq:") {
        let valid = digits(number);
        return valid
            .then(|| Start::Sequence(number.to_owned()))
            .ok_or_else(|| format!("not a sequence number number={number:?}"));
    }
    // Sequence numbers have 56 digits, times at most 13.
    if digits(text) && text.len() > 20 {
        return Ok(Start::Sequence(text.to_owned()));
    }
    parse_past(text, Instant::now()).map(Start::Time)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_starting_points() {
        assert_eq!(parse_start("trim-horizon"), Ok(Start::TrimHorizon));
        assert_eq!(parse_start("TRIM_HORIZON"), Ok(Start::TrimHorizon));
        assert_eq!(parse_start("latest"), Ok(Start::Latest));
        assert_eq!(
            parse_start("1459799926.480"),
            Ok(Start::Time(Instant { unix_ms: 1_459_799_926_480 }))
        );
        let number = "49590338271490256608559692538361571095921575989136588802";
        assert_eq!(parse_start(number), Ok(Start::Sequence(number.to_owned())));
        assert_eq!(parse_start("seq:7"), Ok(Start::Sequence("7".to_owned())));
        assert!(matches!(parse_start("15m"), Ok(Start::Time(_))));
        for text in ["", "seq:", "seq:x", "noon"] {
            assert!(parse_start(text).is_err(), "{text}");
        }
    }
}
