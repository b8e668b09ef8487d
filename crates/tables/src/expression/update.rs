//! What an update does to an item.
//!
//! All operands are read from the item as it was. Then values are put into their places, and at last what goes is
//! taken away, so that an index in a list means the list as it was. What is put behind the end of a list is
//! appended, in the order of the indexes.

use super::path::{Path, PathElement};
use super::projection::Projection;
use crate::invalid::{Invalid, UpdateProblem};
use crate::value::{AttributeValue, ITEM_BYTES_MAX, Item, NESTING_MAX};
use std::sync::Arc;

/// Changes of an item, at places of which none is inside of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    pub(crate) actions: Vec<Action>,
}

/// An item after an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// The item as it is now.
    pub item: Item,
    /// The places that the update names. Of the item before they are what UPDATED_OLD answers, of
    /// [`Updated::item`] what UPDATED_NEW does.
    pub touched: Projection,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) path: Path,
    pub(crate) change: Change,
}

/// What happens at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Set(SetValue),
    Remove,
    /// Numbers are added, sets united.
    Add(Arc<AttributeValue>),
    /// As ADD of before there were expressions: it also appends to lists.
    LegacyAdd(Arc<AttributeValue>),
    /// Members of a set.
    Delete(Arc<AttributeValue>),
    /// As DELETE of before there were expressions.
    LegacyDelete(Arc<AttributeValue>),
}

/// What is put into a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SetValue {
    Operand(SetOperand),
    Plus(SetOperand, SetOperand),
    Minus(SetOperand, SetOperand),
}

/// What a value is made of. Invariant: as deep as functions may lie in each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SetOperand {
    Path(Path),
    Value(Arc<AttributeValue>),
    IfNotExists(Path, Box<SetOperand>),
    ListAppend(Box<SetOperand>, Box<SetOperand>),
}

impl Update {
    /// The places that it changes, in the order of the expression.
    pub fn targets(&self) -> impl Iterator<Item = &Path> {
        self.actions.iter().map(|action| &action.path)
    }

    /// The places that it reads to know what to put elsewhere.
    pub fn sources(&self) -> Vec<&Path> {
        let mut sources = Vec::new();
        for action in &self.actions {
            match &action.change {
                Change::Set(SetValue::Operand(one)) => one.sources(&mut sources),
                Change::Set(SetValue::Plus(one, other) | SetValue::Minus(one, other)) => {
                    one.sources(&mut sources);
                    other.sources(&mut sources);
                }
                _ => {}
            }
        }
        sources
    }

    /// The item after it. The size of the whole is the caller's to check, but what is put into it is not
    /// over [`ITEM_BYTES_MAX`].
    pub fn apply(&self, item: Item) -> Result<Updated, Invalid> {
        self.apply_to(item, Existence::Exists)
    }

    /// The item that it makes where there was none, of which the key is given. Otherwise than with one that
    /// exists, what it takes away may be at a place that cannot be.
    pub fn apply_to_missing(&self, key: Item) -> Result<Updated, Invalid> {
        self.apply_to(key, Existence::Missing)
    }

    fn apply_to(&self, item: Item, existence: Existence) -> Result<Updated, Invalid> {
        let mut results = Vec::new();
        let mut budget = ITEM_BYTES_MAX;
        for action in &self.actions {
            let result = action.evaluate(&item, &mut budget)?;
            if let Effect::Put(value) = &result
                && !value.nests_within(action.path.rest().len())
            {
                return Err(UpdateProblem::NestingTooDeep.into());
            }
            results.push((&action.path, result));
        }
        let item = carry_out(item, results, existence)?;
        let touched = Projection::new(self.targets().cloned().collect());
        Ok(Updated { item, touched })
    }
}

/// Whether an item was there before the update.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existence {
    Exists,
    Missing,
}

/// What an action comes to for an item.
enum Effect {
    Put(AttributeValue),
    Remove,
    Nothing,
}

impl Action {
    fn evaluate(&self, item: &Item, budget: &mut usize) -> Result<Effect, UpdateProblem> {
        let there = self.path.find(item);
        let effect = match &self.change {
            Change::Set(value) => Effect::Put(value.evaluate(item, budget)?),
            Change::Remove => Effect::Remove,
            Change::Add(value) => Effect::Put(add(there, value)?),
            Change::LegacyAdd(value) => Effect::Put(legacy_add(there, value)?),
            Change::Delete(value) => delete(there, value)?,
            Change::LegacyDelete(value) => delete(there, value).map_err(as_legacy)?,
        };
        if let (Effect::Put(value), Change::Add(_) | Change::LegacyAdd(_)) = (&effect, &self.change)
        {
            take(budget, value)?;
        }
        Ok(effect)
    }
}

