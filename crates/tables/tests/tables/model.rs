//! Random operations on tables beside a plain list of items.

use crate::world::{World, definition, index, item, n, query, s, table, update};
use anabranch_tables::legacy::{AttributeAction, AttributeUpdate};
use anabranch_tables::ops::{
    ConditionInput, QueryInput, ReturnValues, ScanInput, UpdateItemInput, WriteOptions,
};
use anabranch_tables::schema::{KeyType, ProjectionType};
use anabranch_tables::{AttributeValue, Item};
use proptest::prelude::*;
use std::cmp::Ordering;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Put { key: (u8, i8), g: Option<u8>, len: u8 },
    PutIfAbsent { key: (u8, i8), g: Option<u8> },
    Delete { key: (u8, i8) },
    Add { key: (u8, i8), by: i8 },
    SetGroup { key: (u8, i8), g: Option<u8> },
    Query { h: u8, least: Option<i8>, is_forward: bool, limit: u8 },
    QueryIndex { g: u8, is_forward: bool, limit: u8 },
    Scan { total: u8, limit: u8 },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || (0..4_u8, -3..4_i8);
    let group = || proptest::option::of(0..3_u8);
    let step = prop_oneof![
        4 => (key(), group(), 0..50_u8).prop_map(|(key, g, len)| Step::Put { key, g, len }),
        2 => (key(), group()).prop_map(|(key, g)| Step::PutIfAbsent { key, g }),
        2 => key().prop_map(|key| Step::Delete { key }),
        3 => (key(), any::<i8>()).prop_map(|(key, by)| Step::Add { key, by }),
        3 => (key(), group()).prop_map(|(key, g)| Step::SetGroup { key, g }),
        2 => (0..4_u8, proptest::option::of(-3..4_i8), any::<bool>(), 1..5_u8)
            .prop_map(|(h, least, is_forward, limit)| Step::Query { h, least, is_forward, limit }),
        2 => (0..3_u8, any::<bool>(), 1..5_u8)
            .prop_map(|(g, is_forward, limit)| Step::QueryIndex { g, is_forward, limit }),
        1 => (1..5_u8, 1..5_u8).prop_map(|(total, limit)| Step::Scan { total, limit }),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60)
}

/// The table `tab`, and all items that it must have.
struct Model {
    world: World,
    items: Vec<Item>,
}

fn key_of((h, r): (u8, i8)) -> Item {
    item([("h", s(&format!("h{h}"))), ("r", n(r))])
}

fn group(g: u8) -> AttributeValue {
    s(&format!("g{g}"))
}

fn by_range(one: &Item, other: &Item) -> Ordering {
    one["r"].compare(&other["r"]).expect("numbers")
}

impl Model {
    fn new() -> Self {
        let mut world = World::new();
        let mut input = table(&[("h", KeyType::S), ("r", KeyType::N)]);
        input.attribute_definitions.push(definition("g", KeyType::S));
        input.global_secondary_indexes = Some(vec![
            index("by-g", &["g", "r"], ProjectionType::All),
            index("keys", &["g"], ProjectionType::KeysOnly),
        ]);
        world.create(input).expect("a table");
        Self { world, items: Vec::new() }
    }

    fn place(&self, key: &Item) -> Option<usize> {
        let is_it = |item: &Item| key.iter().all(|(name, value)| item.get(name) == Some(value));
        self.items.iter().position(is_it)
    }

    fn set(&mut self, key: &Item, item: Option<Item>) {
        if let Some(place) = self.place(key) {
            self.items.swap_remove(place);
        }
        self.items.extend(item);
    }

