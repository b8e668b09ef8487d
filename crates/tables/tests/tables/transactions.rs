//! TransactWriteItems.

use crate::world::{World, item, n, s, t};
use anabranch_tables::Item;
use anabranch_tables::error::{CancellationReason, Error};
use anabranch_tables::ops::{
    BatchOutput, ReturnConsumedCapacity, TransactAction, TransactCondition, TransactWriteItems,
    TransactWriteItemsInput,
};
use anabranch_tables::schema::KeyType;

fn key(name: &str) -> Item {
    item([("h", s(name))])
}

fn when(text: &str) -> TransactCondition {
    TransactCondition {
        condition_expression: (!text.is_empty()).then(|| text.to_owned()),
        returns_item_on_failure: true,
        ..Default::default()
    }
}

fn put(item: Item, condition: &str) -> TransactAction {
    TransactAction::Put { table_name: t(), item, condition: when(condition) }
}

fn delete(name: &str, condition: &str) -> TransactAction {
    TransactAction::Delete { table_name: t(), key: key(name), condition: when(condition) }
}

fn check(name: &str, condition: &str) -> TransactAction {
    TransactAction::ConditionCheck { table_name: t(), key: key(name), condition: when(condition) }
}

fn add(name: &str, value: anabranch_tables::AttributeValue) -> TransactAction {
    let condition = TransactCondition {
        expression_attribute_values: Some(item([(":v", value)])),
        ..Default::default()
    };
    TransactAction::Update {
        table_name: t(),
        key: key(name),
        update_expression: "SET x = x + :v".into(),
        condition,
    }
}

fn transact(
    world: &mut World,
    actions: Vec<TransactAction>,
    token: Option<&str>,
) -> Result<BatchOutput, Error> {
    let transact = TransactWriteItems::parse(TransactWriteItemsInput {
        transact_items: actions,
        client_request_token: token.map(ToOwned::to_owned),
        return_consumed_capacity: ReturnConsumedCapacity::Total,
        ..Default::default()
    })?;
    let decided = transact.decide(&world.tables, &world.scope, world.now_ms);
    world.commit(decided)
}

fn world() -> World {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    world.put(item([("h", s("old")), ("x", n(1))]));
    world
}

#[test]
fn all_of_it_happens() {
    let mut world = world();
    world.put(key("gone"));
    let actions = vec![
        check("old", "x = x"),
        put(key("new"), "attribute_not_exists(h)"),
        delete("gone", "attribute_exists(h)"),
    ];
    // A path is not compared with itself.
    transact(&mut world, actions.clone(), None).expect_err("refused before");
    let mut actions = actions;
    actions[0] = check("old", "attribute_exists(x)");
    let answer = transact(&mut world, actions, None).expect("all holds");
    let capacity = &answer.consumed_capacity.expect("asked for")[0];
    assert_eq!(capacity.capacity_units, 6.0, "each twice");
    assert!(world.get(key("new")).is_some());
    assert!(world.get(key("gone")).is_none());
    transact(&mut world, vec![add("old", n(4))], None).expect("added");
    assert_eq!(world.get(key("old")).expect("there")["x"], n(5));
    world.check();
}

#[test]
fn nothing_happens_and_each_action_has_its_reason() {
    let mut world = world();
    let before = world.tables.snapshot();
    let actions = vec![
        put(key("new"), ""),
        put(key("old"), "attribute_not_exists(h)"),
        add("other", n(1)),
        check("none", "attribute_exists(h)"),
    ];
    let Err(Error::TransactionCanceled { reasons }) = transact(&mut world, actions, None) else {
        panic!("it is cancelled");
    };
    let codes: Vec<&str> = reasons.iter().map(CancellationReason::code).collect();
    let failed = "ConditionalCheckFailed";
    assert_eq!(codes, ["None", failed, "ValidationError", failed]);
    let CancellationReason::ConditionalCheckFailed { item: Some(there) } = &reasons[1] else {
        panic!("the item was asked for");
    };
    assert_eq!(there["x"], n(1));
    assert_eq!(
        reasons[2].message().as_deref(),
        Some("The provided expression refers to an attribute that does not exist in the item")
    );
    assert!(world.tables.snapshot() == before, "nothing is changed");
}

#[test]
fn an_item_is_in_it_once() {
    let mut world = world();
    let actions = vec![check("old", "attribute_exists(h)"), delete("old", "")];
    assert_eq!(
        transact(&mut world, actions, None).expect_err("twice").to_string(),
        "Transaction request cannot include multiple operations on one item"
    );
    let many = (0..101).map(|number| delete(&number.to_string(), "")).collect();
    let refused = transact(&mut world, many, None).expect_err("too many").to_string();
    assert!(refused.contains("Member must have length less than or equal to 100"), "{refused}");
    transact(&mut world, Vec::new(), None).expect_err("nothing");
    let two = [Some(delete("a", "")), Some(delete("b", ""))];
    assert_eq!(
        TransactAction::one_of(two).expect_err("two").to_string(),
        "TransactItems can only contain one of Check, Put, Update or Delete"
    );
}

#[test]
fn a_token_makes_it_happen_once_for_ten_minutes() {
    let mut world = world();
    let once = || vec![add("old", n(1))];
    let x = |world: &World| world.get(key("old")).expect("there")["x"].clone();
    transact(&mut world, once(), Some("token")).expect("first");
    transact(&mut world, once(), Some("token")).expect("again");
    assert_eq!(x(&world), n(2));
    world.restart();
    transact(&mut world, once(), Some("token")).expect("after a restart");
    assert_eq!(x(&world), n(2));
    let other = transact(&mut world, vec![add("old", n(2))], Some("token"));
    assert_eq!(other, Err(Error::IdempotentParameterMismatch));
    transact(&mut world, once(), Some("other token")).expect("another");
    assert_eq!(x(&world), n(3));
    let memory = world.tables.memory();
    world.now_ms += 10 * 60 * 1000;
    transact(&mut world, once(), Some("token")).expect("it is forgotten");
    assert_eq!(x(&world), n(4));
    assert!(world.tables.memory() < memory, "old tokens go when another comes");
    transact(&mut world, once(), Some(&"x".repeat(37))).expect_err("too long");
    world.check();
}

#[test]
fn a_cancelled_transaction_leaves_its_token() {
    let mut world = world();
    let if_absent = || vec![put(key("new"), "attribute_exists(h)")];
    transact(&mut world, if_absent(), Some("token")).expect_err("it is not there");
    world.put(key("new"));
    transact(&mut world, if_absent(), Some("token")).expect("now it is");
}
