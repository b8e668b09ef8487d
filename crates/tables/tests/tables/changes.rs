//! UpdateTable, tags, time to live, backups.

use crate::world::{World, definition, index, item, n, query, s, table};
use anabranch_tables::Settings;
use anabranch_tables::error::Error;
use anabranch_tables::ops::{
    IndexUpdate, QueryInput, Status, TableDescription, TimeToLiveSpecification, UpdateTableInput,
    delete_table, describe_continuous_backups, describe_table, describe_time_to_live,
    list_tags_of_resource, tag_resource, untag_resource, update_continuous_backups, update_table,
    update_time_to_live,
};
use anabranch_tables::schema::{BillingMode, KeyType, ProjectionType, Throughput};

fn change(world: &mut World, input: UpdateTableInput) -> Result<TableDescription, Error> {
    let input = UpdateTableInput { table_name: "tab".into(), ..input };
    let decided = update_table(&world.tables, &world.scope, &input, world.now_ms);
    world.commit(decided)
}

fn new_index() -> UpdateTableInput {
    UpdateTableInput {
        attribute_definitions: vec![definition("leaseOwner", KeyType::S)],
        index_updates: vec![IndexUpdate::Create(index(
            "LeaseOwnerToLeaseKeyIndex",
            &["leaseOwner", "leaseKey"],
            ProjectionType::KeysOnly,
        ))],
        ..Default::default()
    }
}

fn by_owner(owner: &str) -> QueryInput {
    QueryInput {
        index_name: Some("LeaseOwnerToLeaseKeyIndex".into()),
        ..query("leaseOwner = :o", [(":o", s(owner))])
    }
}

#[test]
fn an_index_comes_late_with_all_items_and_goes() {
    let settings = Settings { transition_ms: 100, ..Settings::default() };
    let mut world = World::with(settings);
    world.create(table(&[("leaseKey", KeyType::S)])).expect("a table");
    world.now_ms += 100;
    let empty = world.tables.memory();
    for number in 0..10 {
        let mut lease = item([("leaseKey", s(&format!("shard-{number}"))), ("x", n(number))]);
        if number % 2 == 0 {
            lease.insert("leaseOwner".into(), s("w"));
        }
        world.put(lease);
    }
    let before = world.tables.memory();
    let changed = change(&mut world, new_index()).expect("an index");
    assert_eq!(changed.status, Status::Updating);
    assert_eq!(changed.indexes[0].status, Status::Creating);
    assert!(world.tables.memory() > before);
    assert_eq!(
        world.query(by_owner("w")).expect_err("not yet").to_string(),
        "Cannot read from backfilling global secondary index: LeaseOwnerToLeaseKeyIndex"
    );
    let refused = change(&mut world, new_index()).expect_err("it is being changed");
    assert_eq!(
        refused.to_string(),
        "Attempt to change a resource which is still in use: Table is being updated: tab"
    );
    world.put(item([("leaseKey", s("late")), ("leaseOwner", s("w"))]));
    world.now_ms += 100;
    let page = world.query(by_owner("w")).expect("it is there");
    assert_eq!(page.count, 6);
    let described = describe_table(&world.tables, &world.scope, "tab", world.now_ms);
    let described = described.expect("it is there");
    assert_eq!(described.indexes[0].item_count, 6);
    assert_eq!(described.item_count, 11);
    world.restart();
    assert_eq!(world.query(by_owner("w")).expect("it is there").count, 6);

    let refused = change(&mut world, new_index()).expect_err("it is there").to_string();
    assert_eq!(refused, "Attempting to create an index which already exists");
    let name = String::from("LeaseOwnerToLeaseKeyIndex");
    let gone = UpdateTableInput {
        index_updates: vec![IndexUpdate::Delete { index_name: name }],
        ..Default::default()
    };
    change(&mut world, gone.clone()).expect("it goes");
    world.now_ms += 100;
    change(&mut world, gone).expect_err("it is gone");
    world.query(by_owner("w")).expect_err("it is gone");
    for number in 0..10 {
        world.delete(item([("leaseKey", s(&format!("shard-{number}")))]));
    }
    world.delete(item([("leaseKey", s("late"))]));
    assert_eq!(world.tables.memory(), empty, "all that was counted is given back");
    world.check();
}

