//! Which functions there are, and where.

use crate::invalid::Problem;

const OF_CONDITIONS: &[&str] = &[
    "attribute_exists",
    "attribute_not_exists",
    "attribute_type",
    "begins_with",
    "contains",
    "size",
];
const OF_UPDATES: &[&str] = &["if_not_exists", "list_append"];

/// What is wrong with a function of this name in a condition.
pub(super) fn wrong_in_condition(name: &str) -> Option<Problem> {
    wrong(name, OF_CONDITIONS, OF_UPDATES, "a condition")
}

/// What is wrong with a function of this name in an update.
pub(super) fn wrong_in_update(name: &str) -> Option<Problem> {
    wrong(name, OF_UPDATES, OF_CONDITIONS, "an update")
}

fn wrong(name: &str, own: &[&str], others: &[&str], place: &'static str) -> Option<Problem> {
    if own.contains(&name) {
        return None;
    }
    let function = name.to_owned();
    Some(match others.contains(&name) {
        true => Problem::ForeignFunction { place, function },
        false => Problem::UnknownFunction(function),
    })
}
