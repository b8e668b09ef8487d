//! Decimal text to integers and milliseconds, exactly where the range allows it.

/// The integer part of a JSON number, saturating.
pub(crate) fn truncated(text: &[u8]) -> i64 {
    match Decimal::split(text) {
        Some(decimal) => decimal.signed(decimal.whole()),
        None => float(text) as i64,
    }
}

/// A JSON number of seconds in milliseconds, saturating: rounded to microseconds, then cut.
///
/// Rounded first, so that a client's float noise (`.6779999`) names the instant it meant. Cut then, so that a client's
/// present (`.657557`) is not a future one, and so that a record that arrived after it is not before it: arrival
/// times are cut to milliseconds too.
pub(crate) fn milliseconds(text: &[u8]) -> i64 {
    let Some(decimal) = Decimal::split(text) else {
        return ((float(text) * 1e6).round() / 1e3) as i64;
    };
    let digit = |place| decimal.fraction.get(place).map_or(0, |byte| i64::from(byte - b'0'));
    let microseconds =
        (0..6).fold(0, |sum, place| sum * 10 + digit(place)) + i64::from(digit(6) >= 5);
    decimal.signed(decimal.whole().saturating_mul(1000).saturating_add(microseconds / 1000))
}

/// `text` is a number by JSON's grammar, hence one by Rust's.
fn float(text: &[u8]) -> f64 {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

/// A number without exponent.
struct Decimal<'t> {
    negative: bool,
    digits: &'t [u8],
    fraction: &'t [u8],
}

impl<'t> Decimal<'t> {
    fn split(text: &'t [u8]) -> Option<Self> {
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let mut parts = unsigned.splitn(2, |&byte| byte == b'.');
        let digits = parts.next().unwrap_or_default();
        let fraction = parts.next().unwrap_or_default();
        let is_plain = digits.iter().chain(fraction).all(u8::is_ascii_digit);
        is_plain.then_some(Self { negative, digits, fraction })
    }

    fn whole(&self) -> i64 {
        self.digits
            .iter()
            .try_fold(0_i64, |sum, byte| sum.checked_mul(10)?.checked_add(i64::from(byte - b'0')))
            .unwrap_or(i64::MAX)
    }

    fn signed(&self, magnitude: i64) -> i64 {
        if !self.negative {
            return magnitude;
        }
        if magnitude == i64::MAX { i64::MIN } else { -magnitude }
    }
}

/// Appends `number` in decimal.
pub(crate) fn push_decimal(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn drops_fractions_and_saturates() {
        let cases = [
            ("0", 0),
            ("-0", 0),
            ("5.999", 5),
            ("-5.999", -5),
            ("1.5e3", 1500),
            ("15e-1", 1),
            ("9223372036854775807", i64::MAX),
            ("9223372036854775806.9", i64::MAX - 1),
            ("9223372036854775808", i64::MAX),
            ("-9223372036854775808", i64::MIN),
            ("-99999999999999999999", i64::MIN),
            ("1e400", i64::MAX),
            ("-1e400", i64::MIN),
        ];
        for (text, number) in cases {
            assert_eq!(truncated(text.as_bytes()), number, "{text}");
        }
    }

    #[test]
    fn seconds_become_milliseconds() {
        let cases = [
            ("1459799926.480", 1_459_799_926_480),
            ("1704164645.678", 1_704_164_645_678),
            ("1704164645.6779999", 1_704_164_645_678),
            ("1704164645.6784", 1_704_164_645_678),
            ("1704164645", 1_704_164_645_000),
            ("1795580299.657557", 1_795_580_299_657),
            ("0.9995", 999),
            ("0.9999995", 1_000),
            ("0.9999994", 999),
            ("-1.5", -1_500),
            ("1.704164645678e9", 1_704_164_645_678),
            ("1.7041646456789e9", 1_704_164_645_678),
            ("99999999999999999999", i64::MAX),
        ];
        for (text, milliseconds_expected) in cases {
            assert_eq!(milliseconds(text.as_bytes()), milliseconds_expected, "{text}");
        }
    }

    #[test]
    fn prints_every_size() {
        for number in [0, 7, -7, 10, i64::MAX, i64::MIN, 1_459_799_926_480] {
            let mut out = Vec::new();
            push_decimal(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
