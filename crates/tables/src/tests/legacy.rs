//! Parameters from before there were expressions.

use super::support::*;
use crate::legacy::{
    AttributeAction, AttributeUpdate, Comparison, ComparisonOperator, ConditionalOperator,
    Expected, attribute_updates, attributes_to_get, expected, filter, key_conditions,
    refuse_mixture,
};
use crate::{AttributeType, AttributeValue, Item};
use std::collections::BTreeMap;

use ComparisonOperator as Op;

fn map<T: Clone>(parts: &[(&str, T)]) -> BTreeMap<String, T> {
    parts.iter().map(|(name, part)| ((*name).to_owned(), part.clone())).collect()
}

fn compared(operator: ComparisonOperator, values: &[AttributeValue]) -> Comparison {
    Comparison { operator, values: values.to_vec() }
}

fn lease() -> Item {
    item(&[
        ("leaseKey", s("shard-1")),
        ("leaseCounter", n("7")),
        ("leaseOwner", s("w-1")),
        ("parents", ss(&["a", "b"])),
        ("with.dot", s("x")),
    ])
}

#[test]
fn what_is_expected_of_a_lease_holds_as_in_the_java_kcl() {
    let absent = Expected { exists: Some(false), ..Expected::default() };
    let is = |value| Expected { value: Some(value), ..Expected::default() };
    let is_there =
        |value| Expected { value: Some(value), exists: Some(true), ..Expected::default() };
    let cases = [
        (vec![("checkpointOwner", absent.clone()), ("leaseCounter", is(n("7")))], true),
        (vec![("checkpointOwner", absent.clone()), ("leaseCounter", is(n("8")))], false),
        (vec![("leaseOwner", absent.clone())], false),
        (vec![("leaseKey", is_there(s("shard-1"))), ("leaseOwner", is(s("w-1")))], true),
        (vec![("leaseKey", is_there(s("shard-2")))], false),
        (vec![("with.dot", is(s("x")))], true),
    ];
    for (parts, holds) in cases {
        let condition = expected(Some(map(&parts)), None).unwrap().unwrap();
        assert_eq!(condition.holds(&lease()), Ok(holds), "{parts:?}");
    }
    let free = expected(Some(map(&[("leaseKey", absent)])), None).unwrap().unwrap();
    assert_eq!(free.holds(&Item::new()), Ok(true));
    assert_eq!(expected(None, None), Ok(None));
    assert_eq!(expected(Some(BTreeMap::new()), None), Ok(None));
}

#[test]
fn comparisons_hold_as_dynamodb_says() {
    let cases = [
        ("leaseCounter", Op::Eq, vec![n("7.0")], true),
        ("leaseCounter", Op::Ne, vec![n("7.0")], false),
        ("gone", Op::Ne, vec![n("7")], true),
        ("gone", Op::Eq, vec![n("7")], false),
        ("leaseCounter", Op::Lt, vec![n("8")], true),
        ("leaseCounter", Op::Le, vec![n("7")], true),
        ("leaseCounter", Op::Gt, vec![n("7")], false),
        ("leaseCounter", Op::Ge, vec![n("7")], true),
        ("leaseCounter", Op::Lt, vec![s("8")], false),
        ("leaseCounter", Op::Between, vec![n("6"), n("7")], true),
        ("leaseCounter", Op::In, vec![n("6"), n("7")], true),
        ("leaseCounter", Op::In, vec![n("6")], false),
        ("leaseOwner", Op::Null, vec![], false),
        ("gone", Op::Null, vec![], true),
        ("leaseOwner", Op::NotNull, vec![], true),
        ("gone", Op::NotNull, vec![], false),
        ("leaseOwner", Op::Contains, vec![s("-")], true),
        ("parents", Op::Contains, vec![s("a")], true),
        ("parents", Op::NotContains, vec![s("c")], true),
        ("parents", Op::NotContains, vec![s("a")], false),
        ("gone", Op::NotContains, vec![s("a")], false),
        ("leaseOwner", Op::BeginsWith, vec![s("w")], true),
        ("parents", Op::Eq, vec![ss(&["b", "a"])], true),
    ];
    for (attribute, operator, values, holds) in cases {
        let condition = filter(Some(map(&[(attribute, compared(operator, &values))])), None);
        let condition = condition.unwrap().unwrap();
        assert_eq!(condition.holds(&lease()), Ok(holds), "{attribute} {operator:?} {values:?}");
    }
}

