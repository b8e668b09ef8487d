//! Numbers of DynamoDB: decimal, exact, of up to 38 significant digits, with a magnitude of 10^-130
//! to 10^125.
//!
//! Invariant: `coefficient` has no zero at its end and fewer than 39 digits; zero is not negative and
//! has the exponent 0. So two numbers are equal exactly if their fields are.
//!
//! Bytes that sort ([`Number::write_sortable`]): one byte for the sign (1 negative, 2 zero,
//! 3 positive), one for the place of the first digit plus 130, then pairs of digits from the first,
//! each plus 1, then 0. Of a negative number all bytes after the first are inverted. Zero is its sign alone.

use std::cmp::Ordering;
use std::fmt;

/// How many significant digits a number has at most.
pub const DIGITS_MAX: u32 = 38;
/// The place of the first digit of the largest numbers: 9.99E+125.
pub const MAGNITUDE_MAX: i32 = 125;
/// The place of the first digit of the smallest numbers that are not zero: 1E-130.
pub const MAGNITUDE_MIN: i32 = -130;
/// The longest form of [`Number::write_sortable`], in bytes.
pub const SORTABLE_BYTES_MAX: usize = 22;

/// A decimal number: `coefficient` times ten to the power of `exponent`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    is_negative: bool,
    coefficient: u128,
    exponent: i16,
}

/// Why something is no number of DynamoDB's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text is empty.
    #[error("The parameter cannot be converted to a numeric value")]
    Empty,
    /// The text is no decimal number.
    #[error("The parameter cannot be converted to a numeric value: {0}")]
    Malformed(String),
    /// More than [`DIGITS_MAX`] digits.
    #[error("Attempting to store more than 38 significant digits in a Number")]
    TooPrecise,
    /// Above [`MAGNITUDE_MAX`].
    #[error(
        "Number overflow. Attempting to store a number with magnitude larger than supported range"
    )]
    Overflow,
    /// Below [`MAGNITUDE_MIN`].
    #[error(
        "Number underflow. Attempting to store a number with magnitude smaller than supported range"
    )]
    Underflow,
}

impl Number {
    /// Nothing.
    pub const ZERO: Number = Number { is_negative: false, coefficient: 0, exponent: 0 };

    /// Reads `-12.50`, `7.47E-4`, `.5` and the like. No space is allowed.
    pub fn parse(text: &str) -> Result<Number, NumberError> {
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        let parts = Parts::read(text).ok_or_else(|| NumberError::Malformed(text.to_owned()))?;
        parts.number()
    }

    /// The sum, exact. One that would need more than [`DIGITS_MAX`] digits is an overflow, as DynamoDB has it.
    pub fn plus(self, other: Number) -> Result<Number, NumberError> {
        if self.coefficient == 0 {
            return Ok(other);
        }
        if other.coefficient == 0 {
            return Ok(self);
        }
        let exponent = self.exponent.min(other.exponent);
        let (left, right) = (self.scaled_to(exponent)?, other.scaled_to(exponent)?);
        let (is_negative, coefficient) = if self.is_negative == other.is_negative {
            // Both are below 10^38 if nothing was scaled. If it was, the last digit of the sum is
            // not zero, and what does not fit has too many digits.
            (self.is_negative, left.checked_add(right).ok_or(NumberError::Overflow)?)
        } else if left >= right {
            (self.is_negative, left - right)
        } else {
            (other.is_negative, right - left)
        };
        Number::normal(is_negative, coefficient, i32::from(exponent)).map_err(|error| match error {
            NumberError::TooPrecise => NumberError::Overflow,
            other => other,
        })
    }

    /// The difference, exact.
    pub fn minus(self, other: Number) -> Result<Number, NumberError> {
        self.plus(other.negated())
    }

    /// How many bytes the number counts in the size of an item: one for two digits at places that
    /// belong together, one for what is before them, one if it is negative.
    pub fn size(&self) -> usize {
        if self.coefficient == 0 {
            return 1;
        }
        let first = self.magnitude().div_euclid(2);
        let last = i32::from(self.exponent).div_euclid(2);
        let pairs =
            usize::try_from(first - last + 1).expect("the first digit is not below the last");
        1 + pairs + usize::from(self.is_negative)
    }

