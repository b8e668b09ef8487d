//! Which items a Query looks at.

use super::support::*;
use crate::{AttributeType, Invalid, KeyCondition, KeyRange};

const HASH: (&str, AttributeType) = ("h", AttributeType::S);
const RANGE: (&str, AttributeType) = ("r", AttributeType::N);

fn range_of(text: &str) -> Result<KeyRange, Invalid> {
    let values =
        [(":h", s("x")), (":two", n("2")), (":four", n("4")), (":s", s("s")), (":l", l(&[]))];
    let mut placeholders = placeholders(&[("#h", "h"), ("#r", "r")], &values);
    KeyCondition::parse(text, &mut placeholders)?.resolve(HASH, Some(RANGE))
}

#[test]
fn ranges_are_as_they_are_written() {
    let cases = [
        ("h = :h", "12345"),
        (":h = h", "12345"),
        ("h = :h AND r = :two", "2"),
        ("r < :two and h = :h", "1"),
        ("h = :h AND r <= :two", "12"),
        ("h = :h AND r > :two", "345"),
        ("h = :h AND r >= :two", "2345"),
        ("h = :h AND :two >= r", "12"),
        ("h = :h AND :two < r", "345"),
        ("h = :h AND r BETWEEN :two AND :four", "234"),
        ("(#h = :h) AND (#r = :two)", "2"),
        ("(#h = :h AND #r = :two)", "2"),
        ("((#h = :h)) AND ((#r = :two))", "2"),
    ];
    for (text, expected) in cases {
        let range = range_of(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(*range.hash, s("x"), "{text}");
        let holds = |digit: &&str| range.range.as_ref().is_none_or(|one| one.holds(&n(digit)));
        let found: Vec<&str> = ["1", "2", "3", "4", "5"].into_iter().filter(holds).collect();
        assert_eq!(found.concat(), expected, "{text}");
    }
}

#[test]
fn strings_are_found_by_how_they_begin() {
    let mut placeholders = placeholders(&[], &[(":h", s("x")), (":p", s("ab"))]);
    let condition =
        KeyCondition::parse("h = :h AND begins_with(r, :p)", &mut placeholders).unwrap();
    let range = condition.resolve(HASH, Some(("r", AttributeType::S))).unwrap().range.unwrap();
    assert!(range.holds(&s("abc")) && range.holds(&s("ab")));
    assert!(!range.holds(&s("b")) && !range.holds(&n("1")));
}

#[test]
fn errors_have_dynamodbs_texts() {
    let operator = |name: &str| format!("Invalid operator used in KeyConditionExpression: {name}");
    let first = |name: &str| {
        format!(
            "Invalid condition in KeyConditionExpression: {name} operator must have the key attribute as its first operand"
        )
    };
    let nested = "KeyConditionExpressions cannot contain nested operations";
    let two = "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition";
    let inside = "KeyConditionExpressions cannot have conditions on nested attributes";
    let none = "Invalid condition in KeyConditionExpression: No key attribute specified";
    let repeated = "KeyConditionExpressions must only contain one condition per key";
    let unsupported = "Query key condition not supported";
    let missing = |name: &str| format!("Query condition missed key schema element: {name}");
    let kind = "One or more parameter values were invalid: Condition parameter type does not match schema type";
    let cases = [
        ("", "Invalid KeyConditionExpression: The expression can not be empty;".to_owned()),
        (
            "h = ",
            r#"Invalid KeyConditionExpression: Syntax error; token: "<EOF>", near: "=""#.to_owned(),
        ),
        ("a > b and size(b) > c or a > c", operator("OR")),
        ("a in (b, size(c), d)", operator("IN")),
        ("attribute_exists(a)", operator("attribute_exists")),
        ("attribute_not_exists(a)", operator("attribute_not_exists")),
        ("contains(a.d, b)", operator("contains")),
        ("not a > b", operator("NOT")),
        ("a <> b", operator("<>")),
        (":s between size(b) and size(a) and b > :s", first("BETWEEN")),
        ("begins_with(:s, b) and a > :s", first("begins_with")),
        ("size(b) > a AND a.b > b AND b > c", nested.to_owned()),
        ("a > size(b.d)", nested.to_owned()),
        ("a between size(b) and size(a)", nested.to_owned()),
        ("b > a.b", two.to_owned()),
        ("b between c[1] and d", two.to_owned()),
        ("a between b and size(a)", two.to_owned()),
        ("begins_with(a, b)", two.to_owned()),
        ("b.d > a AND c.d > e.f", inside.to_owned()),
        ("b[0] > a", inside.to_owned()),
        (":two > :four AND a < :two", none.to_owned()),
        ("b > :two AND b < :four and c = :two", repeated.to_owned()),
        ("(a > :two and b > :two) and (b > :two and c > :two)", repeated.to_owned()),
        (
            "a between :four and :s",
            "Invalid KeyConditionExpression: The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:4}, upper bound operand: AttributeValue: {S:s}".to_owned(),
        ),
        (
            "a between :four and :two",
            "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:4}, upper bound operand: AttributeValue: {N:2}".to_owned(),
        ),
        ("r = :two", missing("h")),
        ("a = :s", missing("h")),
        ("h = :h AND a = :two", missing("r")),
        ("h > :h", unsupported.to_owned()),
        ("h = :h AND r = :two AND a = :s", unsupported.to_owned()),
        ("h = :two", kind.to_owned()),
        ("h = :h AND r = :s", kind.to_owned()),
        ("h = :l", kind.to_owned()),
    ];
    for (text, message) in cases {
        let refused = range_of(text).map(|_| ()).unwrap_err().to_string();
        assert_eq!(refused, message, "{text}");
    }
}

#[test]
fn a_table_without_range_takes_no_condition_on_one() {
    let mut placeholders = placeholders(&[], &[(":h", s("x"))]);
    let condition = KeyCondition::parse("h = :h AND r = :h", &mut placeholders).unwrap();
    let refused = condition.resolve(HASH, None).unwrap_err().to_string();
    assert_eq!(refused, "Query key condition not supported");
}
