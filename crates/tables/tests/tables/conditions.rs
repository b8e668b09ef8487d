//! Writes as the KCL and other programs send them.

use crate::world::{World, condition, item, n, names, s, update};
use anabranch_tables::error::Error;
use anabranch_tables::legacy::{AttributeAction, AttributeUpdate, Expected};
use anabranch_tables::ops::{ConditionInput, ReturnValues, UpdateItemInput, WriteOptions};
use anabranch_tables::schema::KeyType;
use anabranch_tables::{AttributeValue, Item};
use std::collections::BTreeMap;

fn key() -> Item {
    item([("leaseKey", s("shardId-000000000000"))])
}

fn lease(counter: i32) -> Item {
    let mut lease = key();
    lease.insert("leaseCounter".to_owned(), n(counter));
    lease.insert("checkpoint".to_owned(), s("TRIM_HORIZON"));
    lease
}

fn put_value(value: AttributeValue) -> AttributeUpdate {
    AttributeUpdate { value: Some(value), action: AttributeAction::Put }
}

fn is(value: AttributeValue) -> Expected {
    Expected { value: Some(value), ..Default::default() }
}

fn absent() -> Expected {
    Expected { exists: Some(false), ..Default::default() }
}

fn expecting<const N: usize>(expected: [(&str, Expected); N]) -> ConditionInput {
    let expected = expected.into_iter().map(|(name, one)| (name.to_owned(), one));
    ConditionInput {
        expected: Some(expected.collect()),
        returns_item_on_failure: true,
        ..Default::default()
    }
}

fn renewal(from: i32) -> UpdateItemInput {
    UpdateItemInput {
        key: key(),
        attribute_updates: Some(BTreeMap::from([(
            "leaseCounter".to_owned(),
            put_value(n(from + 1)),
        )])),
        condition: expecting([("checkpointOwner", absent()), ("leaseCounter", is(n(from)))]),
        ..Default::default()
    }
}

#[test]
fn a_lease_is_created_once_and_renewed_by_its_counter() {
    let mut world = World::of_keys(&[("leaseKey", KeyType::S)]);
    let create = |world: &mut World| {
        let condition = expecting([("leaseKey", absent())]);
        world.put_with(lease(0), condition, WriteOptions::default())
    };
    create(&mut world).expect("it is not there");
    create(&mut world).expect_err("it is there");
    for counter in 0..3 {
        world.update(renewal(counter)).expect("the counter is as expected");
    }
    let Err(Error::ConditionalCheckFailed { item: Some(there) }) = world.update(renewal(1)) else {
        panic!("another has renewed it");
    };
    assert_eq!(there["leaseCounter"], n(3));
    assert_eq!(there["checkpoint"], s("TRIM_HORIZON"));
    world.check();
}

#[test]
fn a_lease_is_assigned_and_given_up() {
    let mut world = World::of_keys(&[("leaseKey", KeyType::S)]);
    world.put(lease(5));
    let add = |value| AttributeUpdate { value: Some(value), action: AttributeAction::Add };
    let gone = || AttributeUpdate { value: None, action: AttributeAction::Delete };
    let updates = |owner: AttributeUpdate| {
        Some(BTreeMap::from([
            ("leaseOwner".to_owned(), owner),
            ("leaseCounter".to_owned(), add(n(1))),
            ("checkpointOwner".to_owned(), gone()),
        ]))
    };
    let assign = UpdateItemInput {
        key: key(),
        attribute_updates: updates(put_value(s("worker-1"))),
        condition: expecting([
            ("checkpointOwner", absent()),
            ("leaseOwner", absent()),
            (
                "leaseKey",
                Expected {
                    value: Some(s("shardId-000000000000")),
                    exists: Some(true),
                    ..Default::default()
                },
            ),
        ]),
        options: WriteOptions { return_values: ReturnValues::AllNew, ..Default::default() },
        ..Default::default()
    };
    let answer = world.update(assign.clone()).expect("it has no owner");
    let now = answer.attributes.expect("all of it");
    assert_eq!((&now["leaseOwner"], &now["leaseCounter"]), (&s("worker-1"), &n(6)));
    world.update(assign).expect_err("it has an owner");
    let give_up =
        UpdateItemInput { key: key(), attribute_updates: updates(gone()), ..Default::default() };
    world.update(give_up).expect("unconditional");
    let now = world.get(key()).expect("it is there");
    assert!(!now.contains_key("leaseOwner"));
    assert_eq!(now["leaseCounter"], n(7));
}

#[test]
fn a_leader_beats_under_a_condition_on_names() {
    let mut world = World::of_keys(&[("key", KeyType::S)]);
    let key = item([("key", s("Leader"))]);
    world.put(item([("key", s("Leader")), ("ownerName", s("w")), ("recordVersionNumber", s("1"))]));
    let mut beat = update(
        key,
        "SET #ld = :ld, #rvn = :newRvn",
        [(":ld", s("120000")), (":newRvn", s("2")), (":rvn", s("1")), (":on", s("w"))],
    );
    beat.condition.condition_expression =
        Some("attribute_exists(#pk) AND #rvn = :rvn AND #on = :on".to_owned());
    beat.condition.expression_attribute_names = names([
        ("#pk", "key"),
        ("#ld", "leaseDuration"),
        ("#rvn", "recordVersionNumber"),
        ("#on", "ownerName"),
    ]);
    world.update(beat.clone()).expect("it is the leader");
    world.update(beat).expect_err("the version has moved on");
}

#[test]
fn expressions_and_what_was_before_do_not_mix() {
    let mut world = World::of_keys(&[("leaseKey", KeyType::S)]);
    let mut mixed = renewal(1);
    mixed.update_expression = Some("SET a = :a".to_owned());
    let refused = world.update(mixed).expect_err("mixed").to_string();
    assert_eq!(
        refused,
        "Can not use both expression and non-expression parameters in the same request: \
         Non-expression parameters: {AttributeUpdates, Expected} Expression parameters: \
         {UpdateExpression}"
    );
}

#[test]
fn values_that_no_expression_uses_are_refused() {
    let mut world = World::of_keys(&[("leaseKey", KeyType::S)]);
    let unused = condition("attribute_exists(leaseKey)", [(":x", n(1))]);
    let refused = world.put_with(lease(0), unused, WriteOptions::default()).expect_err("unused");
    assert_eq!(
        refused.to_string(),
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}"
    );
    let mut without = condition("", [(":x", n(1))]);
    without.condition_expression = None;
    let refused = world.put_with(lease(0), without, WriteOptions::default()).expect_err("alone");
    assert_eq!(
        refused.to_string(),
        "ExpressionAttributeValues can only be specified when using expressions: \
         ConditionExpression is null"
    );
}