#[test]
fn conditions_are_combined() {
    let parts = map(&[
        ("leaseCounter", compared(Op::Eq, &[n("7")])),
        ("leaseOwner", compared(Op::Eq, &[s("w-2")])),
        ("parents", compared(Op::NotNull, &[])),
    ]);
    for (operator, holds) in [
        (None, false),
        (Some(ConditionalOperator::And), false),
        (Some(ConditionalOperator::Or), true),
    ] {
        let condition = filter(Some(parts.clone()), operator).unwrap().unwrap();
        assert_eq!(condition.holds(&lease()), Ok(holds), "{operator:?}");
    }
}

#[test]
fn conditions_are_refused_with_dynamodbs_texts() {
    let prefix = "One or more parameter values were invalid: ";
    let value = Some(s("a"));
    let values = Some(vec![s("a")]);
    let cases = [
        (Expected::default(), "Value must be provided when Exists is null for Attribute: a"),
        (
            Expected { exists: Some(true), ..Expected::default() },
            "Value must be provided when Exists is true for Attribute: a",
        ),
        (
            Expected { exists: Some(false), value: value.clone(), ..Expected::default() },
            "Value cannot be used when Exists is false for Attribute: a",
        ),
        (
            Expected { exists: Some(true), comparison: Some(Op::Eq), ..Expected::default() },
            "Exists and ComparisonOperator cannot be used together for Attribute: a",
        ),
        (
            Expected { value, values: values.clone(), comparison: Some(Op::Eq), exists: None },
            "Value and AttributeValueList cannot be used together for Attribute: a",
        ),
        (
            Expected { values, ..Expected::default() },
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: a",
        ),
        (
            Expected { comparison: Some(Op::Null), value: Some(s("a")), ..Expected::default() },
            "Invalid number of argument(s) for the NULL ComparisonOperator",
        ),
    ];
    for (one, message) in cases {
        let refused = expected(Some(map(&[("a", one)])), None).unwrap_err().to_string();
        assert_eq!(refused, format!("{prefix}{message}"));
    }
    let cases = [
        (
            Op::Between,
            vec![n("1")],
            "Invalid number of argument(s) for the BETWEEN ComparisonOperator",
        ),
        (Op::In, vec![], "Invalid number of argument(s) for the IN ComparisonOperator"),
        (Op::In, vec![ss(&["a"])], "ComparisonOperator IN is not valid for SS AttributeValue type"),
        (
            Op::Contains,
            vec![l(&[])],
            "ComparisonOperator CONTAINS is not valid for L AttributeValue type",
        ),
        (Op::Lt, vec![l(&[])], "ComparisonOperator LT is not valid for L AttributeValue type"),
        (
            Op::BeginsWith,
            vec![n("1")],
            "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type",
        ),
        (
            Op::In,
            vec![n("1"), s("a")],
            "AttributeValues inside AttributeValueList must be of same type",
        ),
    ];
    for (operator, values, message) in cases {
        let refused = filter(Some(map(&[("a", compared(operator, &values))])), None);
        assert_eq!(refused.unwrap_err().to_string(), format!("{prefix}{message}"));
    }
    let refused = filter(Some(map(&[("a", compared(Op::Between, &[n("2"), n("1")]))])), None);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
    );
}

#[test]
fn an_operator_needs_two_conditions() {
    let and = Some(ConditionalOperator::And);
    let without = "ConditionalOperator cannot be used without Filter or Expected";
    assert_eq!(expected(None, and).unwrap_err().to_string(), without);
    assert_eq!(filter(Some(BTreeMap::new()), and).unwrap_err().to_string(), without);
    assert_eq!(
        filter(Some(map(&[("a", compared(Op::Null, &[]))])), and).unwrap_err().to_string(),
        "ConditionalOperator can only be used when Filter or Expected has two or more elements"
    );
}

#[test]
fn key_conditions_become_ranges() {
    let hash = ("h", AttributeType::S);
    let range = Some(("r", AttributeType::N));
    let parts =
        map(&[("h", compared(Op::Eq, &[s("x")])), ("r", compared(Op::Between, &[n("2"), n("4")]))]);
    let found = key_conditions(parts).unwrap().resolve(hash, range).unwrap();
    assert_eq!(*found.hash, s("x"));
    let range_condition = found.range.unwrap();
    assert!(range_condition.holds(&n("2")) && range_condition.holds(&n("4")));
    assert!(!range_condition.holds(&n("5")));
    let cases = [
        (vec![], "Conditions can be of length 1 or 2 only"),
        (
            vec![("h", compared(Op::Eq, &[]))],
            "One or more parameter values were invalid: Invalid number of argument(s) for the EQ ComparisonOperator",
        ),
        (
            vec![("h", compared(Op::Null, &[]))],
            "Attempted conditional constraint is not an indexable operation",
        ),
        (
            vec![("h", compared(Op::Contains, &[s("a")]))],
            "Attempted conditional constraint is not an indexable operation",
        ),
        (vec![("h", compared(Op::Le, &[s("a")]))], "Query key condition not supported"),
        (vec![("r", compared(Op::Eq, &[n("1")]))], "Query condition missed key schema element: h"),
    ];
    for (parts, message) in cases {
        let refused = key_conditions(map(&parts)).and_then(|one| one.resolve(hash, range));
        assert_eq!(refused.unwrap_err().to_string(), message, "{parts:?}");
    }
}

