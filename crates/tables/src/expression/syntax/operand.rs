//! Paths, values and functions.

use super::parser::{Parsed, Parser};
use crate::expression::lexer::TokenKind;
use crate::invalid::Problem;

/// How deep functions and parentheses of operands may lie in each other.
pub(super) const NESTING_MAX: usize = 32;

/// A path as it is written. It has one element at least, and the first is no index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::expression) struct RawPath<'t>(pub(in crate::expression) Vec<Element<'t>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::expression) enum Element<'t> {
    /// A name itself.
    Word(&'t str),
    /// `#name`
    Name(&'t str),
    /// The digits between brackets.
    Index(&'t str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::expression) enum RawOperand<'t> {
    Path(RawPath<'t>),
    /// `:value`
    Value(&'t str),
    Function(RawFunction<'t>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::expression) struct RawFunction<'t> {
    pub(in crate::expression) name: &'t str,
    pub(in crate::expression) arguments: Vec<RawOperand<'t>>,
}

impl<'t> RawOperand<'t> {
    /// Calls `visit` with each function, those inside of others first.
    pub(in crate::expression) fn each_function<'a>(
        &'a self,
        visit: &mut dyn FnMut(&'a RawFunction<'t>),
    ) {
        if let RawOperand::Function(function) = self {
            function.each_argument_function(visit);
            visit(function);
        }
    }

    /// Calls `visit` with each path, in the order of the text.
    pub(in crate::expression) fn each_path<'a>(&'a self, visit: &mut dyn FnMut(&'a RawPath<'t>)) {
        match self {
            RawOperand::Path(path) => visit(path),
            RawOperand::Value(_) => {}
            RawOperand::Function(function) => {
                function.arguments.iter().for_each(|argument| argument.each_path(visit));
            }
        }
    }
}

impl<'t> RawFunction<'t> {
    pub(in crate::expression) fn each_argument_function<'a>(
        &'a self,
        visit: &mut dyn FnMut(&'a RawFunction<'t>),
    ) {
        self.arguments.iter().for_each(|argument| argument.each_function(visit));
    }
}

/// Reads a ProjectionExpression: paths with commas between them.
pub(in crate::expression) fn paths(text: &str) -> Result<Parsed<Vec<RawPath<'_>>>, Problem> {
    Parser::parse(text, &[], |parser| {
        let mut paths = vec![parser.path()?];
        while parser.take_symbol(",") {
            paths.push(parser.path()?);
        }
        Ok(paths)
    })
}

impl<'t> Parser<'t> {
    pub(super) fn path(&mut self) -> Result<RawPath<'t>, Problem> {
        let mut elements = vec![self.name()?];
        loop {
            if self.take_symbol(".") {
                elements.push(self.name()?);
            } else if self.take_symbol("[") {
                let token = self.token();
                if token.kind != TokenKind::Digits {
                    return Err(self.unexpected());
                }
                self.advance();
                self.expect_symbol("]")?;
                elements.push(Element::Index(token.text));
            } else {
                return Ok(RawPath(elements));
            }
        }
    }

    fn name(&mut self) -> Result<Element<'t>, Problem> {
        let token = self.token();
        let element = match token.kind {
            TokenKind::Word if self.keyword().is_none() => Element::Word(token.text),
            TokenKind::Name => Element::Name(token.text),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(element)
    }

    /// `:value`, as ADD and DELETE need one.
    pub(super) fn value(&mut self) -> Result<&'t str, Problem> {
        let token = self.token();
        if token.kind != TokenKind::Value {
            return Err(self.unexpected());
        }
        self.advance();
        Ok(token.text)
    }

    /// An operand, in parentheses or not.
    pub(super) fn operand(&mut self) -> Result<RawOperand<'t>, Problem> {
        self.operand_below(0)
    }

    fn operand_below(&mut self, levels: usize) -> Result<RawOperand<'t>, Problem> {
        if levels > NESTING_MAX {
            return Err(Problem::TooManyNestedFunctions { levels });
        }
        if self.take_symbol("(") {
            let is_doubled = self.is_symbol("(");
            let operand = self.operand_below(levels + 1)?;
            self.expect_symbol(")")?;
            if is_doubled {
                self.note_redundant_parentheses();
            }
            return Ok(operand);
        }
        let token = self.token();
        if token.kind == TokenKind::Value {
            return Ok(RawOperand::Value(self.value()?));
        }
        let is_call = token.kind == TokenKind::Word && self.token_ahead(1).text == "(";
        if !(is_call && self.keyword().is_none()) {
            return Ok(RawOperand::Path(self.path()?));
        }
        self.count_operator();
        self.advance();
        self.advance();
        let mut arguments = vec![self.operand_below(levels + 1)?];
        while self.take_symbol(",") {
            arguments.push(self.operand_below(levels + 1)?);
        }
        self.expect_symbol(")")?;
        Ok(RawOperand::Function(RawFunction { name: token.text, arguments }))
    }
}
