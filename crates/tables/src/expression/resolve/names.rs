//! Paths with what their placeholders stand for.

use super::reserved::is_reserved;
use crate::expression::path::{PATH_ELEMENTS_MAX, Path, PathElement};
use crate::expression::placeholders::Placeholders;
use crate::expression::syntax::{Element, RawPath};
use crate::invalid::Problem;
use std::sync::Arc;

/// The largest index that may be written.
const INDEX_MAX: usize = 2_147_483_647;

/// Refuses reserved words as names.
pub(super) fn check_reserved(path: &RawPath<'_>) -> Result<(), Problem> {
    let words = path.0.iter().filter_map(|element| match element {
        Element::Word(word) => Some(*word),
        Element::Name(_) | Element::Index(_) => None,
    });
    match words.into_iter().find(|word| is_reserved(word)) {
        Some(word) => Err(Problem::ReservedWord(word.to_owned())),
        None => Ok(()),
    }
}

/// The place that a path means.
pub(super) fn path(raw: &RawPath<'_>, placeholders: &mut Placeholders) -> Result<Path, Problem> {
    let mut elements = raw.0.iter().map(|element| match element {
        Element::Word(word) => Ok(PathElement::Name(Arc::from(*word))),
        Element::Name(name) => Ok(PathElement::Name(placeholders.name(name)?)),
        Element::Index(digits) => match digits.parse::<usize>() {
            Ok(index) if index <= INDEX_MAX => Ok(PathElement::Index(index)),
            _ => Err(Problem::IndexTooLarge((*digits).to_owned())),
        },
    });
    let Some(PathElement::Name(head)) = elements.next().transpose()? else {
        unreachable!("a path begins with a name");
    };
    let rest = elements.collect::<Result<Vec<PathElement>, Problem>>()?;
    if rest.len() + 1 > PATH_ELEMENTS_MAX {
        return Err(Problem::PathTooDeep { levels: rest.len() + 1 });
    }
    Ok(Path::new(head, rest))
}

/// Refuses paths of which one is the beginning of another, or needs a map where another needs a list.
pub(super) fn check_overlap(paths: &[&Path]) -> Result<(), Problem> {
    let pairs = || {
        let seconds = |at: usize| paths[at + 1..].iter().map(move |two| (paths[at], *two));
        (0..paths.len()).flat_map(seconds)
    };
    for (one, two) in pairs() {
        if meeting(one, two) == Meeting::Overlap {
            return Err(Problem::OverlappingPaths { one: one.clone(), two: two.clone() });
        }
    }
    for (one, two) in pairs() {
        if meeting(one, two) == Meeting::Conflict {
            return Err(Problem::ConflictingPaths { one: one.clone(), two: two.clone() });
        }
    }
    Ok(())
}

/// How two paths are to each other.
#[derive(PartialEq, Eq)]
enum Meeting {
    Apart,
    Overlap,
    Conflict,
}

fn meeting(one: &Path, two: &Path) -> Meeting {
    if one.head() != two.head() {
        return Meeting::Apart;
    }
    for (one, two) in one.rest().iter().zip(two.rest()) {
        match (one, two) {
            (PathElement::Name(_), PathElement::Index(_))
            | (PathElement::Index(_), PathElement::Name(_)) => return Meeting::Conflict,
            (one, two) if one != two => return Meeting::Apart,
            _ => {}
        }
    }
    Meeting::Overlap
}
