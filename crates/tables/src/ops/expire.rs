//! Items whose time has passed. Until a command deletes them, they are there as all others.

use super::write::key_of;
use crate::command::{Command, ExpireItems, Key};
use crate::tables::Tables;
use std::sync::Arc;

/// Deletes items of one table whose time has passed, at most `max`: those that ended first. Nothing if
/// there are none.
#[must_use]
pub fn expire_items(tables: &Tables, now_ms: u64, max: usize) -> Option<Command> {
    tables.all().find_map(|table| {
        let keys = &table.schema().keys;
        let ended = table.ended(now_ms).take(max).filter_map(|key| table.get(key));
        let keys: Vec<Key> =
            ended.map(|stored| Key(Arc::new(key_of(keys, &stored.item)))).collect();
        let table = table.schema().number;
        (!keys.is_empty()).then_some(Command::ExpireItems(ExpireItems { table, keys }))
    })
}

/// When the next item's time has passed, epoch milliseconds: it may be before now.
#[must_use]
pub fn next_expiry_ms(tables: &Tables, now_ms: u64) -> Option<u64> {
    tables.all().filter_map(|table| table.next_end_ms(now_ms)).min()
}
