//! What tables take of memory, and where it ends.

use crate::world::{World, definition, index, item, n, s, t, table, update};
use anabranch_tables::command::Command;
use anabranch_tables::error::{Error, Limit};
use anabranch_tables::ops::{
    BatchWriteItem, BatchWriteItemInput, ConditionInput, CreateTable, IndexUpdate, PutItem,
    PutItemInput, TimeToLiveSpecification, TransactAction, TransactWriteItems,
    TransactWriteItemsInput, UpdateTableInput, WriteOptions, WriteRequest, update_table,
    update_time_to_live,
};
use anabranch_tables::schema::{KeyType, ProjectionType};
use anabranch_tables::{AttributeValue, Item, Place, Scope, Settings, Tables};
use std::collections::BTreeMap;
use std::sync::Arc;

const MAX: u64 = 100_000;

fn full() -> World {
    let mut world = World::with(Settings { memory_max: MAX, ..Settings::default() });
    world.create(table(&[("h", KeyType::N)])).expect("a table");
    let mut number = 0;
    loop {
        let put = world.put_with(big(number), ConditionInput::default(), WriteOptions::default());
        let Err(error) = put else {
            number += 1;
            continue;
        };
        let Error::LimitExceeded(Limit::Memory { bytes, max }) = error else {
            panic!("{error}");
        };
        assert!(bytes > max && max == MAX);
        assert!(number > 5, "some fit");
        return world;
    }
}

fn big(number: i32) -> Item {
    item([("h", n(number)), ("v", s(&"x".repeat(5000)))])
}

fn is_full<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::LimitExceeded(Limit::Memory { .. })))
}

#[test]
fn what_does_not_fit_is_refused_and_deletes_make_room() {
    let mut world = full();
    let key = |number: i32| item([("h", n(number))]);
    let longer = update(key(0), "SET w = :w", [(":w", s(&"x".repeat(6000)))]);
    assert!(is_full(world.update(longer)));
    let puts = (100..110).map(|number| WriteRequest::Put(big(number))).collect();
    let request_items = BTreeMap::from([(t(), puts)]);
    let batch = BatchWriteItem::parse(BatchWriteItemInput { request_items, ..Default::default() });
    let decided = batch.expect("parses").decide(&world.tables, &world.scope, world.now_ms);
    assert!(is_full(decided));
    let swap = TransactWriteItems::parse(TransactWriteItemsInput {
        transact_items: vec![
            TransactAction::Delete { table_name: t(), key: key(0), condition: Default::default() },
            TransactAction::Put { table_name: t(), item: big(50), condition: Default::default() },
        ],
        ..Default::default()
    });
    let decided = swap.expect("parses").decide(&world.tables, &world.scope, world.now_ms);
    world.commit(decided).expect("it takes no more than before");
    world.update(update(key(1), "REMOVE v", [])).expect("it takes less");
    world.put(big(0));
    world.delete(key(0));
    world.put(big(0));
    let index_update = UpdateTableInput {
        table_name: t(),
        attribute_definitions: vec![definition("v", KeyType::S)],
        index_updates: vec![IndexUpdate::Create(index("by-v", &["v"], ProjectionType::All))],
        ..Default::default()
    };
    let decided = update_table(&world.tables, &world.scope, &index_update, world.now_ms);
    assert!(is_full(decided));
    assert!(world.tables.memory() <= MAX);
    world.check();
}

#[test]
fn a_lower_limit_after_a_restart_refuses_writes_and_keeps_all() {
    let mut world = full();
    let count = world.tables.all().next().expect("tab").item_count();
    let tables = std::mem::take(&mut world.tables);
    world.tables = tables.with(Settings { memory_max: 10, ..Settings::default() });
    assert_eq!(world.tables.all().next().expect("tab").item_count(), count);
    let put = world.put_with(big(0), ConditionInput::default(), WriteOptions::default());
    put.expect("it takes no more than before");
    let put = world.put_with(big(99), ConditionInput::default(), WriteOptions::default());
    assert!(is_full(put));
    let mut other = table(&[("h", KeyType::S)]);
    other.table_name = "other".to_owned();
    assert!(is_full(world.create(other)));
}

