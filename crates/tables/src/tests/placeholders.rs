//! Names and values of a request, and which of them are used.

use super::support::*;
use crate::{
    AttributeValue, Condition, ExpressionKind, PlaceholderProblem, Placeholders, Projection,
    Update, ValueError,
};
use std::collections::BTreeMap;

fn names(names: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
    Some(names.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect())
}

#[test]
fn what_is_no_placeholder_is_refused() {
    let cases = [
        (names(&[]), None, "ExpressionAttributeNames must not be empty"),
        (None, Some(item(&[])), "ExpressionAttributeValues must not be empty"),
        (
            names(&[("a", "a")]),
            None,
            "ExpressionAttributeNames contains invalid key: Syntax error; key: \"a\"",
        ),
        (
            names(&[("#", "a")]),
            None,
            "ExpressionAttributeNames contains invalid key: Syntax error; key: \"#\"",
        ),
        (
            names(&[("#a-b", "a")]),
            None,
            "ExpressionAttributeNames contains invalid key: Syntax error; key: \"#a-b\"",
        ),
        (
            None,
            Some(item(&[("b", s("a"))])),
            "ExpressionAttributeValues contains invalid key: Syntax error; key: \"b\"",
        ),
    ];
    for (names, values, message) in cases {
        assert_eq!(Placeholders::new(names, values).unwrap_err().to_string(), message);
    }
}

#[test]
fn what_no_expression_uses_is_refused() {
    let all = [ExpressionKind::Update, ExpressionKind::Condition];
    let mut placeholders =
        placeholders(&[("#a", "a"), ("#b", "b"), ("#c", "c")], &[(":a", s("a")), (":b", s("b"))]);
    Update::parse("SET #a = :a", &mut placeholders).unwrap();
    let refused = placeholders.finish(&all).unwrap_err().to_string();
    assert_eq!(
        refused,
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b, #c}"
    );
}

#[test]
fn what_all_expressions_of_a_request_use_counts() {
    let all = [ExpressionKind::Update, ExpressionKind::Condition];
    let values = [(":a", s("a")), (":b", s("b"))];
    let mut both = placeholders(&[("#a", "a"), ("#b", "b")], &values);
    Update::parse("SET #a = :a", &mut both).unwrap();
    Condition::parse("#b = :b AND #a = :a", &mut both).unwrap();
    assert_eq!(both.finish(&all), Ok(()));
    let mut one = placeholders(&[], &values);
    Update::parse("SET a = :a", &mut one).unwrap();
    let refused = one.finish(&all).unwrap_err().to_string();
    assert_eq!(
        refused,
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}"
    );
}

#[test]
fn placeholders_need_an_expression() {
    let refused = placeholders(&[("#a", "a")], &[]).finish(&[]).unwrap_err().to_string();
    assert_eq!(refused, "ExpressionAttributeNames can only be specified when using expressions");
    let values = || placeholders(&[], &[(":a", s("a"))]);
    let refused = |placeholders: Placeholders, possible: &[ExpressionKind]| {
        placeholders.finish(possible).unwrap_err().to_string()
    };
    assert_eq!(
        refused(values(), &[ExpressionKind::Condition]),
        "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"
    );
    // A projection takes no values.
    let mut projected = values();
    Projection::parse("a", &mut projected).unwrap();
    assert_eq!(
        refused(projected, &[ExpressionKind::Filter, ExpressionKind::KeyCondition]),
        "ExpressionAttributeValues can only be specified when using expressions: FilterExpression and KeyConditionExpression are null"
    );
    assert_eq!(placeholders(&[], &[]).finish(&[]), Ok(()));
}

#[test]
fn what_is_no_value_is_refused_with_its_placeholder() {
    let of = |problem: ValueError| {
        PlaceholderProblem::Value { key: ":b".to_owned(), problem }.to_string()
    };
    let cases = [
        (
            of(ValueError::NoType),
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
        (
            of(ValueError::ManyTypes),
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
        ),
        (
            of(ValueError::NullNotTrue),
            "One or more parameter values were invalid: Null attribute value types must have the value of true",
        ),
        (
            of(AttributeValue::number("b").unwrap_err()),
            "The parameter cannot be converted to a numeric value: b",
        ),
    ];
    for (text, problem) in cases {
        let expected =
            format!("ExpressionAttributeValues contains invalid value: {problem} for key :b");
        assert_eq!(text, expected);
    }
}