#[test]
fn billing_and_protection_change() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    let units = Throughput { read_units: 3, write_units: 2 };
    let provisioned = || UpdateTableInput {
        billing_mode: Some(BillingMode::Provisioned),
        provisioned_throughput: Some(units),
        ..Default::default()
    };
    let changed = change(&mut world, provisioned()).expect("provisioned");
    assert_eq!(changed.schema.billing.throughput(), units);
    let refused = change(&mut world, provisioned()).expect_err("the same").to_string();
    assert!(
        refused.starts_with(
            "The provisioned throughput for the table will not change. The requested value equals \
             the current value. Current ReadCapacityUnits provisioned for the table: 3."
        ),
        "{refused}"
    );
    let by_request =
        UpdateTableInput { billing_mode: Some(BillingMode::PayPerRequest), ..Default::default() };
    let changed = change(&mut world, by_request).expect("by request");
    assert_eq!(changed.schema.billing.mode(), BillingMode::PayPerRequest);
    let protect =
        |is_on| UpdateTableInput { deletion_protection_enabled: Some(is_on), ..Default::default() };
    assert!(change(&mut world, protect(true)).expect("protected").schema.is_protected);
    let refused = delete_table(&world.tables, &world.scope, "tab", world.now_ms);
    assert_eq!(
        refused.expect_err("protected").to_string(),
        "Resource cannot be deleted as it is currently protected against deletion. Disable \
         deletion protection first."
    );
    change(&mut world, protect(false)).expect("not protected");
    delete_table(&world.tables, &world.scope, "tab", world.now_ms).expect("it may go");
    change(&mut world, UpdateTableInput::default()).expect_err("nothing to change");
    world.check();
}

#[test]
fn only_one_index_comes_or_goes_at_once() {
    let mut world = World::of_keys(&[("leaseKey", KeyType::S)]);
    let mut two = new_index();
    two.index_updates.push(IndexUpdate::Delete { index_name: "other".into() });
    assert_eq!(
        change(&mut world, two).expect_err("two").to_string(),
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously \
         per table"
    );
    let mut other_type = new_index();
    other_type.attribute_definitions.push(definition("leaseKey", KeyType::N));
    change(&mut world, other_type).expect_err("the table says it is a string");
}

#[test]
fn tags_come_and_go() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    let arn = world.scope.table_arn("tab");
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let tags = [tag("a", "1"), tag("b", "2")];
    let decided = tag_resource(&world.tables, &world.scope, &arn, &tags);
    world.commit(decided).expect("tagged");
    let decided = tag_resource(&world.tables, &world.scope, &arn, &[tag("a", "3")]);
    world.commit(decided).expect("tagged");
    let decided =
        untag_resource(&world.tables, &world.scope, &arn, vec!["b".into(), "none".into()]);
    world.commit(decided).expect("untagged");
    let tags = list_tags_of_resource(&world.tables, &world.scope, &arn).expect("tags");
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), [tag("a", "3")]);
    let other = world.scope.table_arn("other");
    let refused = list_tags_of_resource(&world.tables, &world.scope, &other);
    assert_eq!(
        refused.expect_err("none").to_string(),
        format!("Requested resource not found: ResourcArn: {other} not found")
    );
    list_tags_of_resource(&world.tables, &world.scope, "tab").expect_err("no ARN");
    world.check();
}