/// Tables and a copy that shares their items, as a server has them.
fn both(items: &[Item], indexes: bool) -> (Tables, Tables) {
    let scope = Scope { account: Arc::from("000000000001"), region: Arc::from("eu-west-1") };
    let (mut tables, mut view) = (Tables::default(), Tables::default());
    let mut apply = |tables: &mut Tables, command: &Command| {
        let command = Command::decode(&command.encode()).expect("it comes back");
        let number = tables.applied() + 1;
        let effects = tables.apply(&command, Place { number, arrival_ms: 1 });
        view.show(number, &effects);
    };
    let mut input = table(&[("h", KeyType::S)]);
    if indexes {
        input.attribute_definitions.push(definition("g", KeyType::S));
        let of = |name| index(name, &["g"], ProjectionType::KeysOnly);
        input.global_secondary_indexes = Some(vec![of("one"), of("two")]);
    }
    let (create, _) = CreateTable::parse(input)
        .and_then(|create| create.decide(&tables, &scope, 1))
        .expect("a table");
    apply(&mut tables, &create);
    let specification =
        TimeToLiveSpecification { enabled: true, attribute_name: "ends".to_owned() };
    let (set, _) = update_time_to_live(&tables, &scope, "tab", specification, 1).expect("set");
    apply(&mut tables, &set);
    for item in items {
        let input = PutItemInput { table_name: t(), item: item.clone(), ..Default::default() };
        let put = PutItem::parse(input).expect("parses");
        let (command, _) = put.decide(&tables, &scope, 1).expect("it fits");
        apply(&mut tables, &command);
    }
    (tables, view)
}

#[test]
fn the_estimate_is_above_what_is_really_taken_and_not_far() {
    let many = |of: &dyn Fn(usize) -> Item| (0..2000).map(of).collect::<Vec<Item>>();
    let key = |number: usize| ("h", s(&format!("shardId-{number:012}")));
    let lease = |number: usize| {
        item([
            key(number),
            ("leaseOwner", s("a-worker-of-some-application")),
            ("leaseCounter", n(number)),
            ("checkpoint", s("49590338271490256608559692538361571095921575989136588898")),
            ("checkpointSubSequenceNumber", n(0)),
            ("ownerSwitchesSinceCheckpoint", n(0)),
            ("startingHashKey", s("0")),
            ("endingHashKey", s("170141183460469231731687303715884105727")),
            ("throughputKBps", n("7.47E-4")),
            ("ends", n(2_000_000_000)),
        ])
    };
    let strings = |count: usize| {
        AttributeValue::string_set((0..count).map(|one| one.to_string()).collect()).expect("a set")
    };
    let nested = |number: usize| {
        let of = |count| AttributeValue::L((0..count).map(n).collect());
        let map = AttributeValue::M(item([("a", of(9)), ("b", strings(7))]));
        item([key(number), ("m", map), ("bytes", AttributeValue::B(vec![1; 100].into()))])
    };
    let bare = |number: usize| item([key(number)]);
    let grouped = |number: usize| item([key(number), ("g", s(&number.to_string()))]);
    let long = |number: usize| item([key(number), ("v", s(&"x".repeat(1500)))]);
    let cases: [(&str, Vec<Item>, bool); 5] = [
        ("leases", many(&lease), false),
        ("nested", many(&nested), false),
        ("bare", many(&bare), false),
        ("in indexes", many(&grouped), true),
        ("long", many(&long), false),
    ];
    for (name, items, indexes) in cases {
        let mut kept = None;
        let measured = allocation_counter::measure(|| kept = Some(both(&items, indexes)));
        let (tables, _view) = kept.expect("it was made");
        let real = u64::try_from(measured.bytes_current).expect("something is kept");
        let estimate = tables.memory();
        assert!(real <= estimate, "{name}: {real} of {estimate}");
        assert!(estimate < 3 * real, "{name}: {real} of {estimate}");
        println!("{name}: {real} of {estimate}");
    }
}
