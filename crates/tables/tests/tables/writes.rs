//! Writes of one item: keys, sizes, what is answered, what it costs.

use crate::world::{World, condition, index, item, n, s, table, update};
use anabranch_tables::Item;
use anabranch_tables::ops::{
    ConditionInput, ReturnConsumedCapacity, ReturnValues, UpdateItemInput, WriteOptions,
};
use anabranch_tables::schema::{KeyType, ProjectionType};
use bytes::Bytes;

fn refusal(world: &mut World, item: Item) -> Option<String> {
    let refused = world.put_with(item, ConditionInput::default(), WriteOptions::default());
    refused.err().map(|error| error.to_string())
}

#[test]
fn an_item_has_its_key() {
    let mut world = World::of_keys(&[("h", KeyType::S), ("r", KeyType::N)]);
    let invalid = "One or more parameter values were invalid: ";
    let empty = "One or more parameter values are not valid. The AttributeValue for a key \
                 attribute cannot contain an empty string value. Key: h";
    let cases = [
        (item([("h", s("a")), ("r", n(1))]), None),
        (item([("h", s("a"))]), Some(format!("{invalid}Missing the key r in the item"))),
        (item([("r", n(1))]), Some(format!("{invalid}Missing the key h in the item"))),
        (
            item([("h", n(1)), ("r", n(1))]),
            Some(format!("{invalid}Type mismatch for key h expected: S actual: N")),
        ),
        (item([("h", s("")), ("r", n(1))]), Some(empty.to_owned())),
        (item([("h", s(&"a".repeat(2048))), ("r", n(1))]), None),
        (
            item([("h", s(&"a".repeat(2049))), ("r", n(1))]),
            Some(format!(
                "{invalid}Size of hashkey has exceeded the maximum size limit of2048 bytes"
            )),
        ),
    ];
    for (item, expected) in cases {
        assert_eq!(refusal(&mut world, item), expected);
    }
    let mut world = World::of_keys(&[("h", KeyType::S), ("r", KeyType::B)]);
    let of_len = |len: usize| {
        let range = anabranch_tables::AttributeValue::B(Bytes::from(vec![7; len]));
        item([("h", s("a")), ("r", range)])
    };
    assert_eq!(refusal(&mut world, of_len(1024)), None);
    let expected = format!(
        "{invalid}Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
    );
    assert_eq!(refusal(&mut world, of_len(1025)), Some(expected));
    let expected = "One or more parameter values are not valid. The AttributeValue for a key \
                    attribute cannot contain an empty binary value. Key: r";
    assert_eq!(refusal(&mut world, of_len(0)).as_deref(), Some(expected));
    world.check();
}

#[test]
fn an_item_has_at_most_400_kib() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    let of_size = |size: usize| item([("h", s("a")), ("v", s(&"x".repeat(size - 3)))]);
    assert_eq!(refusal(&mut world, of_size(400 * 1024)), None);
    let expected = "Item size has exceeded the maximum allowed size";
    assert_eq!(refusal(&mut world, of_size(400 * 1024 + 1)).as_deref(), Some(expected));
    let refused = world.update(update(item([("h", s("a"))]), "SET w = :w", [(":w", s("x"))]));
    let expected = "Item size to update has exceeded the maximum allowed size";
    assert_eq!(refused.expect_err("too large").to_string(), expected);
    assert_eq!(world.tables.all().next().expect("tab").item_bytes(), 400 * 1024);
}

#[test]
fn a_key_is_all_of_the_key_and_nothing_else() {
    let mut world = World::of_keys(&[("h", KeyType::S), ("r", KeyType::N)]);
    let wrong = [
        item([("h", s("a"))]),
        item([("h", s("a")), ("r", s("1"))]),
        item([("h", s("a")), ("x", n(1))]),
        item([("h", s("a")), ("r", n(1)), ("x", n(1))]),
    ];
    for key in wrong {
        let refused = world.update(update(key, "SET v = :v", [(":v", n(1))]));
        let expected = "The provided key element does not match the schema";
        assert_eq!(refused.expect_err("no key").to_string(), expected);
    }
}

