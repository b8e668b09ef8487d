//! Expressions of tables: read as each kind there is, and asked about an item or carried out on it.
#![no_main]

use anabranch_tables::{
    AttributeValue, Condition, Invalid, Item, KeyCondition, Number, Placeholders, Projection,
    Update,
};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

fuzz_target!(|text: &str| {
    let things = item();
    let Ok(mut placeholders) = placeholders() else { return };
    match Condition::parse(text, &mut placeholders) {
        Ok(condition) => {
            assert!(condition.holds(&things).is_ok());
            assert!(condition.paths().all(|path| !path.head().is_empty()));
        }
        Err(error) => assert!(is_told(&error)),
    }
    match Update::parse(text, &mut placeholders).and_then(|update| update.apply(things.clone())) {
        Ok(updated) => drop(updated.touched.of(&updated.item)),
        Err(error) => assert!(is_told(&error)),
    }
    match Projection::parse(text, &mut placeholders) {
        Ok(projection) => {
            assert!(projection.of(&things).keys().all(|key| things.contains_key(key)))
        }
        Err(error) => assert!(is_told(&error)),
    }
    if let Err(error) = KeyCondition::parse(text, &mut placeholders) {
        assert!(is_told(&error));
    }
    if let Ok(number) = Number::parse(text) {
        assert_eq!(Number::parse(&number.to_string()), Ok(number));
    }
});

fn is_told(error: &Invalid) -> bool {
    !error.to_string().is_empty()
}

fn item() -> Item {
    let list = vec![AttributeValue::N(Number::from(1_i64)), AttributeValue::string("x")];
    let map = BTreeMap::from([("c".to_owned(), AttributeValue::L(list.clone()))]);
    Item::from([
        ("a".to_owned(), AttributeValue::L(list)),
        ("b".to_owned(), AttributeValue::M(map)),
        ("d".to_owned(), AttributeValue::N(Number::from(-7_i64))),
        ("e".to_owned(), AttributeValue::string("text")),
    ])
}

fn placeholders() -> Result<Placeholders, Invalid> {
    let names = BTreeMap::from([
        ("#a".to_owned(), "a".to_owned()),
        ("#b".to_owned(), "b".to_owned()),
        ("#dot".to_owned(), "a.b".to_owned()),
    ]);
    let set = AttributeValue::string_set(vec!["x".to_owned(), "y".to_owned()])?;
    let values = BTreeMap::from([
        (":n".to_owned(), AttributeValue::N(Number::from(2_i64))),
        (":s".to_owned(), AttributeValue::string("te")),
        (":l".to_owned(), AttributeValue::L(Vec::new())),
        (":set".to_owned(), set),
    ]);
    Placeholders::new(Some(names), Some(values))
}
