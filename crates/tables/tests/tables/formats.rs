//! What was written by hand, as `docs/formats/tables.md` says, is read as it is meant.

use crate::world::{item, n, s};
use anabranch_tables::command::Command;
use anabranch_tables::ops::{TransactWriteItems, TransactWriteItemsInput, next_expiry_ms};
use anabranch_tables::schema::{IndexKind, KeyType, ProjectionType};
use anabranch_tables::{AttributeValue, Item, Place, PrimaryKey, Tables};
use bytes::Bytes;

macro_rules! seed {
    ($name:literal) => {
        include_bytes!(concat!("../../../../fuzz/seeds/tables/", $name))
    };
}

/// Tables after the commands of a seed, which may begin with a snapshot.
fn replay(mut seed: &[u8]) -> Tables {
    let mut next = || {
        let (len, rest) = seed.split_first_chunk::<2>()?;
        let (piece, rest) = rest.split_at(u16::from_le_bytes(*len).into());
        seed = rest;
        Some(piece)
    };
    let snapshot = next().expect("it may be empty");
    let mut tables = match snapshot {
        [] => Tables::default(),
        _ => Tables::restore(snapshot).expect("it is read"),
    };
    while let Some(piece) = next() {
        let command = Command::decode(piece).expect("it is read");
        let number = tables.applied() + 1;
        tables.apply(&command, Place { number, arrival_ms: 5 });
    }
    tables
}

fn every_type() -> Item {
    let texts = |texts: [&str; 2]| texts.map(ToOwned::to_owned).to_vec();
    let bytes = |bytes: &'static str| Bytes::from_static(bytes.as_bytes());
    let map = AttributeValue::M(item([("y", s("z"))]));
    item([
        ("b", AttributeValue::B(bytes("ab"))),
        ("bs", AttributeValue::binary_set(vec![bytes("a"), bytes("b")]).expect("a set")),
        ("e", n(1)),
        ("g", s("q")),
        ("h", s("x")),
        ("l", AttributeValue::B(bytes("l"))),
        ("li", AttributeValue::L(vec![AttributeValue::Null, AttributeValue::Bool(true), map])),
        ("ns", AttributeValue::number_set(&["1"]).expect("a set")),
        ("r", n(1)),
        ("ss", AttributeValue::string_set(texts(["a", "b"])).expect("a set")),
        ("x", s("x")),
    ])
}

#[test]
fn commands_do_as_they_say() {
    let tables = replay(seed!("commands"));
    let table = tables.all().next().expect("a table");
    let schema = table.schema();
    assert_eq!((schema.name.as_str(), &*schema.scope.region), ("tab", "eu-west-1"));
    assert_eq!(
        schema.definitions(),
        [("h", KeyType::S), ("r", KeyType::N), ("l", KeyType::B), ("g", KeyType::S),]
    );
    let kinds =
        schema.indexes.iter().map(|one| (one.name.as_str(), one.kind, one.projection.kind()));
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [
            ("local", IndexKind::Local, ProjectionType::All),
            ("late", IndexKind::Global, ProjectionType::KeysOnly),
        ]
    );
    assert_eq!(schema.billing.throughput().write_units, 6);
    assert!(schema.is_protected && !schema.is_encrypted);
    assert_eq!(schema.recovery_days, Some(35));
    assert_eq!(schema.tags.keys().collect::<Vec<_>>(), ["k"]);
    let key = PrimaryKey::of(&schema.keys, &every_type()).expect("a key");
    assert_eq!(*table.get(&key).expect("it is there").item, every_type());
    assert_eq!(next_expiry_ms(&tables, 0), Some(2000));
}

#[test]
fn items_and_tables_go() {
    let tables = replay(seed!("items_go"));
    assert_eq!(tables.all().next().expect("a table").item_count(), 0);
    // A number is never given twice, but a table that is gone may be made again by hand.
    let tables = replay(seed!("table_goes"));
    assert_eq!(tables.all().map(|table| table.item_count()).collect::<Vec<_>>(), [0]);
}

#[test]
fn a_snapshot_is_read() {
    let tables = replay(seed!("snapshot"));
    assert_eq!((tables.applied(), tables.next_table()), (9, 1));
    let table = tables.all().next().expect("a table");
    assert_eq!((table.item_count(), table.schema().tags["k"].as_str()), (1, "v"));
    let same_token = TransactWriteItems::parse(TransactWriteItemsInput {
        transact_items: vec![anabranch_tables::ops::TransactAction::Delete {
            table_name: "tab".into(),
            key: item([("h", s("x")), ("r", n(1))]),
            condition: Default::default(),
        }],
        client_request_token: Some("token".into()),
        ..Default::default()
    });
    let decided =
        same_token.expect("parses").decide(&tables, &table.schema().scope, 5).expect_err("taken");
    assert_eq!(decided, anabranch_tables::error::Error::IdempotentParameterMismatch);
}
