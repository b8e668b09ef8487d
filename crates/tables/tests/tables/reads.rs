//! GetItem, Query, and reading in batches.

use crate::world::{World, definition, index, item, n, query, s, t, table};
use anabranch_tables::Item;
use anabranch_tables::ops::{
    BatchGetItem, BatchGetItemInput, BatchWriteItem, BatchWriteItemInput, KeysAndAttributes, Page,
    QueryInput, ReturnConsumedCapacity, Select, WriteRequest,
};
use anabranch_tables::schema::{KeyType, ProjectionType};
use std::collections::BTreeMap;

/// `tab` with the keys `h` and `r`, and an index of each kind.
fn world() -> World {
    let mut world = World::new();
    let mut input = table(&[("h", KeyType::S), ("r", KeyType::N)]);
    input.attribute_definitions.push(definition("g", KeyType::S));
    input.attribute_definitions.push(definition("l", KeyType::S));
    let global = index("by-g", &["g", "r"], ProjectionType::KeysOnly);
    let included = index("with-extra", &["g"], ProjectionType::Include);
    input.global_secondary_indexes = Some(vec![global, included]);
    input.local_secondary_indexes =
        Some(vec![index("by-l", &["h", "l"], ProjectionType::KeysOnly)]);
    world.create(input).expect("a table");
    for r in [3, 1, 10, -2, 20] {
        let mut one = item([("h", s("a")), ("r", n(r)), ("extra", n(r)), ("rest", s("o"))]);
        one.insert("l".to_owned(), s(&format!("l{}", 100 - r)));
        if r > 0 {
            one.insert("g".to_owned(), s(if r > 5 { "high" } else { "low" }));
        }
        world.put(one);
    }
    world.put(item([("h", s("aa")), ("r", n(1))]));
    world
}

