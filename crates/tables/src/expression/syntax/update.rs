//! Updates as they are written.

use super::operand::{RawOperand, RawPath};
use super::parser::{Parsed, Parser};
use crate::invalid::Problem;

const KEYWORDS: &[&str] = &["SET", "REMOVE", "ADD", "DELETE"];

/// Sections, in the order of the text.
pub(in crate::expression) type RawUpdate<'t> = Vec<(Section, Vec<RawAction<'t>>)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::expression) enum Section {
    Set,
    Remove,
    Add,
    Delete,
}

impl Section {
    pub(in crate::expression) fn name(self) -> &'static str {
        match self {
            Section::Set => "SET",
            Section::Remove => "REMOVE",
            Section::Add => "ADD",
            Section::Delete => "DELETE",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::expression) struct RawAction<'t> {
    pub(in crate::expression) path: RawPath<'t>,
    pub(in crate::expression) change: RawChange<'t>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::expression) enum RawChange<'t> {
    Set(RawSetValue<'t>),
    Remove,
    Add(&'t str),
    Delete(&'t str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::expression) enum RawSetValue<'t> {
    Operand(RawOperand<'t>),
    Plus(RawOperand<'t>, RawOperand<'t>),
    Minus(RawOperand<'t>, RawOperand<'t>),
}

impl<'t> RawSetValue<'t> {
    pub(in crate::expression) fn operands(&self) -> Vec<&RawOperand<'t>> {
        match self {
            RawSetValue::Operand(one) => vec![one],
            RawSetValue::Plus(one, two) | RawSetValue::Minus(one, two) => vec![one, two],
        }
    }
}

/// Reads an UpdateExpression.
pub(in crate::expression) fn update(text: &str) -> Result<Parsed<RawUpdate<'_>>, Problem> {
    Parser::parse(text, KEYWORDS, |parser| {
        let mut sections = Vec::new();
        while !parser.is_at_end() {
            let section = match parser.keyword() {
                Some("SET") => Section::Set,
                Some("REMOVE") => Section::Remove,
                Some("ADD") => Section::Add,
                Some("DELETE") => Section::Delete,
                _ => return Err(parser.unexpected()),
            };
            parser.advance();
            let mut actions = vec![parser.action(section)?];
            while parser.take_symbol(",") {
                actions.push(parser.action(section)?);
            }
            sections.push((section, actions));
        }
        Ok(sections)
    })
}

impl<'t> Parser<'t> {
    fn action(&mut self, section: Section) -> Result<RawAction<'t>, Problem> {
        let path = self.path()?;
        let change = match section {
            Section::Set => {
                self.expect_symbol("=")?;
                RawChange::Set(self.set_value()?)
            }
            Section::Remove => RawChange::Remove,
            Section::Add => RawChange::Add(self.value()?),
            Section::Delete => RawChange::Delete(self.value()?),
        };
        Ok(RawAction { path, change })
    }

    /// What stands behind `=`: an operand, or two with a sign between them, in parentheses or not.
    fn set_value(&mut self) -> Result<RawSetValue<'t>, Problem> {
        let place = self.place();
        if self.take_symbol("(")
            && let Ok(first) = self.operand()
            && let Some(value) = self.arithmetic(&first)?
        {
            self.expect_symbol(")")?;
            return Ok(value);
        }
        self.return_to(place);
        let first = self.operand()?;
        Ok(self.arithmetic(&first)?.unwrap_or(RawSetValue::Operand(first)))
    }

    /// What stands behind the first operand of an addition or subtraction, if one follows.
    fn arithmetic(&mut self, first: &RawOperand<'t>) -> Result<Option<RawSetValue<'t>>, Problem> {
        let is_plus = self.take_symbol("+");
        if !is_plus && !self.take_symbol("-") {
            return Ok(None);
        }
        self.count_operator();
        let second = self.operand()?;
        Ok(Some(match is_plus {
            true => RawSetValue::Plus(first.clone(), second),
            false => RawSetValue::Minus(first.clone(), second),
        }))
    }
}