fn update(value: Option<AttributeValue>, action: AttributeAction) -> AttributeUpdate {
    AttributeUpdate { value, action }
}

#[test]
fn attribute_updates_do_as_the_java_kcl_asks() {
    use AttributeAction::{Add, Delete, Put};
    let updates = map(&[
        ("leaseCounter", update(Some(n("1")), Add)),
        ("leaseOwner", update(Some(s("w-2")), Put)),
        ("checkpointOwner", update(None, Delete)),
        ("switches", update(Some(n("1")), Add)),
        ("parents", update(Some(ss(&["a"])), Delete)),
        ("with.dot", update(None, Delete)),
        ("list", update(Some(l(&[n("1")])), Add)),
    ]);
    let updated = attribute_updates(updates).unwrap().apply(lease()).unwrap();
    let expected = item(&[
        ("leaseKey", s("shard-1")),
        ("leaseCounter", n("8")),
        ("leaseOwner", s("w-2")),
        ("switches", n("1")),
        ("parents", ss(&["b"])),
        ("list", l(&[n("1")])),
    ]);
    assert_eq!(updated.item, expected);
    let mut touched = updated.touched.of(&lease());
    touched.insert("leaseKey".to_owned(), s("shard-1"));
    assert_eq!(touched, lease());
    let again = map(&[("list", update(Some(l(&[n("2")])), Add))]);
    let updated = attribute_updates(again).unwrap().apply(updated.item).unwrap();
    assert_eq!(updated.item["list"], l(&[n("1"), n("2")]));
}

#[test]
fn attribute_updates_are_refused_with_dynamodbs_texts() {
    use AttributeAction::{Add, Delete, Put};
    let prefix = "One or more parameter values were invalid: ";
    let only = "Only DELETE action is allowed when no attribute value is specified";
    let cases = [
        (update(None, Put), only),
        (update(None, Add), only),
        (update(Some(s("a")), Delete), "DELETE action with value is not supported for the type S"),
        (update(Some(n("1")), Delete), "DELETE action with value is not supported for the type N"),
        (update(Some(s("a")), Add), "ADD action is not supported for the type S"),
        (update(Some(m(&[])), Add), "ADD action is not supported for the type M"),
    ];
    for (one, message) in cases {
        let refused = attribute_updates(map(&[("a", one)])).unwrap_err().to_string();
        assert_eq!(refused, format!("{prefix}{message}"));
    }
    for one in [
        update(Some(ns(&["1"])), Delete),
        update(Some(ns(&["1"])), Add),
        update(Some(n("1")), Add),
        update(Some(l(&[])), Add),
    ] {
        let refused = attribute_updates(map(&[("parents", one)])).unwrap().apply(lease());
        assert_eq!(refused.unwrap_err().to_string(), "Type mismatch for attribute to update");
    }
}

#[test]
fn attributes_to_get_are_names() {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let projection = attributes_to_get(names(&["with.dot", "gone", "leaseKey"])).unwrap();
    let expected = item(&[("leaseKey", s("shard-1")), ("with.dot", s("x"))]);
    assert_eq!(projection.of(&lease()), expected);
    assert_eq!(
        attributes_to_get(names(&["a", "b", "a"])).unwrap_err().to_string(),
        "One or more parameter values were invalid: Duplicate value in attribute name: a"
    );
}

#[test]
fn a_request_has_expressions_or_what_was_before_them() {
    assert_eq!(refuse_mixture(&["Expected"], &[]), Ok(()));
    assert_eq!(refuse_mixture(&[], &["ConditionExpression"]), Ok(()));
    assert_eq!(
        refuse_mixture(
            &["AttributeUpdates", "Expected"],
            &["UpdateExpression", "ConditionExpression"]
        )
        .unwrap_err()
        .to_string(),
        "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributeUpdates, Expected} Expression parameters: {UpdateExpression, ConditionExpression}"
    );
}
