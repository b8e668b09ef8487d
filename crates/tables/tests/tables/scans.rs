//! Scan: pages, segments, starting keys.

use crate::world::{World, definition, index, item, n, s, table};
use anabranch_tables::ops::{ReturnConsumedCapacity, ScanInput, Select};
use anabranch_tables::schema::{KeyType, ProjectionType};
use anabranch_tables::{AttributeValue, Item};
use std::collections::BTreeMap;

/// All items of a segment, by pages of `limit`, with `between` after each.
fn segment(
    world: &mut World,
    segment: Option<(i64, i64)>,
    limit: i64,
    mut between: impl FnMut(&mut World),
) -> Vec<Item> {
    let (mut items, mut start) = (Vec::new(), None);
    loop {
        let page = world
            .scan(ScanInput {
                segment: segment.map(|(segment, _)| segment),
                total_segments: segment.map(|(_, total)| total),
                limit: Some(limit),
                exclusive_start_key: start,
                ..Default::default()
            })
            .expect("scan");
        items.extend(page.items.expect("items").iter().map(|item| (**item).clone()));
        between(world);
        start = page.last_evaluated_key;
        if start.is_none() {
            return items;
        }
    }
}

#[test]
fn segments_have_each_item_once_while_others_are_written() {
    for total in [1, 2, 3, 7, 64, 1000] {
        let mut world = World::of_keys(&[("h", KeyType::S), ("r", KeyType::N)]);
        let stays = |number: i32| item([("h", s(&format!("stays-{number}"))), ("r", n(1))]);
        let churns = |number: i32| item([("h", s(&format!("churns-{number}"))), ("r", n(1))]);
        for number in 0..200 {
            world.put(stays(number));
            world.put(churns(number));
        }
        let (mut met, mut step) = (BTreeMap::<String, usize>::new(), 0);
        for of in 0..total {
            let items = segment(&mut world, Some((of, total)), 7, |world| {
                for number in [step, step + 3] {
                    world.delete(churns(number % 400));
                    world.put(churns((number + 200) % 400));
                }
                step += 1;
            });
            for item in items {
                let AttributeValue::S(name) = &item["h"] else { panic!("a string") };
                *met.entry(name.clone()).or_default() += 1;
            }
        }
        for number in 0..200 {
            assert_eq!(met.get(&format!("stays-{number}")), Some(&1), "{number} of {total}");
        }
        world.check();
    }
}

#[test]
fn segments_are_even() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    for number in 0..4000 {
        world.put(item([("h", s(&format!("shardId-{number:012}")))]));
    }
    for of in 0..4 {
        let count = segment(&mut world, Some((of, 4)), 1000, |_| ()).len();
        assert!((900..1100).contains(&count), "segment {of} has {count}");
    }
}

#[test]
fn a_page_ends_with_the_item_that_makes_a_mebibyte() {
    let mut world = World::of_keys(&[("h", KeyType::N)]);
    let value = "x".repeat(300 * 1024);
    for number in 0..9 {
        world.put(item([("h", n(number)), ("v", s(&value))]));
    }
    let input = ScanInput {
        select: Some(Select::Count),
        filter_expression: Some("attribute_not_exists(v)".into()),
        return_consumed_capacity: ReturnConsumedCapacity::Total,
        consistent_read: true,
        ..Default::default()
    };
    let page = world.scan(input.clone()).expect("scan");
    assert_eq!((page.count, page.scanned_count), (0, 4), "before the filter");
    assert!(page.last_evaluated_key.is_some());
    assert_eq!(page.consumed_capacity.expect("asked for").capacity_units, 301.0);
    let next = ScanInput { exclusive_start_key: page.last_evaluated_key, ..input.clone() };
    let page = world.scan(next).expect("scan");
    let last = ScanInput { exclusive_start_key: page.last_evaluated_key, ..input };
    let page = world.scan(last).expect("scan");
    assert_eq!((page.scanned_count, page.last_evaluated_key), (1, None));
}