#[test]
fn time_to_live_is_on_or_off_for_one_attribute() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    let mut set = |enabled, name: &str| {
        let specification = TimeToLiveSpecification { enabled, attribute_name: name.to_owned() };
        let decided =
            update_time_to_live(&world.tables, &world.scope, "tab", specification, world.now_ms);
        world.commit(decided).map_err(|error| error.to_string())
    };
    assert_eq!(set(false, "ends").expect_err("off"), "TimeToLive is already disabled");
    set(true, "ends").expect("on");
    assert_eq!(set(true, "ends").expect_err("on"), "TimeToLive is already enabled");
    assert_eq!(
        set(true, "other").expect_err("another"),
        "TimeToLive is active on a different AttributeName: current AttributeName is ends"
    );
    assert!(set(true, "").is_err());
    let described = describe_time_to_live(&world.tables, &world.scope, "tab").expect("it is there");
    assert_eq!(described.as_deref(), Some("ends"));
    world.restart();
    let specification =
        TimeToLiveSpecification { enabled: false, attribute_name: "ends".to_owned() };
    let decided =
        update_time_to_live(&world.tables, &world.scope, "tab", specification, world.now_ms);
    world.commit(decided).expect("off");
    let described = describe_time_to_live(&world.tables, &world.scope, "tab").expect("it is there");
    assert_eq!(described, None);
}

#[test]
fn backups_are_as_they_were_asked_for() {
    let mut world = World::of_keys(&[("h", KeyType::S)]);
    let days = |world: &World| {
        let told = describe_continuous_backups(&world.tables, &world.scope, "tab");
        told.expect("it is there").recovery_days
    };
    assert_eq!(days(&world), None);
    for (is_on, asked, expected) in
        [(true, None, Some(35)), (true, Some(7), Some(7)), (false, None, None)]
    {
        let (tables, scope) = (&world.tables, &world.scope);
        let decided = update_continuous_backups(tables, scope, "tab", is_on, asked, world.now_ms);
        assert_eq!(world.commit(decided).expect("set").recovery_days, expected);
        assert_eq!(days(&world), expected);
        world.check();
    }
    let (tables, scope) = (&world.tables, &world.scope);
    update_continuous_backups(tables, scope, "tab", true, Some(36), world.now_ms)
        .expect_err("too many");
}

#[test]
fn units_of_an_index_change_while_they_are_bought() {
    let units = |read_units, write_units| Throughput { read_units, write_units };
    let mut input = table(&[("h", KeyType::S), ("r", KeyType::S)]);
    input.billing_mode = Some(BillingMode::Provisioned);
    input.provisioned_throughput = Some(units(1, 1));
    let mut by_r = index("by-r", &["r"], ProjectionType::All);
    by_r.provisioned_throughput = Some(units(2, 2));
    input.global_secondary_indexes = Some(vec![by_r]);
    let mut world = World::new();
    world.create(input).expect("a table");
    let update = |index_name: &str, units| UpdateTableInput {
        index_updates: vec![IndexUpdate::Update {
            index_name: index_name.to_owned(),
            provisioned_throughput: units,
        }],
        ..Default::default()
    };
    let changed = change(&mut world, update("by-r", units(3, 4))).expect("more");
    assert_eq!(changed.indexes[0].schema.throughput, Some(units(3, 4)));
    change(&mut world, update("none", units(3, 4))).expect_err("no such index");
    assert_eq!(
        change(&mut world, update("by-r", units(0, 4))).expect_err("nothing").to_string(),
        "1 validation error detected: Value '0' at \
         'globalSecondaryIndexUpdates.1.member.update.readCapacityUnits' failed to satisfy \
         constraint: Member must have value greater than or equal to 1"
    );
    let by_request =
        UpdateTableInput { billing_mode: Some(BillingMode::PayPerRequest), ..Default::default() };
    let changed = change(&mut world, by_request).expect("by request");
    assert_eq!(changed.indexes[0].schema.throughput, None);
    change(&mut world, update("by-r", units(3, 4))).expect_err("nothing is bought");
    world.check();
}