/// Counts what is copied, so that a value that an expression names often is not copied more often than an
/// item could hold it.
fn take(budget: &mut usize, value: &AttributeValue) -> Result<(), UpdateProblem> {
    *budget = budget.checked_sub(value.size()).ok_or(UpdateProblem::TooLarge)?;
    Ok(())
}

impl SetValue {
    fn evaluate(&self, item: &Item, budget: &mut usize) -> Result<AttributeValue, UpdateProblem> {
        let (left, right, is_minus) = match self {
            SetValue::Operand(operand) => {
                let value = operand.find(item)?;
                take(budget, value.value())?;
                return Ok(value.into_value());
            }
            SetValue::Plus(left, right) => (left, right, false),
            SetValue::Minus(left, right) => (left, right, true),
        };
        let (left, right) = (left.find(item)?, right.find(item)?);
        match (left.value(), right.value()) {
            (AttributeValue::N(left), AttributeValue::N(right)) if is_minus => {
                Ok(AttributeValue::N(left.minus(*right)?))
            }
            (AttributeValue::N(left), AttributeValue::N(right)) => {
                Ok(AttributeValue::N(left.plus(*right)?))
            }
            _ => Err(UpdateProblem::OperandType),
        }
    }
}

/// A value of the item or of the expression, or one that was made.
enum Found<'a> {
    There(&'a AttributeValue),
    Made(AttributeValue),
}

impl Found<'_> {
    fn value(&self) -> &AttributeValue {
        match self {
            Found::There(value) => value,
            Found::Made(value) => value,
        }
    }

    fn into_value(self) -> AttributeValue {
        match self {
            Found::There(value) => value.clone(),
            Found::Made(value) => value,
        }
    }
}

impl SetOperand {
    fn find<'a>(&'a self, item: &'a Item) -> Result<Found<'a>, UpdateProblem> {
        match self {
            SetOperand::Path(path) => {
                path.find(item).map(Found::There).ok_or(UpdateProblem::MissingOperand)
            }
            SetOperand::Value(value) => Ok(Found::There(value)),
            SetOperand::IfNotExists(path, other) => match path.find(item) {
                Some(value) => Ok(Found::There(value)),
                None => other.find(item),
            },
            SetOperand::ListAppend(first, last) => {
                let (first, last) = (first.find(item)?, last.find(item)?);
                if first.value().size() + last.value().size() > 2 * ITEM_BYTES_MAX {
                    return Err(UpdateProblem::TooLarge);
                }
                match (first.into_value(), last.into_value()) {
                    (AttributeValue::L(mut first), AttributeValue::L(last)) => {
                        first.extend(last);
                        Ok(Found::Made(AttributeValue::L(first)))
                    }
                    _ => Err(UpdateProblem::OperandType),
                }
            }
        }
    }

    fn sources<'a>(&'a self, sources: &mut Vec<&'a Path>) {
        match self {
            SetOperand::Path(path) => sources.push(path),
            SetOperand::Value(_) => {}
            SetOperand::IfNotExists(path, other) => {
                sources.push(path);
                other.sources(sources);
            }
            SetOperand::ListAppend(first, last) => {
                first.sources(sources);
                last.sources(sources);
            }
        }
    }
}

fn add(
    there: Option<&AttributeValue>,
    value: &AttributeValue,
) -> Result<AttributeValue, UpdateProblem> {
    let Some(there) = there else {
        return Ok(value.clone());
    };
    match (there, value) {
        (AttributeValue::N(one), AttributeValue::N(other)) => {
            Ok(AttributeValue::N(one.plus(*other)?))
        }
        (AttributeValue::Ss(one), AttributeValue::Ss(other)) => {
            Ok(AttributeValue::Ss(one.union(other)))
        }
        (AttributeValue::Ns(one), AttributeValue::Ns(other)) => {
            Ok(AttributeValue::Ns(one.union(other)))
        }
        (AttributeValue::Bs(one), AttributeValue::Bs(other)) => {
            Ok(AttributeValue::Bs(one.union(other)))
        }
        _ => Err(UpdateProblem::OperandType),
    }
}