#[test]
fn a_limit_that_is_reached_gives_a_key_even_at_the_end() {
    let mut world = World::of_keys(&[("h", KeyType::N)]);
    world.put(item([("h", n(1))]));
    let scan = |limit, start| {
        let exclusive_start_key = start;
        world.scan(ScanInput { limit, exclusive_start_key, ..Default::default() }).expect("scan")
    };
    let page = scan(Some(1), None);
    assert_eq!(page.last_evaluated_key, Some(item([("h", n(1))])));
    let page = scan(Some(1), page.last_evaluated_key);
    assert_eq!((page.count, page.last_evaluated_key), (0, None));
    assert_eq!(scan(Some(2), None).last_evaluated_key, None);
}

#[test]
fn an_index_is_scanned_without_items_that_are_not_in_it() {
    let mut world = World::new();
    let mut input = table(&[("h", KeyType::N)]);
    input.attribute_definitions.push(definition("g", KeyType::S));
    input.global_secondary_indexes = Some(vec![index("by-g", &["g"], ProjectionType::KeysOnly)]);
    world.create(input).expect("a table");
    for number in 0..100 {
        let mut one = item([("h", n(number)), ("v", n(number))]);
        if number % 3 == 0 {
            one.insert("g".into(), s(&format!("g{}", number % 5)));
        }
        world.put(one);
    }
    let (mut count, mut start) = (0, None);
    loop {
        let page = world
            .scan(ScanInput {
                index_name: Some("by-g".into()),
                limit: Some(4),
                exclusive_start_key: start,
                ..Default::default()
            })
            .expect("scan");
        count += page.count;
        assert!(page.items.expect("items").iter().all(|item| item.len() == 2));
        start = page.last_evaluated_key;
        if let Some(key) = &start {
            assert_eq!(key.len(), 2, "keys of the table and of the index");
        } else {
            break;
        }
    }
    assert_eq!(count, 34);
}

#[test]
fn segments_and_starting_keys_are_checked() {
    let mut world = World::of_keys(&[("h", KeyType::N)]);
    for number in 0..20 {
        world.put(item([("h", n(number))]));
    }
    let of_first = segment(&mut world, Some((0, 2)), 100, |_| ()).remove(0);
    let refusal = |input| world.scan(input).expect_err("refused").to_string();
    let of = |segment, total_segments| ScanInput { segment, total_segments, ..Default::default() };
    assert_eq!(
        refusal(of(Some(1), None)),
        "The TotalSegments parameter is required but was not present in the request when Segment \
         parameter is present"
    );
    assert_eq!(
        refusal(of(None, Some(1))),
        "The Segment parameter is required but was not present in the request when parameter \
         TotalSegments is present"
    );
    assert_eq!(
        refusal(of(Some(2), Some(2))),
        "The Segment parameter is zero-based and must be less than parameter TotalSegments: \
         Segment: 2 is not less than TotalSegments: 2"
    );
    assert!(refusal(of(Some(0), Some(1_000_001))).contains("less than or equal to 1000000"));
    assert!(refusal(of(Some(-1), Some(1))).contains("greater than or equal to 0"));
    let mut elsewhere = of(Some(1), Some(2));
    elsewhere.exclusive_start_key = Some(of_first.clone());
    assert_eq!(
        refusal(elsewhere),
        "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use \
         ExclusiveStartKey with correct Segment. TotalSegments: 2 Segment: 1"
    );
    let mut more = of_first;
    more.insert("x".into(), n(1));
    let more = ScanInput { exclusive_start_key: Some(more), ..Default::default() };
    assert_eq!(refusal(more), "The provided starting key is invalid");
    assert_eq!(
        refusal(ScanInput { limit: Some(0), ..Default::default() }),
        "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member \
         must have value greater than or equal to 1"
    );
}