    /// Appends bytes that sort as numbers do, and tell where they end.
    pub fn write_sortable(&self, out: &mut Vec<u8>) {
        let sign = match (self.coefficient, self.is_negative) {
            (0, _) => 2,
            (_, true) => 1,
            (_, false) => 3,
        };
        out.push(sign);
        if self.coefficient == 0 {
            return;
        }
        let start = out.len();
        out.push(
            u8::try_from(self.magnitude() - MAGNITUDE_MIN).expect("a magnitude has 256 values"),
        );
        let mut rest = self.coefficient_of_38_digits();
        let mut unit = 10_u128.pow(DIGITS_MAX - 2);
        while rest != 0 {
            let pair = u8::try_from(rest / unit).expect("the rest is below a hundred units");
            out.push(pair + 1);
            rest %= unit;
            unit /= 100;
        }
        out.push(0);
        if self.is_negative {
            for byte in &mut out[start..] {
                *byte = !*byte;
            }
        }
    }

    /// Reads what [`Number::write_sortable`] wrote at the start of `bytes`; also how many bytes that are.
    pub fn read_sortable(bytes: &[u8]) -> Option<(Number, usize)> {
        let (sign, bytes) = bytes.split_first()?;
        let invert = match sign {
            1 => 0xff,
            2 => return Some((Number::ZERO, 1)),
            3 => 0,
            _ => return None,
        };
        let (magnitude, digits) = bytes.split_first()?;
        let magnitude = i32::from(magnitude ^ invert) + MAGNITUDE_MIN;
        let mut coefficient = 0_u128;
        for (at, byte) in digits.iter().enumerate().take(SORTABLE_BYTES_MAX - 2) {
            let byte = byte ^ invert;
            if byte == 0 {
                let written = i32::try_from(2 * at).ok()?;
                let number =
                    Number::normal(invert != 0, coefficient, magnitude + 1 - written).ok()?;
                return (number.coefficient != 0 && number.magnitude() == magnitude)
                    .then_some((number, at + 3));
            }
            let pair = u128::from(byte - 1);
            if pair > 99 {
                return None;
            }
            coefficient = coefficient.checked_mul(100)? + pair;
        }
        None
    }

    /// The whole number, if it is one that fits.
    pub fn to_i64(self) -> Option<i64> {
        let power = 10_i128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        let size = i128::try_from(self.coefficient).ok()?.checked_mul(power)?;
        i64::try_from(if self.is_negative { -size } else { size }).ok()
    }

    fn negated(self) -> Number {
        Number { is_negative: !self.is_negative && self.coefficient != 0, ..self }
    }

    /// The place of the first digit: 0 for 7, 2 for 123, -1 for 0.5.
    fn magnitude(&self) -> i32 {
        i32::from(self.exponent) + self.coefficient.checked_ilog10().map_or(0, u32::cast_signed)
    }

    fn coefficient_of_38_digits(&self) -> u128 {
        let digits = self.coefficient.checked_ilog10().map_or(1, |log| log + 1);
        self.coefficient * 10_u128.pow(DIGITS_MAX - digits)
    }

    /// The coefficient for a lower exponent.
    fn scaled_to(self, exponent: i16) -> Result<u128, NumberError> {
        // What does not fit leaves more than 38 digits above the last digit of the other number,
        // which is not zero.
        u32::try_from(self.exponent - exponent)
            .ok()
            .and_then(|places| 10_u128.checked_pow(places))
            .and_then(|power| self.coefficient.checked_mul(power))
            .ok_or(NumberError::Overflow)
    }

