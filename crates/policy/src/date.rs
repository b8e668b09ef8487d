//! Times in policies: ISO 8601 as W3C profiles it, or epoch seconds.

const DAY_MS: i64 = 86_400_000;

/// A time as epoch milliseconds: `2026`, `2026-01`, `2026-01-31`, `2026-01-31T12:00Z`,
/// `2026-01-31T12:00:00.5+01:00`, or epoch seconds (any number that is not of four digits).
pub(crate) fn parse(text: &str) -> Option<i64> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
    if text.len() != 4 && is_number && text.rfind('-').is_none_or(|at| at == 0) {
        let secs: f64 = text.parse().ok()?;
        return (secs.abs() < 1e14).then_some((secs * 1000.0) as i64);
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next();
    let day = parts.next();
    if parts.next().is_some() || time.is_some() && day.is_none() {
        return None;
    }
    let month = month.map_or(Some(1), |text| digits(text, 2))?;
    let day = day.map_or(Some(1), |text| digits(text, 2))?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let time_ms = time.map_or(Some(0), time_of_day_ms)?;
    Some(days_from_civil(year, month, day) * DAY_MS + time_ms)
}

/// `12:00Z`, `12:00:00Z`, `12:00:00.5+01:00`, as milliseconds after midnight in UTC.
fn time_of_day_ms(text: &str) -> Option<i64> {
    let zone_at = text.find(['Z', '+', '-'])?;
    let (clock, zone) = text.split_at(zone_at);
    let offset_minutes = match zone.split_at(1) {
        ("Z", "") => 0,
        (sign, offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let minutes = digits(hours, 2)? * 60 + digits(minutes, 2)?;
            if sign == "-" { -minutes } else { minutes }
        }
    };
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let (second, fraction_ms) = match parts.next() {
        None => (0, 0),
        Some(text) => match text.split_once('.') {
            None => (digits(text, 2)?, 0),
            Some((second, fraction)) => (digits(second, 2)?, fraction_ms(fraction)?),
        },
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(((hour * 60 + minute - offset_minutes) * 60 + second) * 1000 + fraction_ms)
}

fn fraction_ms(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let padded: String = text.chars().chain("000".chars()).take(3).collect();
    if is_number { padded.parse().ok() } else { None }
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let fits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01, by years that begin in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// `2026-01-31T12:00:00Z`.
pub(crate) fn to_text(epoch_ms: u64) -> String {
    let secs = (epoch_ms / 1000).cast_signed();
    let shifted = secs / 86_400 + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (secs / 3600 % 24, secs / 60 % 60, secs % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_every_form() {
        let midnight = 1_767_225_600_000;
        for (text, ms) in [
            ("2026", midnight),
            ("2026-01", midnight),
            ("2026-01-01", midnight),
            ("2026-01-01T00:00Z", midnight),
            ("2026-01-01T00:00:00Z", midnight),
            ("2026-01-01T01:30:00+01:30", midnight),
            ("2025-12-31T23:00:00-01:00", midnight),
            ("2026-01-01T00:00:00.25Z", midnight + 250),
            ("1767225600", midnight),
            ("1767225600.5", midnight + 500),
            ("1969-12-31T23:59:59Z", -1000),
            ("-1", -1000),
            ("0", 0),
            ("2024-02-29", 1_709_164_800_000),
        ] {
            assert_eq!(parse(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "tomorrow",
            "2026-13",
            "2026-00",
            "2026-02-29",
            "2026-1-1",
            "2026-01-01T00:00:00",
            "2026-01-01T24:00Z",
            "2026-01-01T00Z",
            "2026-01T00:00Z",
            "2026-01-01T00:00:00.Z",
            "1e9",
            "2026-01-01T00:00:00Zx",
            "1.2.3",
            "9999999999999999999",
            "2026-01-01T00:00+1:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(secs in 0u64..250_000_000_000) {
            prop_assert_eq!(parse(&to_text(secs * 1000)), Some(secs.cast_signed() * 1000));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), short in "[0-9T:Z+.-]{0,24}") {
            let _ = (parse(&text), parse(&short));
        }
    }
}