fn ranges(page: &Page) -> Vec<i64> {
    let items = page.items.as_ref().expect("items").iter();
    items
        .map(|item| match &item["r"] {
            anabranch_tables::AttributeValue::N(number) => number.to_i64().expect("small"),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn refusal(world: &World, input: QueryInput) -> String {
    world.query(input).expect_err("refused").to_string()
}

#[test]
fn a_query_goes_in_the_order_of_range_keys() {
    let world = world();
    let cases = [
        ("h = :h", vec![], vec![-2, 1, 3, 10, 20]),
        ("h = :h AND r = :x", vec![3], vec![3]),
        ("h = :h AND r < :x", vec![3], vec![-2, 1]),
        ("h = :h AND r <= :x", vec![3], vec![-2, 1, 3]),
        ("h = :h AND r > :x", vec![3], vec![10, 20]),
        ("h = :h AND r >= :x", vec![3], vec![3, 10, 20]),
        ("h = :h AND r BETWEEN :x AND :y", vec![1, 10], vec![1, 3, 10]),
        ("r > :x AND h = :h", vec![100], vec![]),
    ];
    for (text, numbers, expected) in cases {
        let mut values = item([(":h", s("a"))]);
        for (name, number) in [":x", ":y"].iter().zip(numbers) {
            values.insert((*name).to_owned(), n(number));
        }
        let input = QueryInput {
            key_condition_expression: Some(text.to_owned()),
            expression_attribute_values: Some(values),
            ..Default::default()
        };
        let page = world.query(input.clone()).expect("query");
        assert_eq!(ranges(&page), expected, "{text}");
        assert_eq!(page.last_evaluated_key, None);
        let back = QueryInput { scan_index_forward: Some(false), ..input };
        let mut backwards = ranges(&world.query(back).expect("query"));
        backwards.reverse();
        assert_eq!(backwards, expected, "{text}, backwards");
    }
}

#[test]
fn pages_of_a_query_join_in_both_directions_and_over_deleted_items() {
    for is_forward in [true, false] {
        let mut world = world();
        let (mut met, mut start) = (Vec::new(), None);
        loop {
            let input = QueryInput {
                limit: Some(2),
                scan_index_forward: Some(is_forward),
                exclusive_start_key: start,
                ..query("h = :h", [(":h", s("a"))])
            };
            let page = world.query(input).expect("query");
            met.extend(ranges(&page));
            let Some(key) = page.last_evaluated_key else { break };
            assert_eq!(page.count, 2);
            world.delete(key.clone());
            start = Some(key);
        }
        let mut expected = vec![-2, 1, 3, 10, 20];
        if !is_forward {
            expected.reverse();
        }
        assert_eq!(met, expected);
    }
}

#[test]
fn an_index_has_its_items_in_its_own_order() {
    let world = world();
    let of = |index: &str, text: &str, value: &str| {
        let input =
            QueryInput { index_name: Some(index.to_owned()), ..query(text, [(":v", s(value))]) };
        world.query(input).expect("query")
    };
    let page = of("by-g", "g = :v", "high");
    assert_eq!(ranges(&page), [10, 20]);
    let first = page.items.expect("items").remove(0);
    assert_eq!(*first, item([("h", s("a")), ("r", n(10)), ("g", s("high"))]), "only keys");
    assert_eq!(ranges(&of("by-g", "g = :v", "none")), []);
    let mut included = ranges(&of("with-extra", "g = :v", "low"));
    included.sort_unstable();
    assert_eq!(included, [1, 3]);
    let page = of("by-l", "h = :v", "a");
    assert_eq!(ranges(&page), [-2, 20, 10, 3, 1], "l102, l80, l90, l97, l99");
}

#[test]
fn pages_of_an_index_join_where_keys_are_the_same() {
    let mut world = world();
    for r in 100..110 {
        world.put(item([("h", s("same")), ("r", n(r)), ("g", s("many"))]));
    }
    let (mut met, mut start) = (Vec::new(), None);
    loop {
        let input = QueryInput {
            index_name: Some("with-extra".to_owned()),
            limit: Some(3),
            exclusive_start_key: start,
            ..query("g = :v", [(":v", s("many"))])
        };
        let page = world.query(input).expect("query");
        met.extend(ranges(&page));
        start = page.last_evaluated_key;
        if start.is_none() {
            break;
        }
    }
    assert_eq!(met, (100..110).collect::<Vec<_>>());
}

#[test]
fn a_local_index_fetches_what_it_does_not_have() {
    let world = world();
    let input = QueryInput {
        index_name: Some("by-l".to_owned()),
        return_consumed_capacity: ReturnConsumedCapacity::Indexes,
        ..query("h = :v", [(":v", s("a"))])
    };
    let page = world.query(input.clone()).expect("query");
    assert_eq!(page.items.as_ref().expect("items")[0].len(), 3, "keys");
    let capacity = page.consumed_capacity.expect("asked for").parts.expect("by index");
    assert_eq!((capacity.table, capacity.local_secondary_indexes["by-l"]), (0.0, 0.5));
    let all = QueryInput { select: Some(Select::AllAttributes), ..input };
    let page = world.query(all).expect("query");
    assert!(page.items.as_ref().expect("items")[0].contains_key("rest"));
    let capacity = page.consumed_capacity.expect("asked for").parts.expect("by index");
    assert_eq!((capacity.table, capacity.local_secondary_indexes["by-l"]), (2.5, 0.5));
}

#[test]
fn a_global_index_answers_only_what_it_has() {
    let world = world();
    let by_g = || QueryInput {
        index_name: Some("by-g".to_owned()),
        ..query("g = :v", [(":v", s("low"))])
    };
    assert_eq!(
        refusal(&world, QueryInput { consistent_read: true, ..by_g() }),
        "Consistent reads are not supported on global secondary indexes"
    );
    assert_eq!(
        refusal(&world, QueryInput { select: Some(Select::AllAttributes), ..by_g() }),
        "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported \
         for global secondary index by-g because its projection type is not ALL"
    );
    assert_eq!(
        refusal(&world, QueryInput { projection_expression: Some("h, rest".into()), ..by_g() }),
        "One or more parameter values were invalid: Global secondary index by-g does not project \
         [rest]"
    );
    assert_eq!(
        refusal(&world, QueryInput { index_name: Some("none".into()), ..by_g() }),
        "The table does not have the specified index: none"
    );
}

#[test]
fn a_filter_is_asked_after_the_limit_and_not_about_keys() {
    let world = world();
    let filtered = |filter: &str, limit| {
        let mut input = query("h = :h", [(":h", s("a")), (":x", n(3))]);
        input.filter_expression = Some(filter.to_owned());
        input.limit = limit;
        input
    };
    let page = world.query(filtered("extra > :x", None)).expect("query");
    assert_eq!((ranges(&page), page.count, page.scanned_count), (vec![10, 20], 2, 5));
    let page = world.query(filtered("extra > :x", Some(3))).expect("query");
    assert_eq!((ranges(&page), page.count, page.scanned_count), (vec![], 0, 3));
    assert!(page.last_evaluated_key.is_some(), "there may be more");
    assert_eq!(
        refusal(&world, filtered("r > :x", None)),
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: r"
    );
}

#[test]
fn a_starting_key_is_one_of_the_query() {
    let world = world();
    let from = |key: Item, text: &str| QueryInput {
        exclusive_start_key: Some(key),
        ..query(text, [(":h", s("a")), (":x", n(3))])
    };
    let cases = [
        (item([("h", s("a"))]), "h = :h AND r > :x", "The provided starting key is invalid"),
        (
            item([("h", s("b")), ("r", n(5))]),
            "h = :h AND r > :x",
            "The provided starting key is outside query boundaries based on provided conditions",
        ),
        (
            item([("h", s("a")), ("r", n(1))]),
            "h = :h AND r > :x",
            "The provided starting key does not match the range key predicate",
        ),
        (
            item([("h", s("a")), ("r", n(3))]),
            "h = :h AND r = :x",
            "The query can return at most one row and cannot be restarted",
        ),
        (
            item([("h", s("a")), ("r", s("3"))]),
            "h = :h AND r > :x",
            "The provided starting key is invalid: The provided key element does not match the \
             schema",
        ),
    ];
    for (key, text, expected) in cases {
        assert_eq!(refusal(&world, from(key, text)), expected);
    }
}

#[test]
fn a_key_that_nothing_can_have_is_refused() {
    let world = world();
    let long = query("h = :h", [(":h", s(&"a".repeat(70_000)))]);
    assert_eq!(
        refusal(&world, long),
        "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size \
         limit of2048 bytes"
    );
}

#[test]
fn select_and_projection_go_together() {
    let world = world();
    let count = QueryInput { select: Some(Select::Count), ..query("h = :h", [(":h", s("a"))]) };
    let page = world.query(count.clone()).expect("query");
    assert_eq!((page.items, page.count, page.scanned_count), (None, 5, 5));
    let projected = QueryInput { projection_expression: Some("h".into()), ..count };
    let cases = [
        (
            Select::Count,
            "Cannot specify the ProjectionExpression when choosing to get only the Count",
        ),
        (
            Select::AllAttributes,
            "Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES",
        ),
        (
            Select::AllProjectedAttributes,
            "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
        ),
    ];
    for (select, expected) in cases {
        let input = QueryInput { select: Some(select), ..projected.clone() };
        assert_eq!(refusal(&world, input), expected);
    }
    let specific = QueryInput { select: Some(Select::SpecificAttributes), ..projected };
    let page = world.query(specific).expect("query");
    assert_eq!(*page.items.expect("items")[0], item([("h", s("a"))]));
}

#[test]
fn batches_write_and_read_many_items() {
    let mut world = World::of_keys(&[("h", KeyType::N)]);
    let key = |h: i32| item([("h", n(h))]);
    let write = |world: &mut World, requests: Vec<WriteRequest>| {
        let request_items = BTreeMap::from([(t(), requests)]);
        let write = BatchWriteItem::parse(BatchWriteItemInput {
            request_items,
            return_consumed_capacity: ReturnConsumedCapacity::Total,
            ..Default::default()
        })?;
        let decided = write.decide(&world.tables, &world.scope, world.now_ms);
        world.commit(decided)
    };
    let puts = (0..25).map(|h| WriteRequest::Put(key(h))).collect();
    let answer = write(&mut world, puts).expect("25 writes");
    let capacity = answer.consumed_capacity.expect("asked for");
    assert_eq!((capacity.len(), capacity[0].capacity_units), (1, 25.0));
    write(&mut world, vec![WriteRequest::Delete(key(0)), WriteRequest::Put(key(30))])
        .expect("both");
    let twice = vec![WriteRequest::Put(key(1)), WriteRequest::Delete(key(1))];
    let refused = write(&mut world, twice).expect_err("twice").to_string();
    assert_eq!(refused, "Provided list of item keys contains duplicates");
    let many = (0..26).map(|h| WriteRequest::Put(key(h))).collect();
    let refused = write(&mut world, many).expect_err("too many").to_string();
    assert!(refused.contains("Member must have length less than or equal to 25"), "{refused}");

    let read = |keys: Vec<Item>| {
        let asked = KeysAndAttributes { keys, consistent_read: true, ..Default::default() };
        let request_items = BTreeMap::from([(t(), asked)]);
        let input = BatchGetItemInput { request_items, ..Default::default() };
        BatchGetItem::parse(input)?.read(&world.tables, &world.scope, world.now_ms)
    };
    let answer = read((0..40).map(key).collect()).expect("40 keys");
    assert_eq!(answer.responses["tab"].len(), 25);
    assert!(answer.unprocessed_keys.is_empty());
    let refused = read(vec![key(1), key(1)]).expect_err("twice").to_string();
    assert_eq!(refused, "Provided list of item keys contains duplicates");
    world.check();
}

#[test]
fn a_batch_that_is_too_large_to_answer_says_what_is_left() {
    let mut world = World::of_keys(&[("h", KeyType::N)]);
    let value = "x".repeat(399 * 1024);
    for h in 0..50 {
        world.put(item([("h", n(h)), ("v", s(&value))]));
    }
    let mut keys: Vec<Item> = (0..50).map(|h| item([("h", n(h))])).collect();
    let mut answers = Vec::new();
    while !keys.is_empty() {
        let asked = KeysAndAttributes { keys, ..Default::default() };
        let request_items = BTreeMap::from([(t(), asked)]);
        let input = BatchGetItemInput { request_items, ..Default::default() };
        let get = BatchGetItem::parse(input).expect("parses");
        let mut answer = get.read(&world.tables, &world.scope, world.now_ms).expect("get");
        answers.push(answer.responses["tab"].len());
        keys = answer.unprocessed_keys.remove("tab").map(|rest| rest.keys).unwrap_or_default();
    }
    assert_eq!(answers, [42, 8], "16 MiB, and the rest");
}