    fn normal(is_negative: bool, coefficient: u128, exponent: i32) -> Result<Number, NumberError> {
        if coefficient == 0 {
            return Ok(Number::ZERO);
        }
        let (mut coefficient, mut exponent) = (coefficient, exponent);
        while coefficient.is_multiple_of(10) {
            coefficient /= 10;
            exponent += 1;
        }
        let digits = coefficient.ilog10() + 1;
        let magnitude = exponent.saturating_add(digits.cast_signed() - 1);
        if magnitude > MAGNITUDE_MAX {
            return Err(NumberError::Overflow);
        }
        if magnitude < MAGNITUDE_MIN {
            return Err(NumberError::Underflow);
        }
        if digits > DIGITS_MAX {
            return Err(NumberError::TooPrecise);
        }
        let exponent = i16::try_from(exponent).expect("a magnitude and 38 digits bound it");
        Ok(Number { is_negative, coefficient, exponent })
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        let by_size = |one: &Number, other: &Number| {
            one.magnitude()
                .cmp(&other.magnitude())
                .then_with(|| one.coefficient_of_38_digits().cmp(&other.coefficient_of_38_digits()))
        };
        let sign = |number: &Number| match (number.coefficient, number.is_negative) {
            (0, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        };
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            0 => Ordering::Equal,
            1 => by_size(self, other),
            _ => by_size(other, self),
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Number {
        Number::normal(number < 0, u128::from(number.unsigned_abs()), 0)
            .expect("19 digits are few enough")
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Number {
        Number::normal(false, u128::from(number), 0).expect("20 digits are few enough")
    }
}

/// As DynamoDB prints numbers: without an exponent, without zeros that say nothing.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_negative {
            f.write_str("-")?;
        }
        let digits = self.coefficient.to_string();
        let places = usize::from(self.exponent.unsigned_abs());
        if self.exponent >= 0 {
            return write!(f, "{digits}{:0<places$}", "");
        }
        match digits.len().checked_sub(places) {
            None | Some(0) => {
                let zeros = places - digits.len();
                write!(f, "0.{:0<zeros$}{digits}", "")
            }
            Some(whole) => write!(f, "{}.{}", &digits[..whole], &digits[whole..]),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({self})")
    }
}

/// A decimal number as it is written.
struct Parts<'a> {
    is_negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    /// What is written after `E`, within bounds that no number reaches with the digits before it.
    exponent: i32,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Option<Parts<'a>> {
        let (is_negative, text) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (mantissa, exponent) = match memchr::memchr2(b'e', b'E', text) {
            Some(at) => (&text[..at], read_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let (whole, fraction) = match memchr::memchr(b'.', mantissa) {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &[][..]),
        };
        let are_digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
        let is_number =
            !(whole.is_empty() && fraction.is_empty()) && are_digits(whole) && are_digits(fraction);
        is_number.then_some(Parts { is_negative, whole, fraction, exponent })
    }

    fn number(&self) -> Result<Number, NumberError> {
        let digits = || self.whole.iter().chain(self.fraction).map(|digit| digit - b'0');
        let Some(first) = digits().position(|digit| digit != 0) else {
            return Ok(Number::ZERO);
        };
        let count = self.whole.len() + self.fraction.len();
        let after_last = count - digits().rev().position(|digit| digit != 0).unwrap_or(0);
        let significant = after_last - first;
        let place = |at: usize| {
            let place = i64::from(self.exponent) + signed(self.whole.len()) - 1 - signed(at);
            i32::try_from(place.clamp(-1_000_000, 1_000_000)).expect("clamped")
        };
        let magnitude = place(first);
        if magnitude > MAGNITUDE_MAX {
            return Err(NumberError::Overflow);
        }
        if magnitude < MAGNITUDE_MIN {
            return Err(NumberError::Underflow);
        }
        if significant > DIGITS_MAX as usize {
            return Err(NumberError::TooPrecise);
        }
        let coefficient = digits()
            .skip(first)
            .take(significant)
            .fold(0_u128, |sum, digit| sum * 10 + u128::from(digit));
        Number::normal(self.is_negative, coefficient, place(after_last - 1))
    }
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).expect("no slice is longer")
}

/// The number after `E`. One that no memory has digits for is cut.
fn read_exponent(text: &[u8]) -> Option<i32> {
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits
        .iter()
        .fold(0_i32, |sum, digit| sum.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
    Some(if is_negative { -size } else { size })
}
