//! Values: equality, sizes, what is none.

use super::support::*;
use crate::{AttributeType, AttributeValue, Set, check_nesting, item_size};
use bytes::Bytes;

#[test]
fn values_are_equal_by_what_they_mean() {
    assert_eq!(n("1.0"), n("1"));
    assert_eq!(ss(&["a", "b"]), ss(&["b", "a"]));
    assert_eq!(ns(&["1", "2"]), ns(&["2.0", "1e0"]));
    assert_ne!(l(&[s("a"), s("b")]), l(&[s("b"), s("a")]));
    assert_ne!(s("1"), n("1"));
}

#[test]
fn values_count_as_dynamodb_counts_them() {
    let cases = [
        (s("grün"), 5),
        (b(b"abc"), 3),
        (n("-42"), 3),
        (AttributeValue::Bool(true), 1),
        (AttributeValue::Null, 1),
        (ss(&["ab", "c"]), 3),
        (ns(&["1", "100.5"]), 6),
        (bs(&[b"ab", b"c"]), 3),
        (l(&[]), 3),
        (l(&[s("ab"), n("1")]), 3 + 2 + 2 + 2),
        (m(&[]), 3),
        (m(&[("ab", s("c"))]), 3 + 1 + 3),
    ];
    for (value, size) in cases {
        assert_eq!(value.size(), size, "{value:?}");
    }
    assert_eq!(item_size(&item(&[("key", s("a")), ("n", n("7"))])), 4 + 3);
}

#[test]
fn what_is_no_set_is_refused_with_dynamodbs_texts() {
    let strings = |members: &[&str]| {
        AttributeValue::string_set(members.iter().map(ToString::to_string).collect())
    };
    let binaries = |members: &[&'static str]| {
        AttributeValue::binary_set(members.iter().map(|one| Bytes::from(*one)).collect())
    };
    let numbers = |members: &[&str]| AttributeValue::number_set(members);
    let prefix = "One or more parameter values were invalid: ";
    let cases = [
        (strings(&[]), format!("{prefix}An string set  may not be empty")),
        (numbers(&[]), format!("{prefix}An number set  may not be empty")),
        (binaries(&[]), format!("{prefix}Binary sets should not be empty")),
        (
            strings(&["a", ""]),
            format!("{prefix}An string set may not have a empty string as a member"),
        ),
        (binaries(&["a", ""]), format!("{prefix}Binary sets may not contain null or empty values")),
        (strings(&["a", "a"]), format!("{prefix}Input collection [a, a] contains duplicates.")),
        (
            binaries(&["b", "b"]),
            format!("{prefix}Input collection [Yg==, Yg==]of type BS contains duplicates."),
        ),
        (numbers(&["1", "1.0"]), "Input collection contains duplicates".to_owned()),
        (
            numbers(&["1", "x"]),
            "The parameter cannot be converted to a numeric value: x".to_owned(),
        ),
    ];
    for (result, message) in cases {
        assert_eq!(result.unwrap_err().to_string(), message);
    }
}

#[test]
fn sets_are_united_and_lessened() {
    let set = |members: &[&'static str]| Set::new(members.to_vec()).unwrap();
    assert_eq!(set(&["a", "c"]).union(&set(&["b", "c"])), set(&["a", "b", "c"]));
    assert_eq!(set(&["a", "c"]).without(&set(&["c", "d"])), Some(set(&["a"])));
    assert_eq!(set(&["a", "c"]).without(&set(&["c", "a"])), None);
    assert_eq!(set(&["b", "a"]).into_iter().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn attributes_nest_up_to_thirty_two_levels() {
    let nested = |levels: usize| (0..levels).fold(s("x"), |value, _| l(&[value]));
    assert!(check_nesting(&item(&[("a", nested(32))])).is_ok());
    let refused = check_nesting(&item(&[("a", nested(33))])).unwrap_err();
    assert!(refused.to_string().starts_with("Nesting Levels have exceeded supported limits"));
}

#[test]
fn types_have_names() {
    for (_, value) in of_each_type() {
        let kind = value.type_of();
        assert_eq!(AttributeType::from_name(kind.name()), Some(kind));
    }
    assert_eq!(AttributeType::from_name("s"), None);
    assert_eq!(AttributeType::Bool.to_string(), "BOOL");
}
