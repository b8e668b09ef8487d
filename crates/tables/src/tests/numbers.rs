//! Numbers against a table, and against arithmetic on paper.

use crate::{Number, NumberError, SORTABLE_BYTES_MAX};
use proptest::prelude::*;
use std::cmp::Ordering;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn numbers_are_printed_in_their_shortest_plain_form() {
    let cases = [
        ("0", "0"),
        ("-0", "0"),
        ("0e999999999999", "0"),
        ("000.000", "0"),
        ("7.47E-4", "0.000747"),
        ("-12.50", "-12.5"),
        ("+5", "5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("0042.1200", "42.12"),
        ("1e3", "1000"),
        ("1.25e1", "12.5"),
        ("123e-2", "1.23"),
        ("123e-3", "0.123"),
        ("100", "100"),
        ("-1e+2", "-100"),
        ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ("0.00000000000000000000000000000000000000000000001e47", "1"),
        ("10000000000000000000000000000000000000000000000e-46", "1"),
    ];
    for (text, printed) in cases {
        assert_eq!(number(text).to_string(), printed, "{text}");
    }
    assert_eq!(number("1e125").to_string(), format!("1{}", "0".repeat(125)));
    assert_eq!(number("1e-130").to_string(), format!("0.{}1", "0".repeat(129)));
}

#[test]
fn what_is_no_number_is_refused_with_dynamodbs_texts() {
    let cases = [
        ("", "The parameter cannot be converted to a numeric value"),
        ("b", "The parameter cannot be converted to a numeric value: b"),
        (" 1", "The parameter cannot be converted to a numeric value:  1"),
        ("1 ", "The parameter cannot be converted to a numeric value: 1 "),
        (".", "The parameter cannot be converted to a numeric value: ."),
        ("-", "The parameter cannot be converted to a numeric value: -"),
        ("1e", "The parameter cannot be converted to a numeric value: 1e"),
        ("e1", "The parameter cannot be converted to a numeric value: e1"),
        ("1.2.3", "The parameter cannot be converted to a numeric value: 1.2.3"),
        ("1e1.5", "The parameter cannot be converted to a numeric value: 1e1.5"),
        ("--1", "The parameter cannot be converted to a numeric value: --1"),
        ("NaN", "The parameter cannot be converted to a numeric value: NaN"),
        ("١", "The parameter cannot be converted to a numeric value: ١"),
        (
            "123456789012345678901234567890123456789",
            "Attempting to store more than 38 significant digits in a Number",
        ),
        (
            "-1.23456789012345678901234567890123456789",
            "Attempting to store more than 38 significant digits in a Number",
        ),
        (
            "1e126",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        (
            "-1e99999999999999999999",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        // Magnitude is told before precision.
        (
            "123456789012345678901234567890123456789e100",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        (
            "1.23456789012345678901234567890123456789e-131",
            "Number underflow. Attempting to store a number with magnitude smaller than supported range",
        ),
        (
            "1e-131",
            "Number underflow. Attempting to store a number with magnitude smaller than supported range",
        ),
        (
            "0.1e-99999999999999999999",
            "Number underflow. Attempting to store a number with magnitude smaller than supported range",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(Number::parse(text).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn numbers_count_as_dynamodb_counts_them() {
    let cases = [
        ("0", 1),
        ("-0", 1),
        ("1", 2),
        ("12", 2),
        ("123", 3),
        ("1234", 3),
        ("12345678901234567890123456789012345678", 20),
        ("100", 2),
        ("1010", 3),
        ("0.0000001", 2),
        ("1E125", 2),
        ("1E-100", 2),
        ("1.5", 3),
        ("15", 2),
        ("1.200", 3),
        ("1.234", 4),
        ("3.14159", 5),
        ("123456", 4),
        ("100.5", 4),
        ("0.15", 2),
        ("-42", 3),
    ];
    for (text, size) in cases {
        assert_eq!(number(text).size(), size, "{text}");
    }
}

#[test]
fn sums_that_cannot_be_exact_are_refused() {
    let cases = [
        ("1e125", "1", Err(NumberError::Overflow)),
        ("1e38", "1", Err(NumberError::Overflow)),
        ("1e50", "-1", Err(NumberError::Overflow)),
        ("1e37", "1", Ok("10000000000000000000000000000000000001")),
        ("9.9e125", "1e124", Err(NumberError::Overflow)),
        ("-9e125", "-9e125", Err(NumberError::Overflow)),
        ("1.1e-130", "-1e-130", Err(NumberError::Underflow)),
        ("0.1", "0.2", Ok("0.3")),
        ("5e37", "5e37", Ok("100000000000000000000000000000000000000")),
        ("1e125", "0", Ok("1e125")),
        ("0", "-3", Ok("-3")),
    ];
    for (one, other, sum) in cases {
        assert_eq!(number(one).plus(number(other)), sum.map(number), "{one} + {other}");
    }
    assert_eq!(number("1").minus(number("1")), Ok(Number::ZERO));
    assert_eq!(number("0").minus(number("1.5")), Ok(number("-1.5")));
}

#[test]
fn whole_numbers_are_found() {
    let cases = [
        ("0", Some(0)),
        ("-120", Some(-120)),
        ("1.5", None),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("1e125", None),
    ];
    for (text, whole) in cases {
        assert_eq!(number(text).to_i64(), whole, "{text}");
    }
    assert_eq!(Number::from(i64::MIN), number("-9223372036854775808"));
    assert_eq!(Number::from(u64::MAX), number("18446744073709551615"));
}

/// A number on paper: a digit for every place from 10^-300 to 10^199.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Paper {
    is_negative: bool,
    /// The last place first.
    digits: Vec<u8>,
}

const LAST_PLACE: i32 = -300;

impl Paper {
    fn new(is_negative: bool, coefficient: &str, exponent: i32) -> Paper {
        let mut digits = vec![0; 500];
        for (digit, place) in coefficient.bytes().rev().zip(exponent..) {
            digits[usize::try_from(place - LAST_PLACE).unwrap()] = digit - b'0';
        }
        Paper { is_negative, digits }
    }

    fn is_zero(&self) -> bool {
        self.digits.iter().all(|digit| *digit == 0)
    }

    fn plus(&self, other: &Paper) -> Paper {
        let (larger, smaller) = match self.digits.iter().rev().cmp(other.digits.iter().rev()) {
            Ordering::Less => (other, self),
            _ => (self, other),
        };
        let is_sum = self.is_negative == other.is_negative;
        let mut carry = 0_i8;
        let digits = larger.digits.iter().zip(&smaller.digits).map(|(one, two)| {
            let (one, two) = (one.cast_signed(), two.cast_signed());
            let digit = if is_sum { one + two + carry } else { one - two + carry };
            carry = digit.div_euclid(10);
            digit.rem_euclid(10).cast_unsigned()
        });
        let digits = digits.collect();
        Paper { is_negative: larger.is_negative, digits }
    }

    fn compare(&self, other: &Paper) -> Ordering {
        let mut difference = other.clone();
        difference.is_negative = !difference.is_negative;
        let difference = self.plus(&difference);
        match (difference.is_zero(), difference.is_negative) {
            (true, _) => Ordering::Equal,
            (false, true) => Ordering::Less,
            (false, false) => Ordering::Greater,
        }
    }

    /// All digits between the first and the last that are not zero, and the place of the first.
    fn significant(&self) -> (String, i32) {
        let is_digit = |digit: &u8| *digit != 0;
        let first = self.digits.iter().rposition(is_digit).unwrap();
        let last = self.digits.iter().position(is_digit).unwrap();
        let digits = self.digits[last..=first].iter().rev();
        let place = i32::try_from(first).unwrap() + LAST_PLACE;
        (digits.map(|digit| char::from(b'0' + digit)).collect(), place)
    }

    /// What our number must be.
    fn number(&self) -> Result<Number, NumberError> {
        if self.is_zero() {
            return Ok(Number::ZERO);
        }
        let (digits, first) = self.significant();
        if digits.len() > 38 {
            return Err(NumberError::Overflow);
        }
        let exponent = first + 1 - i32::try_from(digits.len()).unwrap();
        let sign = if self.is_negative { "-" } else { "" };
        Number::parse(&format!("{sign}{digits}e{exponent}"))
    }
}

/// A number as a text, and on paper. Many are near to each other.
fn numbers() -> impl Strategy<Value = (Number, Paper)> {
    let coefficients = prop_oneof!["[0-9]{1,38}", "[1-9]", "9{1,38}", "10{0,37}", "0"];
    let exponents = prop_oneof![-3..3_i32, -45..45_i32, -140..126_i32, -131..-127_i32];
    (any::<bool>(), coefficients, exponents).prop_filter_map(
        "out of bounds",
        |(is_negative, coefficient, exponent)| {
            let sign = if is_negative { "-" } else { "" };
            let number = Number::parse(&format!("{sign}{coefficient}e{exponent}")).ok()?;
            Some((number, Paper::new(is_negative, &coefficient, exponent)))
        },
    )
}

fn sortable(number: Number) -> Vec<u8> {
    let mut bytes = Vec::new();
    number.write_sortable(&mut bytes);
    bytes
}

proptest! {
    #[test]
    fn sums_and_differences_are_as_on_paper((a, paper_a) in numbers(), (b, paper_b) in numbers()) {
        prop_assert_eq!(a.plus(b), paper_a.plus(&paper_b).number());
        let mut negated = paper_b.clone();
        negated.is_negative = !negated.is_negative;
        prop_assert_eq!(a.minus(b), paper_a.plus(&negated).number());
        prop_assert_eq!(b.plus(a), a.plus(b));
    }

    #[test]
    fn order_and_equality_are_as_on_paper((a, paper_a) in numbers(), (b, paper_b) in numbers()) {
        prop_assert_eq!(a.cmp(&b), paper_a.compare(&paper_b));
        prop_assert_eq!(a == b, a.cmp(&b) == Ordering::Equal);
    }

    #[test]
    fn what_is_printed_is_read_again((a, _) in numbers()) {
        let printed = a.to_string();
        prop_assert_eq!(Number::parse(&printed), Ok(a));
        prop_assert!(!printed.contains('e') && !printed.starts_with('.'));
    }

    #[test]
    fn sortable_bytes_sort_as_numbers((a, _) in numbers(), (b, _) in numbers()) {
        let (mut one, mut other) = (sortable(a), sortable(b));
        prop_assert!(one.len() <= SORTABLE_BYTES_MAX);
        prop_assert_eq!(one.cmp(&other), a.cmp(&b));
        // Whatever stands behind them.
        one.extend(b"\xff\xff");
        other.extend(b"\0");
        prop_assert!(a == b || one.cmp(&other) == a.cmp(&b));
        prop_assert_eq!(Number::read_sortable(&one), Some((a, one.len() - 2)));
    }

    #[test]
    fn only_what_was_written_is_read_as_sortable(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
        if let Some((number, length)) = Number::read_sortable(&bytes) {
            prop_assert_eq!(sortable(number), bytes[..length].to_vec());
        }
    }

    #[test]
    fn no_text_makes_reading_panic(text in "[-+.eE0-9x]{0,60}") {
        if let Ok(number) = Number::parse(&text) {
            prop_assert_eq!(Number::parse(&number.to_string()), Ok(number));
        }
    }
}