    fn whole(key: (u8, i8), g: Option<u8>, len: u8) -> Item {
        let mut item = key_of(key);
        item.insert("v".to_owned(), s(&"v".repeat(len.into())));
        item.extend(g.map(|g| ("g".to_owned(), group(g))));
        item
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Put { key, g, len } => {
                let item = Self::whole(key, g, len);
                let old = self.place(&key_of(key)).map(|place| self.items[place].clone());
                let return_values = ReturnValues::AllOld;
                let options = WriteOptions { return_values, ..Default::default() };
                let put = self.world.put_with(item.clone(), ConditionInput::default(), options);
                assert_eq!(put.expect("put").attributes.as_deref(), old.as_ref());
                self.set(&key_of(key), Some(item));
            }
            Step::PutIfAbsent { key, g } => {
                let item = Self::whole(key, g, 1);
                let condition = crate::world::condition("attribute_not_exists(h)", []);
                let put = self.world.put_with(item.clone(), condition, WriteOptions::default());
                assert_eq!(put.is_ok(), self.place(&key_of(key)).is_none());
                if put.is_ok() {
                    self.set(&key_of(key), Some(item));
                }
            }
            Step::Delete { key } => {
                let old = self.place(&key_of(key)).map(|place| self.items[place].clone());
                let deleted = self.world.delete(key_of(key)).attributes;
                assert_eq!(deleted.as_deref(), old.as_ref());
                self.set(&key_of(key), None);
            }
            Step::Add { key, by } => self.add(key, by),
            Step::SetGroup { key, g } => {
                let change = match g {
                    Some(g) => update(key_of(key), "SET g = :g", [(":g", group(g))]),
                    None => update(key_of(key), "REMOVE g", []),
                };
                self.world.update(change).expect("update");
                let old = self.place(&key_of(key)).map(|place| self.items[place].clone());
                if old.is_some() || g.is_some() {
                    let mut item = old.unwrap_or_else(|| key_of(key));
                    item.remove("g");
                    item.extend(g.map(|g| ("g".to_owned(), group(g))));
                    self.set(&key_of(key), Some(item));
                }
            }
            Step::Query { h, least, is_forward, limit } => self.query(h, least, is_forward, limit),
            Step::QueryIndex { g, is_forward, limit } => self.query_index(g, is_forward, limit),
            Step::Scan { total, limit } => self.scan(total, limit),
            Step::Restart => self.world.restart(),
        }
    }

    fn add(&mut self, key: (u8, i8), by: i8) {
        let change = AttributeUpdate { value: Some(n(by)), action: AttributeAction::Add };
        let input = UpdateItemInput {
            key: key_of(key),
            attribute_updates: Some(BTreeMap::from([("count".to_owned(), change)])),
            ..Default::default()
        };
        self.world.update(input).expect("update");
        let old = self.place(&key_of(key)).map(|place| self.items[place].clone());
        let mut item = old.unwrap_or_else(|| key_of(key));
        let before = match item.get("count") {
            Some(AttributeValue::N(number)) => number.to_i64().expect("small"),
            _ => 0,
        };
        item.insert("count".to_owned(), n(before + i64::from(by)));
        self.set(&key_of(key), Some(item));
    }

    fn pages(&self, input: QueryInput) -> Vec<Item> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let page = self
                .world
                .query(QueryInput { exclusive_start_key: start, ..input.clone() })
                .expect("query");
            items.extend(page.items.expect("items").iter().map(|item| (**item).clone()));
            start = page.last_evaluated_key;
            if start.is_none() {
                return items;
            }
        }
    }

    fn query(&self, h: u8, least: Option<i8>, is_forward: bool, limit: u8) {
        let hash = s(&format!("h{h}"));
        let of_hash = self.items.iter().filter(|item| item["h"] == hash);
        let is_meant = |item: &&Item| {
            least.is_none_or(|least| item["r"].compare(&n(least)) != Some(Ordering::Less))
        };
        let mut expected: Vec<Item> = of_hash.filter(is_meant).cloned().collect();
        expected.sort_by(by_range);
        if !is_forward {
            expected.reverse();
        }
        let base = match least {
            Some(least) => query("h = :h AND r >= :r", [(":h", hash), (":r", n(least))]),
            None => query("h = :h", [(":h", hash)]),
        };
        let (limit, scan_index_forward) = (Some(limit.into()), Some(is_forward));
        assert_eq!(self.pages(QueryInput { limit, scan_index_forward, ..base }), expected);
    }

    fn query_index(&self, g: u8, is_forward: bool, limit: u8) {
        let of_group = self.items.iter().filter(|item| item.get("g") == Some(&group(g)));
        let expected: Vec<Item> = of_group.cloned().collect();
        let input = QueryInput {
            index_name: Some("by-g".to_owned()),
            limit: Some(limit.into()),
            scan_index_forward: Some(is_forward),
            ..query("g = :g", [(":g", group(g))])
        };
        let met = self.pages(input);
        let in_order = |pair: &[Item]| {
            let order = by_range(&pair[0], &pair[1]);
            order == Ordering::Equal || (order == Ordering::Less) == is_forward
        };
        assert!(met.windows(2).all(in_order), "{met:?}");
        assert_same(met, expected);
    }

    fn scan(&self, total: u8, limit: u8) {
        let mut met = Vec::new();
        for segment in 0..total {
            let mut start = None;
            loop {
                let input = ScanInput {
                    segment: Some(segment.into()),
                    total_segments: Some(total.into()),
                    limit: Some(limit.into()),
                    exclusive_start_key: start,
                    ..Default::default()
                };
                let page = self.world.scan(input).expect("scan");
                met.extend(page.items.expect("items").iter().map(|item| (**item).clone()));
                start = page.last_evaluated_key;
                if start.is_none() {
                    break;
                }
            }
        }
        assert_same(met, self.items.clone());
    }

    fn check(&self) {
        self.world.check();
        let table = self.world.tables.all().next().expect("tab");
        assert_eq!(table.item_count(), self.items.len());
        let sizes = self.items.iter().map(anabranch_tables::item_size);
        assert_eq!(table.item_bytes(), sizes.sum::<usize>() as u64);
        for item in &self.items {
            let key = [("h", item["h"].clone()), ("r", item["r"].clone())];
            let there = self.world.get(crate::world::item(key));
            assert_eq!(there.as_deref(), Some(item));
        }
        self.scan(1, 100);
    }
}

/// The same items, in whatever order.
fn assert_same(mut some: Vec<Item>, mut others: Vec<Item>) {
    let order = |item: &Item| format!("{item:?}");
    some.sort_by_key(order);
    others.sort_by_key(order);
    assert_eq!(some, others);
}

proptest! {
    #[test]
    fn tables_do_what_a_list_of_items_does(steps in steps()) {
        let mut model = Model::new();
        for step in steps {
            model.step(step);
        }
        model.check();
    }
}
