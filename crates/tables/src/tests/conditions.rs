//! What conditions say of an item.

use super::support::*;
use crate::{AttributeValue, Condition, Item};

fn orders() -> Item {
    item(&[
        ("id", s("o-1")),
        ("count", n("10")),
        ("data", b(b"\x01\x02\x03")),
        ("tags", ss(&["blue", "red"])),
        ("marks", ns(&["1", "2.5"])),
        ("blobs", bs(&[b"ab"])),
        ("open", AttributeValue::Bool(true)),
        ("nothing", AttributeValue::Null),
        ("blank", s("")),
        ("place", m(&[("town", s("Ulm")), ("doors", l(&[n("1"), m(&[("key", s("k"))])]))])),
    ])
}

const NAMES: &[(&str, &str)] = &[
    ("#count", "count"),
    ("#data", "data"),
    ("#open", "open"),
    ("#place", "place"),
    ("#key", "key"),
];

fn values() -> Vec<(&'static str, AttributeValue)> {
    let mut values = of_each_type();
    values.extend([
        (":o", s("o-")),
        (":one", s("o-1")),
        (":ten", n("10.0")),
        (":nine", n("9")),
        (":eleven", n("11")),
        (":red", s("red")),
        (":ulm", s("Ulm")),
        (":x01", b(b"\x01")),
        (":x03", b(b"\x03")),
        (":type", s("N")),
        (":map", s("M")),
        (":bool", s("BOOL")),
        (":three", n("3")),
        (":two", n("2")),
        (":zero", n("0")),
        (":two5", n("2.50")),
        (":tags", ss(&["red", "blue"])),
        (":empty", s("")),
    ]);
    values
}

#[test]
fn conditions_hold_as_dynamodb_says() {
    let cases = [
        ("id = :one", true),
        ("id = :o", false),
        ("id <> :o", true),
        ("#count = :ten", true),
        ("#count > :nine", true),
        ("#count >= :ten", true),
        ("#count < :ten", false),
        ("#count <= :ten", true),
        (":nine < #count", true),
        // Other types are neither before nor after, and not equal.
        ("id > :nine", false),
        ("id < :nine", false),
        ("id <> :nine", true),
        ("#open = :t", true),
        ("nothing = :null", true),
        ("tags = :tags", true),
        ("id = gone", false),
        ("gone = :one", false),
        ("gone <> :one", true),
        ("gone < :one", false),
        ("#count BETWEEN :nine AND :eleven", true),
        ("#count between :ten and :ten", true),
        ("#count BETWEEN :eleven AND :eleven", false),
        ("gone BETWEEN :nine AND :eleven", false),
        ("NOT gone BETWEEN :nine AND :eleven", true),
        ("#count IN (:nine, :ten)", true),
        ("#count in (:nine)", false),
        ("id IN (:nine, :one)", true),
        ("gone IN (:nine)", false),
        ("attribute_exists(id)", true),
        ("attribute_exists(gone)", false),
        ("attribute_exists(#place.town)", true),
        ("attribute_exists(#place.doors[1].#key)", true),
        ("attribute_exists(#place.doors[2])", false),
        ("attribute_exists(id.town)", false),
        ("attribute_not_exists(gone)", true),
        ("attribute_not_exists(id)", false),
        ("attribute_type(#count, :type)", true),
        ("attribute_type(#place, :map)", true),
        ("attribute_type(#open, :bool)", true),
        ("attribute_type(id, :type)", false),
        ("attribute_type(gone, :type)", false),
        ("begins_with(id, :o)", true),
        ("begins_with(id, :one)", true),
        ("begins_with(id, :red)", false),
        ("begins_with(#data, :x01)", true),
        ("begins_with(#count, :o)", false),
        ("begins_with(gone, :o)", false),
        ("contains(id, :o)", true),
        ("contains(id, :red)", false),
        ("contains(#data, :x03)", true),
        ("contains(tags, :red)", true),
        ("contains(tags, :o)", false),
        ("contains(marks, :two5)", true),
        ("contains(#place.doors, :n)", true),
        ("contains(#place.doors, :nine)", false),
        ("contains(gone, :o)", false),
        ("contains(:tags, id)", false),
        ("size(id) = :three", true),
        ("size(blank) = :zero", true),
        ("size(#data) >= :three", true),
        ("size(tags) = :two", true),
        ("size(#place) = :two", true),
        ("size(#place.doors) = :two", true),
        ("size(:tags) = :two", true),
        ("size(#count) = :two", false),
        ("size(gone) = :two", false),
        (":two = size(tags)", true),
        ("size(tags) BETWEEN :n AND :three", true),
        ("size(tags) IN (:three, :two)", true),
        ("#place.town = :ulm", true),
        ("blank = :empty", true),
        ("begins_with(id, :empty)", true),
        // NOT binds more than AND, and AND more than OR.
        ("id = :o AND id = :o OR id = :one", true),
        ("id = :one OR id = :o AND id = :o", true),
        ("(id = :one OR id = :o) AND id = :o", false),
        ("NOT id = :o AND id = :o", false),
        ("NOT (id = :o AND id = :o)", true),
        ("NOT NOT id = :one", true),
        ("not attribute_exists(gone) and id = :one", true),
        ("((id = :one) AND #count = :ten) OR id = :o", true),
        ("(id) = (:one)", true),
        ("(size(tags)) > :n", true),
        ("(((id = :o) OR id = :one) AND (#count = :ten))", true),
        ("(attribute_exists(id) AND (attribute_exists(tags)))", true),
        ("id=:one AND(#count=:ten)", true),
    ];
    for (text, holds) in cases {
        let mut placeholders = placeholders(NAMES, &values());
        let condition = Condition::parse(text, &mut placeholders)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(condition.holds(&orders()), Ok(holds), "{text}");
        let filter = Condition::parse_filter(text, &mut placeholders).unwrap();
        assert_eq!(filter, condition, "{text}");
    }
}

#[test]
fn an_item_that_does_not_exist_has_no_attributes() {
    let mut placeholders = placeholders(&[], &[(":v", s("w"))]);
    let text = "attribute_not_exists(leaseKey) OR leaseOwner = :v";
    let condition = Condition::parse(text, &mut placeholders).unwrap();
    assert_eq!(condition.holds(&Item::new()), Ok(true));
    assert_eq!(condition.holds(&item(&[("leaseKey", s("a"))])), Ok(false));
}

#[test]
fn a_condition_names_all_places_it_looks_at() {
    let text =
        "attribute_exists(a.b) AND size(c[0]) > :n OR d IN (e, :n) AND NOT attribute_not_exists(f)";
    let mut placeholders = placeholders(&[], &[(":n", n("1"))]);
    let condition = Condition::parse(text, &mut placeholders).unwrap();
    let paths: Vec<String> = condition.paths().map(ToString::to_string).collect();
    assert_eq!(paths, ["[a, b]", "[c, [0]]", "[d]", "[e]", "[f]"]);
}

#[test]
fn three_hundred_operators_may_lie_in_each_other() {
    let mut placeholders = placeholders(&[], &[(":v", s("w"))]);
    // 150 comparisons, 149 ORs, each in parentheses.
    let text = format!("{}a=:v{}", "(".repeat(149), " OR a=:v)".repeat(149));
    let condition = Condition::parse(&text, &mut placeholders).unwrap();
    assert_eq!(condition.holds(&item(&[("a", s("w"))])), Ok(true));
    let text = format!("{}a=:v", "not ".repeat(299));
    let condition = Condition::parse(&text, &mut placeholders).unwrap();
    assert_eq!(condition.holds(&item(&[("a", s("w"))])), Ok(false));
}
