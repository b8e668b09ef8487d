//! Items that end.

use crate::world::{World, item, n, s};
use anabranch_tables::command::Command;
use anabranch_tables::ops::{
    TimeToLiveSpecification, expire_items, next_expiry_ms, update_time_to_live,
};
use anabranch_tables::schema::KeyType;
use anabranch_tables::{AttributeValue, Item};

fn key(name: &str) -> Item {
    item([("h", s(name))])
}

fn ending(name: &str, ends: AttributeValue) -> Item {
    let mut item = key(name);
    item.insert("ends".to_owned(), ends);
    item
}

fn set(world: &mut World, enabled: bool) {
    let specification = TimeToLiveSpecification { enabled, attribute_name: "ends".to_owned() };
    let decided =
        update_time_to_live(&world.tables, &world.scope, "tab", specification, world.now_ms);
    world.commit(decided).expect("set");
}

/// Deletes what has ended, and tells how many.
fn expire(world: &mut World, max: usize) -> usize {
    let Some(command) = expire_items(&world.tables, world.now_ms, max) else { return 0 };
    let Command::ExpireItems(expire) = &command else { panic!("another command") };
    let count = expire.keys.len();
    world.apply(&command);
    count
}

#[test]
fn an_item_is_there_until_a_command_deletes_it() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    let now = world.now_ms / 1000;
    world.put(ending("before", n(now + 9)));
    set(&mut world, true);
    world.put(ending("soon", n(now + 10)));
    world.put(ending("later", n(now + 20)));
    let never = [
        ending("string", s(&(now - 1).to_string())),
        ending("negative", n(-5)),
        ending("fraction", n("1.5")),
        ending("five years", n(now - 5 * 365 * 24 * 3600 - 100)),
        key("without"),
    ];
    never.into_iter().for_each(|item| world.put(item));
    assert_eq!(expire(&mut world, 10), 0);
    assert_eq!(next_expiry_ms(&world.tables, world.now_ms), Some((now + 10) * 1000));
    world.now_ms = (now + 10) * 1000;
    assert_eq!(expire(&mut world, 10), 1, "the other ends with this second");
    world.now_ms = (now + 11) * 1000;
    assert!(world.get(key("soon")).is_some(), "until then it is there");
    world.restart();
    assert_eq!(expire(&mut world, 10), 1);
    assert!(world.get(key("soon")).is_none());
    assert!(world.get(key("later")).is_some());
    world.now_ms = (now + 1000) * 1000;
    assert_eq!(expire(&mut world, 10), 1);
    assert_eq!(next_expiry_ms(&world.tables, world.now_ms), None);
    assert_eq!(world.tables.all().next().expect("tab").item_count(), 5);
    world.check();
}

#[test]
fn one_command_deletes_so_many_and_those_that_ended_first() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    set(&mut world, true);
    let now = world.now_ms / 1000;
    for number in 0..25 {
        world.put(ending(&number.to_string(), n(now + number)));
    }
    world.now_ms += 60_000;
    assert_eq!(expire(&mut world, 10), 10);
    assert!(world.get(key("9")).is_none());
    assert!(world.get(key("10")).is_some());
    assert_eq!(
        (expire(&mut world, 10), expire(&mut world, 10), expire(&mut world, 10)),
        (10, 5, 0)
    );
    world.check();
}

#[test]
fn an_item_that_is_renewed_or_a_table_without_time_to_live_keeps_all() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    let bare = world.tables.memory();
    set(&mut world, true);
    let now = world.now_ms / 1000;
    world.put(ending("renewed", n(now + 1)));
    world.put(ending("renewed", n(now + 100)));
    world.put(ending("plain", n(now + 1)));
    world.put(key("plain"));
    world.put(ending("off", n(now + 1)));
    world.now_ms += 50_000;
    let ending = world.tables.memory();
    set(&mut world, false);
    assert!(world.tables.memory() < ending);
    assert_eq!(expire(&mut world, 10), 0);
    set(&mut world, true);
    assert_eq!(world.tables.memory(), ending);
    assert_eq!(expire(&mut world, 10), 1);
    assert!(world.get(key("off")).is_none());
    for name in ["renewed", "plain"] {
        world.delete(key(name));
    }
    assert_eq!(world.tables.memory(), bare);
    world.check();
}
