//! What tables take of memory, and where it ends.

use crate::world::{World, definition, index, item, n, s, t, table, update};
use anabranch_tables::error::{Error, Limit};
use anabranch_tables::ops::{
    BatchWriteItem, BatchWriteItemInput, ConditionInput, IndexUpdate, TransactAction,
    TransactWriteItems, TransactWriteItemsInput, UpdateTableInput, WriteOptions, WriteRequest,
    update_table,
};
use anabranch_tables::schema::{KeyType, ProjectionType};
use anabranch_tables::{Item, Settings};
use std::collections::BTreeMap;

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