fn legacy_add(
    there: Option<&AttributeValue>,
    value: &AttributeValue,
) -> Result<AttributeValue, UpdateProblem> {
    match (there, value) {
        (Some(AttributeValue::L(one)), AttributeValue::L(other)) => {
            Ok(AttributeValue::L(one.iter().chain(other).cloned().collect()))
        }
        _ => add(there, value).map_err(as_legacy),
    }
}

fn as_legacy(problem: UpdateProblem) -> UpdateProblem {
    match problem {
        UpdateProblem::OperandType => UpdateProblem::TypeMismatch,
        other => other,
    }
}

fn delete(there: Option<&AttributeValue>, value: &AttributeValue) -> Result<Effect, UpdateProblem> {
    let rest = match (there, value) {
        (None, _) => return Ok(Effect::Nothing),
        (Some(AttributeValue::Ss(one)), AttributeValue::Ss(other)) => {
            one.without(other).map(AttributeValue::Ss)
        }
        (Some(AttributeValue::Ns(one)), AttributeValue::Ns(other)) => {
            one.without(other).map(AttributeValue::Ns)
        }
        (Some(AttributeValue::Bs(one)), AttributeValue::Bs(other)) => {
            one.without(other).map(AttributeValue::Bs)
        }
        _ => return Err(UpdateProblem::OperandType),
    };
    Ok(rest.map_or(Effect::Remove, Effect::Put))
}

fn carry_out(
    item: Item,
    effects: Vec<(&Path, Effect)>,
    existence: Existence,
) -> Result<Item, UpdateProblem> {
    let mut item = item;
    let mut puts = Vec::new();
    let mut removals: Vec<&Path> = Vec::new();
    for (path, effect) in effects {
        match effect {
            Effect::Put(value) => puts.push((path, value)),
            // What is not there now must not be taken away when it has come in the meantime.
            Effect::Remove if path.find(&item).is_some() => removals.push(path),
            Effect::Remove
                if existence == Existence::Exists && parent(&mut item, path).is_none() =>
            {
                return Err(UpdateProblem::InvalidPath);
            }
            Effect::Remove | Effect::Nothing => {}
        }
    }
    // Elements behind the end are appended in the order of their indexes.
    puts.sort_by_key(|(path, _)| *path);
    for (path, value) in puts {
        put(&mut item, path, value)?;
    }
    // The last elements go first, so that the places of the others stay.
    removals.sort_unstable();
    for path in removals.into_iter().rev() {
        remove(&mut item, path);
    }
    Ok(item)
}

/// Where the last element of a path is a member of.
enum Parent<'a> {
    Map(&'a mut Item, &'a str),
    List(&'a mut Vec<AttributeValue>, usize),
}

/// `None` if it is not there, or not of the kind that the path says.
fn parent<'a>(item: &'a mut Item, path: &'a Path) -> Option<Parent<'a>> {
    let Some((last, between)) = path.rest().split_last() else {
        return Some(Parent::Map(item, path.head()));
    };
    let mut value = item.get_mut(path.head())?;
    for element in between {
        value = match (element, value) {
            (PathElement::Name(name), AttributeValue::M(members)) => members.get_mut(&**name)?,
            (PathElement::Index(at), AttributeValue::L(members)) => members.get_mut(*at)?,
            _ => return None,
        };
    }
    match (last, value) {
        (PathElement::Name(name), AttributeValue::M(members)) => Some(Parent::Map(members, name)),
        (PathElement::Index(at), AttributeValue::L(members)) => Some(Parent::List(members, *at)),
        _ => None,
    }
}

fn put(item: &mut Item, path: &Path, value: AttributeValue) -> Result<(), UpdateProblem> {
    match parent(item, path).ok_or(UpdateProblem::InvalidPath)? {
        Parent::Map(members, name) => {
            members.insert(name.to_owned(), value);
        }
        Parent::List(members, at) => match members.get_mut(at) {
            Some(member) => *member = value,
            None => members.push(value),
        },
    }
    Ok(())
}

fn remove(item: &mut Item, path: &Path) {
    match parent(item, path) {
        Some(Parent::Map(members, name)) => {
            members.remove(name);
        }
        Some(Parent::List(members, at)) if at < members.len() => {
            members.remove(at);
        }
        Some(Parent::List(..)) | None => {}
    }
}

const _: () = assert!(super::path::PATH_ELEMENTS_MAX == NESTING_MAX + 1);
