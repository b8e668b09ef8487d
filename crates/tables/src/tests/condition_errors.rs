//! What is refused as a condition, and how.

use super::support::*;
use crate::{Condition, Placeholders};

fn refusal(text: &str, placeholders: &mut Placeholders) -> String {
    match Condition::parse(text, placeholders) {
        Ok(_) => panic!("{text} is taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn errors_have_dynamodbs_texts() {
    let operand = |name: &str, found: &str| {
        format!(
            "Incorrect operand type for operator or function; operator or function: {name}, operand type: {found}"
        )
    };
    let count = |name: &str, count: usize| {
        format!(
            "Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {count}"
        )
    };
    let misused = |name: &str| {
        format!(
            "The function is not allowed to be used this way in an expression; function: {name}"
        )
    };
    let distinct = |operator: &str, path: &str| {
        format!(
            "The first operand must be distinct from the remaining operands for this operator or function; operator: {operator}, first operand: {path}"
        )
    };
    let cases = [
        ("", "The expression can not be empty;".to_owned()),
        ("   ", "The expression can not be empty;".to_owned()),
        ("a", r#"Syntax error; token: "<EOF>", near: "a""#.to_owned()),
        ("a = ", r#"Syntax error; token: "<EOF>", near: "=""#.to_owned()),
        ("a = = :s", r#"Syntax error; token: "=", near: "= = :s""#.to_owned()),
        ("a = :s AND", r#"Syntax error; token: "<EOF>", near: "AND""#.to_owned()),
        ("a = :s b", r#"Syntax error; token: "b", near: ":s b""#.to_owned()),
        ("a-b = :s", r#"Syntax error; token: "-", near: "a-b""#.to_owned()),
        ("_a = :s", r#"Syntax error; token: "_", near: "_a""#.to_owned()),
        ("a = \"x\"", r#"Syntax error; token: """, near: "= "x""#.to_owned()),
        ("a = :", r#"Syntax error; token: ":", near: "= :""#.to_owned()),
        ("a[b] = :s", r#"Syntax error; token: "b", near: "[b]""#.to_owned()),
        ("(a = :s", r#"Syntax error; token: "<EOF>", near: ":s""#.to_owned()),
        ("a = :s)", r#"Syntax error; token: ")", near: ":s)""#.to_owned()),
        ("and = :s", r#"Syntax error; token: "and", near: "and =""#.to_owned()),
        ("a BETWEEN :s", r#"Syntax error; token: "<EOF>", near: ":s""#.to_owned()),
        ("a IN :s", r#"Syntax error; token: ":s", near: "IN :s""#.to_owned()),
        ("a IN ()", r#"Syntax error; token: ")", near: "()""#.to_owned()),
        ("attribute_exists()", r#"Syntax error; token: ")", near: "()""#.to_owned()),
        ("a = 1", r#"Syntax error; token: "1", near: "= 1""#.to_owned()),
        ("ä = :s", r#"Syntax error; token: "ä", near: "ä =""#.to_owned()),
        ("((a = :s))", "The expression has redundant parentheses;".to_owned()),
        ("((a)) = :s", "The expression has redundant parentheses;".to_owned()),
        ("((attribute_exists(a)))", "The expression has redundant parentheses;".to_owned()),
        ("b = :s AND ((a = :s AND b = :s))", "The expression has redundant parentheses;".to_owned()),
        ("exists(a)", "Invalid function name; function: exists".to_owned()),
        ("Attribute_exists(a)", "Invalid function name; function: Attribute_exists".to_owned()),
        (
            "a = if_not_exists(b)",
            "The function is not allowed in a condition expression; function: if_not_exists".to_owned(),
        ),
        ("size(a)", misused("size")),
        ("a = :s AND size(a)", misused("size")),
        ("a = attribute_exists(b)", misused("attribute_exists")),
        ("contains(a, begins_with(b, c))", misused("begins_with")),
        ("name = :s", "Attribute name is a reserved keyword; reserved keyword: name".to_owned()),
        ("a.Status = :s", "Attribute name is a reserved keyword; reserved keyword: Status".to_owned()),
        // Reserved words are told before what is not defined.
        ("#no = :no AND name = :s", "Attribute name is a reserved keyword; reserved keyword: name".to_owned()),
        (
            "#no = :s",
            "An expression attribute name used in the document path is not defined; attribute name: #no".to_owned(),
        ),
        (
            "a = :no",
            "An expression attribute value used in expression is not defined; attribute value: :no".to_owned(),
        ),
        ("attribute_exists(a, b)", count("attribute_exists", 2)),
        ("begins_with(a)", count("begins_with", 1)),
        ("size(a, b) = :n", count("size", 2)),
        ("attribute_type(a, :s, :s)", count("attribute_type", 3)),
        ("a = a", distinct("=", "[a]")),
        ("a.b[1] <> a.b[1]", distinct("<>", "[a, b, [1]]")),
        ("contains(a, #a)", distinct("contains", "[a]")),
        (
            "attribute_exists(:s)",
            "Operator or function requires a document path; operator or function: attribute_exists".to_owned(),
        ),
        ("begins_with(a, :n)", operand("begins_with", "N")),
        ("begins_with(:l, a)", operand("begins_with", "L")),
        ("begins_with(a, size(b))", operand("begins_with", "N")),
        ("attribute_type(a, :n)", operand("attribute_type", "N")),
        ("attribute_type(a, b)", operand("attribute_type", "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")),
        (
            "attribute_type(a, :s)",
            "Invalid attribute type name found; type: a, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}".to_owned(),
        ),
        ("size(:n) = :n", operand("size", "N")),
        ("size(size(a)) = :n", operand("size", "N")),
        ("size(:t) = :n", operand("size", "BOOL")),
        ("a <= :m", operand("<=", "M")),
        ("a < :t", operand("<", "BOOL")),
        ("a BETWEEN :l AND :n", operand("BETWEEN", "L")),
        (
            "a BETWEEN :s AND :n",
            "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {S:a}, upper bound operand: AttributeValue: {N:1}".to_owned(),
        ),
        (
            "a BETWEEN :z AND :s",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {S:z}, upper bound operand: AttributeValue: {S:a}".to_owned(),
        ),
        (
            "a[2147483648] = :s",
            "List index is not within the allowable range; index: [2147483648]".to_owned(),
        ),
    ];
    for (text, message) in cases {
        let mut values = of_each_type();
        values.push((":z", s("z")));
        let mut placeholders = placeholders(&[("#a", "a")], &values);
        let refused = refusal(text, &mut placeholders);
        assert_eq!(refused, format!("Invalid ConditionExpression: {message}"), "{text}");
        let refused = Condition::parse_filter(text, &mut placeholders).unwrap_err().to_string();
        assert_eq!(refused, format!("Invalid FilterExpression: {message}"), "{text}");
    }
}

#[test]
fn bounds_of_an_expression_are_kept() {
    let mut placeholders = placeholders(&[], &[(":v", s("w"))]);
    let mut refused = |text: &str| refusal(text, &mut placeholders);
    let long = format!("a ={}:v", " ".repeat(4092));
    assert_eq!(
        refused(&long),
        "Invalid ConditionExpression: Expression size has exceeded the maximum allowed size; expression size: 4097",
    );
    let operators = "Invalid ConditionExpression: The expression contains too many operators; operator count: 301";
    assert_eq!(refused(&format!("a<:v{}", " or a<:v".repeat(150))), operators);
    assert_eq!(refused(&format!("{}a=:v", "not ".repeat(300))), operators);
    let list = vec![":v"; 101].join(",");
    assert_eq!(
        refused(&format!("a IN ({list})")),
        "Invalid ConditionExpression: The IN operator is provided with too many operands; number of operands: 101",
    );
    assert_eq!(
        refused(&format!("{}a{} = :v", "size(".repeat(40), ")".repeat(40))),
        "Invalid ConditionExpression: The expression has too many nested functions; nesting level: 33",
    );
    assert_eq!(
        refused(&format!("a{} = :v", ".a".repeat(33))),
        "Invalid ConditionExpression: The document path has too many nesting elements; nesting level: 34",
    );
}

#[test]
fn parentheses_without_end_are_refused_without_recursion() {
    let mut placeholders = placeholders(&[], &[(":v", s("w"))]);
    for text in ["(".repeat(4096), ")".repeat(4096), "not ".repeat(1024), "a[".repeat(2048)] {
        let refused = refusal(&text, &mut placeholders);
        assert!(
            refused.starts_with("Invalid ConditionExpression: Syntax error; token: "),
            "{refused}"
        );
    }
    let deep = format!("{}a = :v{}", "(".repeat(2000), ")".repeat(2000));
    let refused = refusal(&deep, &mut placeholders);
    assert_eq!(refused, "Invalid ConditionExpression: The expression has redundant parentheses;");
}