#[test]
fn a_key_is_not_updated() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    let key = item([("h", s("a"))]);
    for text in ["SET h = :v", "SET v = :v REMOVE h", "SET v = :v ADD h :v"] {
        let refused = world.update(update(key.clone(), text, [(":v", n(1))]));
        let expected = "One or more parameter values were invalid: Cannot update attribute h. This \
                        attribute is part of the key";
        assert_eq!(refused.expect_err("refused").to_string(), expected, "{text}");
    }
}

#[test]
fn keys_of_indexes_have_their_type_and_are_not_empty() {
    let mut world = World::new();
    let mut input = table(&[("h", KeyType::S)]);
    input.attribute_definitions.push(crate::world::definition("g", KeyType::S));
    input.global_secondary_indexes = Some(vec![index("by-g", &["g"], ProjectionType::All)]);
    world.create(input).expect("a table");
    assert_eq!(refusal(&mut world, item([("h", s("a"))])), None);
    assert_eq!(refusal(&mut world, item([("h", s("a")), ("g", s("b"))])), None);
    let expected = "One or more parameter values were invalid: Type mismatch for Index Key g \
                    Expected: S Actual: N IndexName: by-g";
    let refused = refusal(&mut world, item([("h", s("a")), ("g", n(1))]));
    assert_eq!(refused.as_deref(), Some(expected));
    let expected = "One or more parameter values are not valid. A value specified for a secondary \
                    index key is not supported. The AttributeValue for a key attribute cannot \
                    contain an empty string value. IndexName: by-g, IndexKey: g";
    let refused = refusal(&mut world, item([("h", s("a")), ("g", s(""))]));
    assert_eq!(refused.as_deref(), Some(expected));
    let refused = world.update(update(item([("h", s("a"))]), "SET g = :g", [(":g", n(1))]));
    assert!(refused.expect_err("no string").to_string().contains("Type mismatch for Index Key g"));
    world.check();
}

#[test]
fn an_update_answers_what_is_asked_for() {
    let before = item([("h", s("a")), ("x", n(1)), ("y", n(1))]);
    let after = item([("h", s("a")), ("x", n(2)), ("y", n(1)), ("z", n(3))]);
    let cases = [
        (ReturnValues::None, None),
        (ReturnValues::AllOld, Some(before.clone())),
        (ReturnValues::AllNew, Some(after.clone())),
        (ReturnValues::UpdatedOld, Some(item([("x", n(1))]))),
        (ReturnValues::UpdatedNew, Some(item([("x", n(2)), ("z", n(3))]))),
    ];
    for (return_values, expected) in cases {
        let mut world = World::of_keys(&[("h", KeyType::S)]);
        world.put(before.clone());
        let text = "SET x = x + :one, z = :three";
        let input = update(item([("h", s("a"))]), text, [(":one", n(1)), (":three", n(3))]);
        let options = WriteOptions { return_values, ..Default::default() };
        let answer = world.update(UpdateItemInput { options, ..input }).expect("update");
        assert_eq!(answer.attributes.map(|item| (*item).clone()), expected, "{return_values:?}");
        assert_eq!(world.get(item([("h", s("a"))])).as_deref(), Some(&after));
    }
}

