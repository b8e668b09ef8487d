//! Which parts of an item are answered.

use super::support::*;
use crate::Projection;

#[test]
fn projections_take_what_they_name() {
    let full = item(&[
        ("a", m(&[("b", s("bb")), ("c", m(&[("d", n("1"))]))])),
        ("l", l(&[s("l0"), s("l1"), m(&[("x", s("y")), ("z", s("z"))])])),
        ("k", s("k")),
    ]);
    let cases = [
        ("k", item(&[("k", s("k"))])),
        ("k, gone", item(&[("k", s("k"))])),
        ("gone.a, k.b, a[0], l.x", item(&[])),
        ("a.b", item(&[("a", m(&[("b", s("bb"))]))])),
        ("a.c.d , a.b", full.iter().take(1).map(|(k, v)| (k.clone(), v.clone())).collect()),
        ("l[2].x, l[0]", item(&[("l", l(&[s("l0"), m(&[("x", s("y"))])]))])),
        ("l[1],#k", item(&[("k", s("k")), ("l", l(&[s("l1")]))])),
        ("l[9]", item(&[])),
    ];
    for (text, expected) in cases {
        let mut placeholders = placeholders(&[("#k", "k")], &[]);
        let projection = Projection::parse(text, &mut placeholders).unwrap();
        assert_eq!(projection.of(&full), expected, "{text}");
    }
}

#[test]
fn errors_have_dynamodbs_texts() {
    let overlap = |one: &str, two: &str| {
        format!(
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
        )
    };
    let cases = [
        ("", "The expression can not be empty;".to_owned()),
        ("!!", r#"Syntax error; token: "!", near: "!!""#.to_owned()),
        ("a,", r#"Syntax error; token: "<EOF>", near: ",""#.to_owned()),
        ("a b", r#"Syntax error; token: "b", near: "a b""#.to_owned()),
        ("a = b", r#"Syntax error; token: "=", near: "a = b""#.to_owned()),
        ("a, user-id", r#"Syntax error; token: "-", near: "user-id""#.to_owned()),
        (":a", r#"Syntax error; token: ":a", near: ":a""#.to_owned()),
        ("a, name", "Attribute name is a reserved keyword; reserved keyword: name".to_owned()),
        (
            "#no",
            "An expression attribute name used in the document path is not defined; attribute name: #no".to_owned(),
        ),
        ("a, a.b", overlap("[a]", "[a, b]")),
        ("#a, a", overlap("[a]", "[a]")),
        (
            "a.b, a[1]",
            "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [1]]".to_owned(),
        ),
    ];
    for (text, problem) in cases {
        let mut placeholders = placeholders(&[("#a", "a")], &[]);
        let refused = Projection::parse(text, &mut placeholders).unwrap_err().to_string();
        assert_eq!(refused, format!("Invalid ProjectionExpression: {problem}"), "{text}");
    }
}
