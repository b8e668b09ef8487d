//! Parameters from before there were expressions, as what expressions become. Names are attributes: a dot in
//! them is a dot.

mod comparison;
mod conditions;
mod updates;

pub use comparison::ComparisonOperator;
pub use conditions::{Comparison, ConditionalOperator, Expected, expected, filter, key_conditions};
pub use updates::{AttributeAction, AttributeUpdate, attribute_updates};

use crate::expression::{Path, Projection};
use crate::invalid::{Invalid, LegacyProblem};
use std::collections::BTreeSet;

/// The projection that `AttributesToGet` is. A name twice is refused.
pub fn attributes_to_get(names: Vec<String>) -> Result<Projection, Invalid> {
    let mut seen = BTreeSet::new();
    if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(LegacyProblem::DuplicateName(name.clone()).into());
    }
    Ok(Projection::new(names.into_iter().map(Path::attribute).collect()))
}

/// Refuses a request that has both expressions and what was there before them. Both are the names of parameters
/// that it has, in the order in which the error names them.
pub fn refuse_mixture(
    others: &[&'static str],
    expressions: &[&'static str],
) -> Result<(), Invalid> {
    if others.is_empty() || expressions.is_empty() {
        return Ok(());
    }
    let (others, expressions) = (others.to_vec(), expressions.to_vec());
    Err(LegacyProblem::BesideExpressions { others, expressions }.into())
}
