//! What is refused as an update, and how.

use super::support::*;
use crate::Update;

fn refusal(text: &str) -> String {
    let mut placeholders = placeholders(&[("#c", "c"), ("#d", "[3]")], &of_each_type());
    match Update::parse(text, &mut placeholders) {
        Ok(_) => panic!("{text} is taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_no_update_is_a_syntax_error() {
    let cases = [
        ("INVALID SYNTAX HERE", r#"token: "INVALID", near: "INVALID SYNTAX""#),
        ("whatever", r#"token: "whatever", near: "whatever""#),
        ("set a", r#"token: "<EOF>", near: "a""#),
        ("set a = :s,", r#"token: "<EOF>", near: ",""#),
        ("add a", r#"token: "<EOF>", near: "a""#),
        ("set a=set", r#"token: "set", near: "=set""#),
        ("remove a = b", r#"token: "=", near: "a = b""#),
        ("add a b", r#"token: "b", near: "a b""#),
        ("delete a if_not_exist(b)", r#"token: "if_not_exist", near: "a if_not_exist(""#),
        ("set :a = b", r#"token: ":a", near: "set :a =""#),
        ("set a = b / c", r#"token: "/", near: "b / c""#),
        ("set a = b * c", r#"token: "*", near: "b * c""#),
        ("set a[1] = 1", r#"token: "1", near: "= 1""#),
        ("SET a = if_not_exist(a, 100)", r#"token: "100", near: ", 100)""#),
        ("SET if_not_exist(a, b) = a", r#"token: "(", near: "if_not_exist(a""#),
        ("set (a = b)", r#"token: "(", near: "set (a""#),
        ("set a = (b.c).d + e", r#"token: ".", near: ").d""#),
        ("set a = b + c + d", r#"token: "+", near: "c + d""#),
        ("set a = (b + c) + d", r#"token: "+", near: ") + d""#),
        ("set a = :s remove", r#"token: "<EOF>", near: "remove""#),
        ("set a = :s remove a[-1]", r#"token: "-", near: "[-1""#),
    ];
    for (text, problem) in cases {
        assert_eq!(
            refusal(text),
            format!("Invalid UpdateExpression: Syntax error; {problem}"),
            "{text}"
        );
    }
}

#[test]
fn errors_have_dynamodbs_texts() {
    let overlap = |one: &str, two: &str| {
        format!(
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
        )
    };
    let conflict = |one: &str, two: &str| {
        format!(
            "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
        )
    };
    let section = |name: &str| {
        format!("The \"{name}\" section can only be used once in an update expression;")
    };
    let operand = |name: &str, found: &str| {
        format!(
            "Incorrect operand type for operator or function; operator or function: {name}, operand type: {found}"
        )
    };
    let of_section = |name: &str, found: &str| {
        format!(
            "Incorrect operand type for operator or function; operator: {name}, operand type: {found}, typeSet: ALLOWED_FOR_{name}_OPERAND"
        )
    };
    let reserved =
        |word: &str| format!("Attribute name is a reserved keyword; reserved keyword: {word}");
    let count = |name: &str, count: usize| {
        format!(
            "Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {count}"
        )
    };
    let path_needed = |name: &str| {
        format!("Operator or function requires a document path; operator or function: {name}")
    };
    let cases = [
        ("", "The expression can not be empty;".to_owned()),
        (" set #x = :x set abOrt = :s ", reserved("abOrt")),
        (" remove Absolute ", reserved("Absolute")),
        ("set a = abort", reserved("abort")),
        ("set #x = f(:x) set c = d", "Invalid function name; function: f".to_owned()),
        (
            "set a = size(b)",
            "The function is not allowed in an update expression; function: size".to_owned(),
        ),
        ("set a = #x set c = :x", section("SET")),
        ("remove #x set a = b remove e", section("REMOVE")),
        ("add #x :x set a = b add e :f", section("ADD")),
        ("delete #x :x set a = b delete e :f", section("DELETE")),
        (
            "set a = :x, #x = if_not_exists(:c)",
            "An expression attribute name used in the document path is not defined; attribute name: #x".to_owned(),
        ),
        (
            "set a = :x, a = if_not_exists(:c)",
            "An expression attribute value used in expression is not defined; attribute value: :x".to_owned(),
        ),
        ("set d[1] = a, d.b = a, c[1].a = a, #c = if_not_exists(a)", overlap("[c, [1], a]", "[c]")),
        ("set c.b.#c = a, c = a, #d = a", overlap("[c, b, c]", "[c]")),
        ("set a = b remove a, #c, #d", overlap("[a]", "[a]")),
        ("set #c[3].#d = a, #c[3] = a", overlap("[c, [3], [3]]", "[c, [3]]")),
        ("remove c, #c.a, #d", overlap("[c]", "[c, a]")),
        ("set #c[3].#d = a, #c.#d[3] = if_not_exists(a)", conflict("[c, [3], [3]]", "[c, [3], [3]]")),
        ("remove a.#c set a[1] = #d", conflict("[a, c]", "[a, [1]]")),
        ("set b = list_append(:s, a), c = if_not_exists(a) add a.b :s", of_section("ADD", "STRING")),
        ("delete a.b :s", of_section("DELETE", "STRING")),
        ("add a :null", of_section("ADD", "NULL")),
        ("delete a :t", of_section("DELETE", "BOOLEAN")),
        ("add a :b", of_section("ADD", "BINARY")),
        ("delete a :m", of_section("DELETE", "MAP")),
        ("add a :l", of_section("ADD", "LIST")),
        ("delete a :n", of_section("DELETE", "NUMBER")),
        ("set a = if_not_exists(c)", count("if_not_exists", 1)),
        ("set a = list_append(c, d, e)", count("list_append", 3)),
        ("set a = if_not_exists(:s, c)", path_needed("if_not_exists")),
        ("set a = if_not_exists(if_not_exists(a, b), c)", path_needed("if_not_exists")),
        ("set a = list_append(:s, a)", operand("list_append", "S")),
        ("set a = list_append(a, :ns)", operand("list_append", "NS")),
        ("set a = a + :s", operand("+", "S")),
        ("set a = :b + a", operand("+", "B")),
        ("set a = a - :l", operand("-", "L")),
        ("set a = a - :null", operand("-", "NULL")),
    ];
    for (text, problem) in cases {
        assert_eq!(refusal(text), format!("Invalid UpdateExpression: {problem}"), "{text}");
    }
}

#[test]
fn bounds_of_an_expression_are_kept() {
    assert_eq!(
        refusal(&format!("SET a = {}:s", " ".repeat(4090))),
        "Invalid UpdateExpression: Expression size has exceeded the maximum allowed size; expression size: 4100",
    );
    let deep = format!("SET a = {}:s{}", "if_not_exists(a,".repeat(40), ")".repeat(40));
    assert_eq!(
        refusal(&deep),
        "Invalid UpdateExpression: The expression has too many nested functions; nesting level: 33",
    );
}
