//! UpdateExpression.

use super::functions::wrong_in_update;
use super::names;
use crate::expression::placeholders::Placeholders;
use crate::expression::syntax::{
    self, RawAction, RawChange, RawFunction, RawOperand, RawPath, RawSetValue, RawUpdate, Section,
};
use crate::expression::update::{Action, Change, SetOperand, SetValue, Update};
use crate::invalid::Problem;
use crate::value::{AttributeType, AttributeValue};
use std::sync::Arc;

pub(in crate::expression) fn update(
    text: &str,
    placeholders: &mut Placeholders,
) -> Result<Update, Problem> {
    let raw = syntax::update(text)?.tree;
    for path in all_paths(&raw) {
        names::check_reserved(path)?;
    }
    check_functions_are_known(&raw)?;
    check_sections(&raw)?;
    // Names are looked up in the whole of the expression before values are.
    for path in all_paths(&raw) {
        names::path(path, placeholders)?;
    }
    let actions = raw.iter().flat_map(|(_, actions)| actions);
    let actions = actions.map(|action| resolve(action, placeholders));
    let actions = actions.collect::<Result<Vec<Resolved>, Problem>>()?;
    names::check_overlap(&actions.iter().map(|(action, _)| &action.path).collect::<Vec<_>>())?;
    for (action, _) in &actions {
        check_section_operand(&action.change)?;
    }
    match actions.iter().find_map(|(_, problem)| problem.clone()) {
        Some(problem) => Err(problem),
        None => Ok(Update { actions: actions.into_iter().map(|(action, _)| action).collect() }),
    }
}

/// An action, and what is wrong with its functions: that is told after what is wrong with paths.
type Resolved = (Action, Option<Problem>);

/// All paths, in the order of the text.
fn all_paths<'a, 't>(raw: &'a RawUpdate<'t>) -> Vec<&'a RawPath<'t>> {
    let mut paths = Vec::new();
    for action in raw.iter().flat_map(|(_, actions)| actions) {
        paths.push(&action.path);
        for operand in set_operands(action) {
            operand.each_path(&mut |path| paths.push(path));
        }
    }
    paths
}

fn set_operands<'a, 't>(action: &'a RawAction<'t>) -> Vec<&'a RawOperand<'t>> {
    match &action.change {
        RawChange::Set(value) => value.operands(),
        RawChange::Remove | RawChange::Add(_) | RawChange::Delete(_) => Vec::new(),
    }
}

fn check_functions_are_known(raw: &RawUpdate<'_>) -> Result<(), Problem> {
    let mut wrong = None;
    let actions = raw.iter().flat_map(|(_, actions)| actions);
    for operand in actions.flat_map(set_operands) {
        operand.each_function(&mut |function| {
            wrong = wrong.take().or_else(|| wrong_in_update(function.name));
        });
    }
    wrong.map_or(Ok(()), Err)
}

fn check_sections(raw: &RawUpdate<'_>) -> Result<(), Problem> {
    let mut seen: Vec<Section> = Vec::new();
    for (section, _) in raw {
        if seen.contains(section) {
            return Err(Problem::RepeatedSection(section.name()));
        }
        seen.push(*section);
    }
    Ok(())
}

fn resolve(raw: &RawAction<'_>, placeholders: &mut Placeholders) -> Result<Resolved, Problem> {
    let path = names::path(&raw.path, placeholders)?;
    let mut problem = None;
    let change = match &raw.change {
        RawChange::Remove => Change::Remove,
        RawChange::Add(value) => Change::Add(placeholders.value(value)?),
        RawChange::Delete(value) => Change::Delete(placeholders.value(value)?),
        RawChange::Set(value) => {
            let mut operand = |raw| set_operand(raw, placeholders, &mut problem);
            Change::Set(match value {
                RawSetValue::Operand(one) => SetValue::Operand(operand(one)?),
                RawSetValue::Plus(one, two) => SetValue::Plus(operand(one)?, operand(two)?),
                RawSetValue::Minus(one, two) => SetValue::Minus(operand(one)?, operand(two)?),
            })
        }
    };
    let (operator, operands) = match &change {
        Change::Set(SetValue::Plus(one, two)) => ("+", vec![one, two]),
        Change::Set(SetValue::Minus(one, two)) => ("-", vec![one, two]),
        _ => ("", Vec::new()),
    };
    for operand in operands {
        note_type(&mut problem, operator, operand, AttributeType::N);
    }
    Ok((Action { path, change }, problem))
}

/// What is put into a place where a function has the wrong operands; such an update is never made.
fn nothing() -> SetOperand {
    SetOperand::Value(Arc::new(AttributeValue::Null))
}

fn set_operand(
    raw: &RawOperand<'_>,
    placeholders: &mut Placeholders,
    problem: &mut Option<Problem>,
) -> Result<SetOperand, Problem> {
    let RawFunction { name, arguments } = match raw {
        RawOperand::Path(path) => return Ok(SetOperand::Path(names::path(path, placeholders)?)),
        RawOperand::Value(value) => return Ok(SetOperand::Value(placeholders.value(value)?)),
        RawOperand::Function(function) => function,
    };
    let mut operands = Vec::new();
    for argument in arguments {
        operands.push(set_operand(argument, placeholders, problem)?);
    }
    let mut note = |found: Problem| {
        problem.get_or_insert(found);
        nothing()
    };
    let count = operands.len();
    let Ok([first, second]) = <[SetOperand; 2]>::try_from(operands) else {
        return Ok(note(Problem::OperandCount { function: (*name).to_owned(), count }));
    };
    if *name == "list_append" {
        for operand in [&first, &second] {
            note_type(problem, name, operand, AttributeType::L);
        }
        return Ok(SetOperand::ListAppend(Box::new(first), Box::new(second)));
    }
    Ok(match first {
        SetOperand::Path(path) => SetOperand::IfNotExists(path, Box::new(second)),
        _ => note(Problem::PathNeeded((*name).to_owned())),
    })
}

/// Notes that a value is not of the type that an operator takes.
fn note_type(
    problem: &mut Option<Problem>,
    operator: &str,
    operand: &SetOperand,
    taken: AttributeType,
) {
    if let SetOperand::Value(value) = operand
        && value.type_of() != taken
    {
        let found = value.type_of().name().to_owned();
        problem.get_or_insert(Problem::OperandType { operator: operator.to_owned(), found });
    }
}

/// ADD takes numbers and sets, DELETE takes sets.
fn check_section_operand(change: &Change) -> Result<(), Problem> {
    let (section, value) = match change {
        Change::Add(value) => (Section::Add, value),
        Change::Delete(value) => (Section::Delete, value),
        _ => return Ok(()),
    };
    match (value.type_of(), section) {
        (AttributeType::Ss | AttributeType::Ns | AttributeType::Bs, _)
        | (AttributeType::N, Section::Add) => Ok(()),
        (found, _) => Err(Problem::SectionOperandType { section: section.name(), found }),
    }
}
