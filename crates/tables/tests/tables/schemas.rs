//! What can be a table, and what cannot.

use crate::world::{World, definition, elements, index, table};
use anabranch_tables::ops::{
    CreateTable, CreateTableInput, ListTablesInput, ProjectionInput, Status, delete_table,
    describe_table, list_tables,
};
use anabranch_tables::schema::{BillingMode, KeyRole, KeyType, ProjectionType, Throughput};
use anabranch_tables::{Scope, Settings};
use std::sync::Arc;

const INVALID: &str = "One or more parameter values were invalid: ";

type Change = fn(&mut CreateTableInput);

/// A table of `h` and `r` with an index of each kind, changed.
fn refusal(change: Change) -> String {
    let mut input = table(&[("h", KeyType::S), ("r", KeyType::N)]);
    input.attribute_definitions.push(definition("x", KeyType::S));
    input.global_secondary_indexes = Some(vec![index("global", &["x"], ProjectionType::All)]);
    input.local_secondary_indexes = Some(vec![index("local", &["h", "x"], ProjectionType::All)]);
    change(&mut input);
    match World::new().create(input) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

fn locals(input: &mut CreateTableInput) -> &mut Vec<anabranch_tables::ops::IndexInput> {
    input.local_secondary_indexes.as_mut().expect("there are some")
}

fn globals(input: &mut CreateTableInput) -> &mut Vec<anabranch_tables::ops::IndexInput> {
    input.global_secondary_indexes.as_mut().expect("there are some")
}

#[test]
fn keys_and_indexes_fit_the_definitions() {
    assert_eq!(refusal(|_| ()), "");
    let cases: [(Change, &str); 23] = [
        (
            |input| input.key_schema = elements(&["h", "q"]),
            "Some index key attributes are not defined in AttributeDefinitions. Keys: [h, q], \
             AttributeDefinitions: [h, r, x]",
        ),
        (|input| input.key_schema = elements(&["h", "h"]), "Both the Hash Key and"),
        (
            |input| input.key_schema[0].key_type = KeyRole::Range,
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ),
        (
            |input| input.key_schema[1].key_type = KeyRole::Hash,
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        ),
        (
            |input| input.key_schema.clear(),
            "1 validation error detected: Value '[]' at 'keySchema' failed to satisfy constraint: \
             Member must have length greater than or equal to 1",
        ),
        (
            |input| {
                input.local_secondary_indexes = None;
                input.global_secondary_indexes = None;
            },
            "Number of attributes in KeySchema does not exactly match number of attributes defined \
             in AttributeDefinitions",
        ),
        (
            |input| input.attribute_definitions.push(definition("z", KeyType::S)),
            "Some AttributeDefinitions are not used. AttributeDefinitions: [h, r, x, z], keys \
             used: [h, r, x]",
        ),
        (|input| locals(input).clear(), "List of LocalSecondaryIndexes is empty"),
        (|input| globals(input).clear(), "List of GlobalSecondaryIndexes is empty"),
        (
            |input| {
                input.key_schema.pop();
            },
            "Table KeySchema does not have a range key, which is required when specifying a \
             LocalSecondaryIndex",
        ),
        (
            |input| locals(input)[0].key_schema = elements(&["h"]),
            "Index KeySchema does not have a range key for index: local",
        ),
        (
            |input| locals(input)[0].key_schema = elements(&["x", "r"]),
            "Index KeySchema does not have the same leading hash key as table KeySchema for index: \
             local. index hash key: x, table hash key: h",
        ),
        (|input| locals(input)[0].index_name = "global".into(), "Duplicate index name: global"),
        (
            |input| locals(input)[0].index_name = "l".into(),
            "Value 'l' at 'localSecondaryIndexes.1.member.indexName' failed to satisfy constraint: \
             Member must have length greater than or equal to 3",
        ),
        (
            |input| globals(input)[0].projection = ProjectionInput::default(),
            "Unknown ProjectionType: null",
        ),
        (
            |input| globals(input)[0].projection.non_key_attributes = Some(vec!["q".into()]),
            "ProjectionType is ALL, but NonKeyAttributes is specified",
        ),
        (
            |input| globals(input)[0].projection.projection_type = Some(ProjectionType::Include),
            "ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
        ),
        (
            |input| {
                for n in 0..5 {
                    let other = index(&format!("local{n}"), &["h", "x"], ProjectionType::All);
                    locals(input).push(other);
                }
            },
            "Number of LocalSecondaryIndexes exceeds per-table limit of 5",
        ),
        (
            |input| {
                for n in 0..20 {
                    globals(input).push(index(&format!("g{n:02}"), &["x"], ProjectionType::All));
                }
            },
            "GlobalSecondaryIndex count exceeds the per-table limit of 20",
        ),
        (
            |input| input.billing_mode = None,
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is \
             PROVISIONED",
        ),
        (
            |input| {
                let units = Throughput { read_units: 1, write_units: 1 };
                input.provisioned_throughput = Some(units);
            },
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is \
             PAY_PER_REQUEST",
        ),
        (
            |input| {
                input.billing_mode = Some(BillingMode::Provisioned);
                let units = Throughput { read_units: 1, write_units: 0 };
                input.provisioned_throughput = Some(units);
            },
            "Value '0' at 'provisionedThroughput.writeCapacityUnits' failed to satisfy constraint: \
             Member must have value greater than or equal to 1",
        ),
        (
            |input| {
                let units = Throughput { read_units: 1, write_units: 1 };
                globals(input)[0].provisioned_throughput = Some(units);
            },
            "ProvisionedThroughput should not be specified for index: global when BillingMode is \
             PAY_PER_REQUEST",
        ),
    ];
    for (change, expected) in cases {
        let refusal = refusal(change);
        assert!(!expected.is_empty() && refusal.contains(expected), "{refusal}\n{expected}");
        let has_head = ["Both", "Invalid KeySchema", "1 validation"]
            .iter()
            .any(|head| refusal.starts_with(head));
        assert!(has_head || refusal.starts_with(INVALID), "{refusal}");
    }
}

#[test]
fn a_table_is_described_as_it_was_made() {
    let settings = Settings { transition_ms: 500, ..Settings::default() };
    let mut world = World::with(settings);
    let mut input = table(&[("h", KeyType::S), ("r", KeyType::N)]);
    input.tags = vec![("team".into(), "leases".into())];
    input.deletion_protection_enabled = true;
    let created = world.create(input.clone()).expect("a table");
    assert_eq!(created.status, Status::Creating);
    assert_eq!(created.schema.arn(), "arn:aws:dynamodb:eu-west-1:000000000001:table/tab");
    assert_eq!(created.schema.definitions(), [("h", KeyType::S), ("r", KeyType::N)]);
    let id = created.schema.id();
    assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);

    let refused = world.create(input).expect_err("it is there").to_string();
    assert_eq!(refused, "Table already exists: tab");
    let get = anabranch_tables::ops::GetItem::parse(Default::default()).expect("parses");
    get.read(&world.tables, &world.scope, world.now_ms).expect_err("no name");
    let deleted = delete_table(&world.tables, &world.scope, "tab", world.now_ms);
    assert_eq!(
        deleted.expect_err("it is being created").to_string(),
        "Attempt to change a resource which is still in use: Table is being created: tab"
    );
    world.scan(Default::default()).expect_err("it is being created");
    world.now_ms += 500;
    world.scan(Default::default()).expect("it is there");
    let described =
        describe_table(&world.tables, &world.scope, "tab", world.now_ms).expect("it is there");
    assert_eq!((described.status, &described.schema), (Status::Active, &created.schema));
    world.check();
}