#[test]
fn puts_answer_the_old_item_and_refuse_what_only_updates_answer() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    let put = |world: &mut World, x: i32, return_values| {
        let options = WriteOptions { return_values, ..Default::default() };
        let item = item([("h", s("a")), ("x", n(x))]);
        world.put_with(item, ConditionInput::default(), options)
    };
    assert_eq!(put(&mut world, 1, ReturnValues::AllOld).expect("put").attributes, None);
    let old = put(&mut world, 2, ReturnValues::AllOld).expect("put").attributes;
    assert_eq!(old.as_deref(), Some(&item([("h", s("a")), ("x", n(1))])));
    let only_updates = [ReturnValues::AllNew, ReturnValues::UpdatedOld, ReturnValues::UpdatedNew];
    for return_values in only_updates {
        let refused = put(&mut world, 3, return_values).expect_err("refused");
        assert_eq!(refused.to_string(), "Return values set to invalid value");
    }
    let key = item([("h", s("a"))]);
    assert!(world.delete(key.clone()).attributes.is_some());
    assert!(world.delete(key).attributes.is_none());
}

#[test]
fn an_update_makes_an_item_unless_it_only_takes_away() {
    let key = item([("h", s("a"))]);
    let cases = [
        (update(key.clone(), "SET x = :x", [(":x", n(1))]), true),
        (update(key.clone(), "ADD x :x", [(":x", n(1))]), true),
        (update(key.clone(), "REMOVE x", []), false),
        (UpdateItemInput { key: key.clone(), ..Default::default() }, true),
    ];
    for (input, is_made) in cases {
        let mut world = World::of_keys(&[("h", KeyType::S)]);
        let text = input.update_expression.clone();
        world.update(input).expect("update");
        assert_eq!(world.get(key.clone()).is_some(), is_made, "{text:?}");
        world.check();
    }
}

#[test]
fn a_condition_that_fails_may_answer_the_item() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    let there = item([("h", s("a")), ("x", n(1))]);
    world.put(there.clone());
    for returns_item_on_failure in [false, true] {
        let condition =
            ConditionInput { returns_item_on_failure, ..condition("attribute_not_exists(h)", []) };
        let refused = world.put_with(there.clone(), condition, WriteOptions::default());
        let refused = refused.expect_err("it is there");
        assert_eq!(refused.to_string(), "The conditional request failed");
        let anabranch_tables::error::Error::ConditionalCheckFailed { item } = refused else {
            panic!("another error");
        };
        assert_eq!(item.as_deref(), returns_item_on_failure.then_some(&there));
    }
}

#[test]
fn units_are_counted_of_the_larger_item_and_of_each_index() {
    let mut world = World::new();
    let mut input = table(&[("h", KeyType::S)]);
    input.attribute_definitions.push(crate::world::definition("g", KeyType::S));
    input.global_secondary_indexes = Some(vec![index("by-g", &["g"], ProjectionType::KeysOnly)]);
    world.create(input).expect("a table");
    let mut units = |item: Item| {
        let return_consumed_capacity = ReturnConsumedCapacity::Indexes;
        let options = WriteOptions { return_consumed_capacity, ..Default::default() };
        let answer = world.put_with(item, ConditionInput::default(), options).expect("put");
        let capacity = answer.consumed_capacity.expect("it was asked for");
        let parts = capacity.parts.expect("by index");
        let of_index = parts.global_secondary_indexes.get("by-g").copied().unwrap_or(0.0);
        assert_eq!(capacity.capacity_units, parts.table + of_index);
        (parts.table, of_index)
    };
    let of = |size: usize, g: Option<&str>| {
        let mut item = item([("h", s("a")), ("v", s(&"x".repeat(size - 3)))]);
        item.extend(g.map(|g| ("g".to_owned(), s(g))));
        item
    };
    assert_eq!(units(of(1024, None)), (1.0, 0.0));
    assert_eq!(units(of(1025, None)), (2.0, 0.0));
    assert_eq!(units(of(10, None)), (2.0, 0.0), "the old item counts");
    assert_eq!(units(of(10, Some("x"))), (1.0, 1.0), "it comes into the index");
    assert_eq!(units(of(11, Some("x"))), (1.0, 0.0), "the index sees no difference");
    assert_eq!(units(of(11, Some("y"))), (1.0, 2.0), "it moves in the index");
    assert_eq!(units(of(11, None)), (1.0, 1.0), "it leaves the index");
    world.check();
}
