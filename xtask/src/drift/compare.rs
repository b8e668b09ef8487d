//! Finds every difference between two descriptions of the same operations.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use super::schema::{Operation, Shape};

/// One difference: where, of which kind, and what the two sides say.
#[derive(Debug, PartialEq)]
pub(crate) struct Difference {
    /// `Operation.side.Member…`, with `member`, `key`, `value` for parts of lists and maps.
    pub(crate) path: String,
    pub(crate) kind: &'static str,
    pub(crate) detail: String,
}

/// All differences between the published operations and ours. An operation of ours that is `None`
/// is known to be unsupported and is only required to exist on the other side.
pub(crate) fn compare(
    theirs: &BTreeMap<String, Operation>,
    ours: &BTreeMap<String, Option<Operation>>,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for (name, their_operation) in theirs {
        match ours.get(name) {
            None => note(&mut found, name, "missing-operation", "we do not name it at all"),
            Some(None) => {}
            Some(Some(our_operation)) => {
                compare_operation(&mut found, name, their_operation, our_operation);
            }
        }
    }
    for name in ours.keys().filter(|name| !theirs.contains_key(*name)) {
        note(&mut found, name, "extra-operation", "the model does not have it");
    }
    found
}

fn compare_operation(
    found: &mut Vec<Difference>,
    name: &str,
    theirs: &Operation,
    ours: &Operation,
) {
    compare_parts(found, &format!("{name}.input"), &theirs.input, &ours.input);
    compare_parts(found, &format!("{name}.output"), &theirs.output, &ours.output);
    compare_sets(found, &format!("{name}.errors"), "error", &theirs.errors, &ours.errors);
}

fn compare_parts(
    found: &mut Vec<Difference>,
    path: &str,
    theirs: &BTreeMap<String, Shape>,
    ours: &BTreeMap<String, Shape>,
) {
    for (name, their_shape) in theirs {
        let path = format!("{path}.{name}");
        match ours.get(name) {
            Some(our_shape) => compare_shapes(found, &path, their_shape, our_shape),
            None => note(found, &path, "missing-member", "we do not have it"),
        }
    }
    for name in ours.keys().filter(|name| !theirs.contains_key(*name)) {
        note(found, &format!("{path}.{name}"), "extra-member", "the model does not have it");
    }
}

fn compare_shapes(found: &mut Vec<Difference>, path: &str, theirs: &Shape, ours: &Shape) {
    compare_values(found, path, "type", &theirs.kind, &ours.kind);
    compare_values(found, path, "required", &theirs.required, &ours.required);
    compare_values(found, path, "min", &theirs.min, &ours.min);
    compare_values(found, path, "max", &theirs.max, &ours.max);
    compare_values(found, path, "pattern", &theirs.pattern, &ours.pattern);
    compare_sets(found, path, "enum", &theirs.values, &ours.values);
    compare_parts(found, path, &theirs.parts, &ours.parts);
}

fn compare_values<T: PartialEq + Debug>(
    found: &mut Vec<Difference>,
    path: &str,
    kind: &'static str,
    theirs: &T,
    ours: &T,
) {
    if theirs != ours {
        note(found, path, kind, &format!("the model says {theirs:?}, we say {ours:?}"));
    }
}

fn compare_sets(
    found: &mut Vec<Difference>,
    path: &str,
    noun: &str,
    theirs: &BTreeSet<String>,
    ours: &BTreeSet<String>,
) {
    let (missing, extra) = match noun {
        "error" => ("missing-error", "extra-error"),
        _ => ("missing-enum-value", "extra-enum-value"),
    };
    for value in theirs.difference(ours) {
        note(found, &format!("{path}.{value}"), missing, "only the model has it");
    }
    for value in ours.difference(theirs) {
        note(found, &format!("{path}.{value}"), extra, "only we have it");
    }
}

fn note(found: &mut Vec<Difference>, path: &str, kind: &'static str, detail: &str) {
    found.push(Difference { path: path.to_owned(), kind, detail: detail.to_owned() });
}
