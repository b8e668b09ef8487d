//! What a person types for sizes, spans and times.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::primitives::{DateTime, DateTimeFormat};
use serde::{Deserialize, Deserializer};

/// A number of bytes, written `1536`, `64KiB`, `256MiB`, `1GiB`; `KB`, `MB`, `GB` are decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, suffix) = text.split_at(digits_end);
        let number: u64 =
            digits.parse().map_err(|_| format!("not a size such as 64MiB size={text:?}"))?;
        let unit: u64 = match suffix.trim() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            other => return Err(format!("unknown unit, use KiB, MiB or GiB unit={other:?}")),
        };
        number.checked_mul(unit).map(ByteSize).ok_or_else(|| format!("size too large size={text}"))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(bytes) => Ok(ByteSize(bytes)),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// A span of time: `500ms`, `30s`, `15m`, `2h`, `7d`; a bare number is seconds.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let malformed = || format!("not a span such as 500ms, 30s, 15m, 2h or 7d span={text:?}");
    let digits_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, suffix) = text.split_at(digits_end);
    let number: f64 = digits.parse().map_err(|_| malformed())?;
    let seconds = match suffix {
        "ms" => number / 1_000.0,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3_600.0,
        "d" => number * 86_400.0,
        _ => return Err(malformed()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| malformed())
}

/// A point in time with millisecond precision, as Kinesis has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant {
    /// Milliseconds since 1970 in UTC.
    pub(crate) unix_ms: i64,
}

impl Instant {
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Instant { unix_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX) }
    }

    pub(crate) fn to_date_time(self) -> DateTime {
        DateTime::from_millis(self.unix_ms)
    }

    fn minus(self, span: Duration) -> Self {
        let span_ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Instant { unix_ms: self.unix_ms.saturating_sub(span_ms) }
    }

    fn plus(self, span: Duration) -> Self {
        let span_ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Instant { unix_ms: self.unix_ms.saturating_add(span_ms) }
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc3339(&self.to_date_time()))
    }
}

/// RFC 3339 text of a service timestamp. Rounded to milliseconds, which is what the service has:
/// its JSON number passed through a binary fraction, and `.48` would be shown as `.479999`.
pub(crate) fn rfc3339(time: &DateTime) -> String {
    const NANOS_PER_MS: i128 = 1_000_000;
    let rounded_ms = (time.as_nanos() + NANOS_PER_MS / 2).div_euclid(NANOS_PER_MS);
    let rounded = i64::try_from(rounded_ms).map_or(*time, DateTime::from_millis);
    rounded.fmt(DateTimeFormat::DateTime).unwrap_or_else(|_| time.secs().to_string())
}

/// An absolute time: RFC 3339, a UTC date, unix seconds (fractions allowed) or 13-digit unix
/// milliseconds. `None` if the text is none of these.
fn parse_absolute(text: &str) -> Option<Instant> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits == text.len() && digits == 13 {
        return text.parse().ok().map(|unix_ms| Instant { unix_ms });
    }
    if digits > 0 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let seconds: f64 = text.parse().ok()?;
        let fits = seconds < 1e11;
        return fits.then(|| Instant { unix_ms: (seconds * 1_000.0).round() as i64 });
    }
    let is_date = text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    let full = if is_date { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let time = DateTime::from_str(&full, DateTimeFormat::DateTimeWithOffset).ok()?;
    time.to_millis().ok().map(|unix_ms| Instant { unix_ms })
}

/// A time in the past: absolute, or a span before `now` such as `15m`.
pub(crate) fn parse_past(text: &str, now: Instant) -> Result<Instant, String> {
    if let Some(instant) = parse_absolute(text) {
        return Ok(instant);
    }
    parse_span(text).map(|span| now.minus(span)).map_err(|_| {
        format!("not a time: use RFC 3339, unix seconds, or a span such as 15m time={text:?}")
    })
}

/// A time in the future: absolute, or a span from now such as `12h`.
pub(crate) fn parse_future(text: &str) -> Result<Instant, String> {
    if let Some(instant) = parse_absolute(text) {
        return Ok(instant);
    }
    parse_span(text).map(|span| Instant::now().plus(span)).map_err(|_| {
        format!("not a time: use RFC 3339, unix seconds, or a span such as 12h time={text:?}")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("1536", 1536),
            ("64KiB", 65_536),
            ("256 MiB", 256 << 20),
            ("1GiB", 1 << 30),
            ("5MB", 5_000_000),
        ] {
            assert_eq!(text.parse::<ByteSize>(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "MiB", "1XiB", "-1", "1.5MiB", "99999999999GiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn reads_spans() {
        assert_eq!(parse_span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_span("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_span("10"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_span("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(parse_span("2h"), Ok(Duration::from_secs(7_200)));
        assert_eq!(parse_span("7d"), Ok(Duration::from_secs(604_800)));
        for text in ["", "m", "5x", "-5s", "1.2.3s"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_times() {
        let now = Instant { unix_ms: 1_700_000_000_000 };
        for (text, unix_ms) in [
            ("1459799926.480", 1_459_799_926_480),
            ("1459799926", 1_459_799_926_000),
            ("1459799926480", 1_459_799_926_480),
            ("2016-04-04T19:58:46.480Z", 1_459_799_926_480),
            ("2016-04-04T21:58:46.480+02:00", 1_459_799_926_480),
            ("2016-04-04", 1_459_728_000_000),
            ("15m", 1_700_000_000_000 - 900_000),
            ("250ms", 1_699_999_999_750),
        ] {
            assert_eq!(parse_past(text, now), Ok(Instant { unix_ms }), "{text}");
        }
        for text in ["", "yesterday", "2016-13-04", "12:00"] {
            assert!(parse_past(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn prints_times_as_they_are_read() {
        let instant = Instant { unix_ms: 1_459_799_926_480 };
        assert_eq!(instant.to_string(), "2016-04-04T19:58:46.48Z");
        assert_eq!(parse_past(&instant.to_string(), instant), Ok(instant));
        let inexact = DateTime::from_nanos(1_459_799_926_479_999_900).unwrap();
        assert_eq!(rfc3339(&inexact), instant.to_string());
    }
}
