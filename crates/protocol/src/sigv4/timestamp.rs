//! Points in time as SigV4 and HTTP write them.
//!
//! Calendar arithmetic is the proleptic Gregorian calendar in eras of 400 years (146,097 days)
//! whose year starts in March, so that the leap day is the last day of its year.

use std::fmt;

const DAY_SECS: i64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;
const ERA_DAYS: i64 = 146_097;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A second in UTC, with its ISO 8601 basic form `YYYYMMDDTHHMMSSZ`, which is what gets signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    unix_secs: i64,
    text: [u8; 16],
}

impl Timestamp {
    /// The second `unix_secs` after 1970; years outside 0 to 9999 are clamped.
    pub fn from_unix(unix_secs: i64) -> Self {
        const FIRST: i64 = -62_167_219_200;
        const LAST: i64 = 253_402_300_799;
        let unix_secs = unix_secs.clamp(FIRST, LAST);
        let (year, month, day) = civil_from_days(unix_secs.div_euclid(DAY_SECS));
        let second = unix_secs.rem_euclid(DAY_SECS);
        let mut text = *b"00000000T000000Z";
        put_digits(&mut text[0..4], year);
        put_digits(&mut text[4..6], month);
        put_digits(&mut text[6..8], day);
        put_digits(&mut text[9..11], second / 3600);
        put_digits(&mut text[11..13], second / 60 % 60);
        put_digits(&mut text[13..15], second % 60);
        Self { unix_secs, text }
    }

    /// Reads exactly `YYYYMMDDTHHMMSSZ`.
    pub fn parse_basic(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        Self::from_fields([
            digits(&bytes[0..4])?,
            digits(&bytes[4..6])?,
            digits(&bytes[6..8])?,
            digits(&bytes[9..11])?,
            digits(&bytes[11..13])?,
            digits(&bytes[13..15])?,
        ])
    }

    /// Reads the fixed form of HTTP's `Date` header, `Sun, 06 Nov 1994 08:49:37 GMT`. The name of
    /// the day is not checked.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let (_, text) = text.split_once(", ")?;
        let bytes = text.as_bytes();
        let separated = bytes.len() == 24
            && [(2, b' '), (6, b' '), (11, b' '), (14, b':'), (17, b':')]
                .iter()
                .all(|&(at, separator)| bytes[at] == separator)
            && bytes.ends_with(b" GMT");
        if !separated {
            return None;
        }
        let month = MONTHS.iter().position(|name| name.as_bytes() == &bytes[3..6])? as i64 + 1;
        Self::from_fields([
            digits(&bytes[7..11])?,
            month,
            digits(&bytes[0..2])?,
            digits(&bytes[12..14])?,
            digits(&bytes[15..17])?,
            digits(&bytes[18..20])?,
        ])
    }

    fn from_fields([year, month, day, hour, minute, second]: [i64; 6]) -> Option<Self> {
        unix_from_civil(year, month, day, hour, minute, second).map(Self::from_unix)
    }

    /// `YYYYMMDDTHHMMSSZ`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).expect("digits are ASCII")
    }

    /// `YYYYMMDD`.
    pub fn date(&self) -> &str {
        &self.as_str()[..8]
    }

    /// This many seconds earlier.
    pub(super) fn minus(&self, secs: i64) -> Self {
        Self::from_unix(self.unix_secs.saturating_sub(secs))
    }

    /// Seconds since 1970.
    pub fn unix_secs(&self) -> i64 {
        self.unix_secs
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Seconds from 1970 to a UTC date and time of day, or nothing if there is no such second. Leap
/// seconds do not exist here, as in Unix time.
pub fn unix_from_civil(
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
) -> Option<i64> {
    let in_range = (0..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    if !in_range {
        return None;
    }
    let days = days_from_civil(year, month, day);
    // 30 February and the like come back as another date.
    if civil_from_days(days) != (year, month, day) {
        return None;
    }
    Some(days * DAY_SECS + hour * 3600 + minute * 60 + second)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let march_year = if month <= 2 { year - 1 } else { year };
    let era = march_year.div_euclid(400);
    let year_of_era = march_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * ERA_DAYS + day_of_era - EPOCH_DAYS
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + EPOCH_DAYS;
    let era = shifted.div_euclid(ERA_DAYS);
    let day_of_era = shifted.rem_euclid(ERA_DAYS);
    let leaps = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn put_digits(out: &mut [u8], mut value: i64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_and_reads_known_seconds() {
        for (secs, text) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_440_938_160, "20150830T123600Z"),
            (253_402_300_799, "99991231T235959Z"),
            (-62_167_219_200, "00000101T000000Z"),
        ] {
            assert_eq!(Timestamp::from_unix(secs).as_str(), text);
            assert_eq!(Timestamp::parse_basic(text).map(|t| t.unix_secs()), Some(secs));
        }
        assert_eq!(Timestamp::from_unix(i64::MAX).as_str(), "99991231T235959Z");
    }

    #[test]
    fn reads_http_dates() {
        let read = |text| Timestamp::parse_http_date(text).map(|t| t.to_string());
        assert_eq!(read("Mon, 09 Sep 2011 23:36:00 GMT").as_deref(), Some("20110909T233600Z"));
        for bad in [
            "",
            "Mon, 09 Sep 2011 23:36:00 UTC",
            "Mon, 09 Sep 2011 23-36-00 GMT",
            "Mon, 31 Feb 2011 23:36:00 GMT",
            "Mon, 09 Foo 2011 23:36:00 GMT",
            "Monday, 09-Sep-11 23:36:00 GMT",
            "Mon, 0\u{e9} Sep 2011 23:36:00 GMT",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn rejects_what_is_no_basic_timestamp() {
        for bad in [
            "",
            "20150830",
            "2015-08-30T12:36:00Z",
            "20150830T123600",
            "20150830T123600z",
            "20150230T123600Z",
            "20151330T123600Z",
            "20150830T243600Z",
            "20150830T126000Z",
            "20150830T123660Z",
            "+0150830T123600Z",
            "2015083\u{e9}123600Z",
        ] {
            assert_eq!(Timestamp::parse_basic(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_second_comes_back(secs in -62_167_219_200_i64..=253_402_300_799) {
            let written = Timestamp::from_unix(secs);
            prop_assert_eq!(Timestamp::parse_basic(written.as_str()), Some(written));
            prop_assert_eq!(written.unix_secs(), secs);
        }
    }
}