#[test]
fn tables_of_other_scopes_are_not_seen() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    let other = Scope { account: Arc::from("000000000002"), ..world.scope.clone() };
    let arn = world.scope.table_arn("tab");
    let described = describe_table(&world.tables, &world.scope, &arn, world.now_ms);
    assert_eq!(described.expect("by its ARN").schema.name.as_str(), "tab");
    let described = describe_table(&world.tables, &other, "tab", world.now_ms);
    assert_eq!(
        described.expect_err("another account").to_string(),
        "Requested resource not found: Table: tab not found"
    );
    describe_table(&world.tables, &other, &arn, world.now_ms).expect_err("another account");
    world.scope = other;
    world.create(table(&[("h", KeyType::N)])).expect("the name is free there");
    world.check();
}

#[test]
fn tables_are_listed_by_name_page_by_page() {
    let mut world = World::with(Settings { tables_max: 105, ..Settings::default() });
    for number in 0..105 {
        let mut input = table(&[("h", KeyType::S)]);
        input.table_name = format!("table-{number:03}");
        world.create(input).expect("a table");
    }
    let mut input = table(&[("h", KeyType::S)]);
    input.table_name = "one-too-many".into();
    assert_eq!(
        world.create(input).expect_err("one too many").to_string(),
        "Subscriber limit exceeded: There is a limit of 105 tables per subscriber"
    );
    let list = |limit, after: Option<&str>| {
        let exclusive_start_table_name = after.map(ToOwned::to_owned);
        let input = ListTablesInput { exclusive_start_table_name, limit };
        list_tables(&world.tables, &world.scope, &input)
    };
    let page = list(None, None).expect("a page");
    assert_eq!(page.table_names.len(), 100);
    assert_eq!(page.last_evaluated_table_name.as_deref(), Some("table-099"));
    let page = list(Some(5), Some("table-099")).expect("a page");
    assert_eq!(page.table_names.len(), 5);
    assert_eq!(page.last_evaluated_table_name, None);
    assert_eq!(
        list(Some(101), None).expect_err("too many").to_string(),
        "1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: Member \
         must have value less than or equal to 100"
    );
    world.check();
}

#[test]
fn a_deleted_table_leaves_its_name_and_its_memory() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    world.put(crate::world::item([("h", crate::world::s("a"))]));
    let first = world.tables.all().next().expect("tab").schema().clone();
    let deleted = delete_table(&world.tables, &world.scope, "tab", world.now_ms);
    assert_eq!(world.commit(deleted).expect("deleted").status, Status::Deleting);
    assert_eq!((world.tables.all().count(), world.tables.memory()), (0, 0));
    world.create(table(&[("h", KeyType::S)])).expect("again");
    let second = world.tables.all().next().expect("tab").schema().clone();
    assert_ne!(first.number, second.number);
    assert_ne!(first.id(), second.id());
    assert!(world.scan(Default::default()).expect("scan").items.expect("items").is_empty());
    world.check();
}

#[test]
fn a_number_that_is_taken_makes_no_table() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    world.put(crate::world::item([("h", crate::world::s("a"))]));
    let other = CreateTable::parse(table(&[("q", KeyType::N)])).expect("parses");
    let elsewhere = World::new();
    let (command, _) =
        other.decide(&elsewhere.tables, &world.scope, 1).expect("the first one there");
    world.apply(&command);
    assert_eq!(world.tables.all().count(), 1);
    assert!(world.get(crate::world::item([("h", crate::world::s("a"))])).is_some());
    world.check();
}
