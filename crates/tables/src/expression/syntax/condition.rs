//! Conditions as they are written, in the order in which they are answered.

use super::operand::{RawFunction, RawOperand};
use super::parser::{Parsed, Parser};
use crate::expression::condition::Comparator;
use crate::invalid::Problem;

const KEYWORDS: &[&str] = &["AND", "OR", "NOT", "BETWEEN", "IN"];

/// A step of a condition in postfix order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::expression) enum RawStep<'t> {
    Test(RawTest<'t>),
    And,
    Or,
    Not,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::expression) enum RawTest<'t> {
    Compare(Comparator, RawOperand<'t>, RawOperand<'t>),
    Between(RawOperand<'t>, RawOperand<'t>, RawOperand<'t>),
    In(RawOperand<'t>, Vec<RawOperand<'t>>),
    Function(RawFunction<'t>),
}

impl<'t> RawTest<'t> {
    /// What it compares, or what its function is about.
    pub(in crate::expression) fn operands(&self) -> Vec<&RawOperand<'t>> {
        match self {
            RawTest::Compare(_, one, two) => vec![one, two],
            RawTest::Between(one, two, three) => vec![one, two, three],
            RawTest::In(one, list) => std::iter::once(one).chain(list).collect(),
            RawTest::Function(function) => function.arguments.iter().collect(),
        }
    }
}

/// What waits for what stands behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Or,
    And,
    Not,
    /// An opening parenthesis; whether another one stands right before it.
    Open {
        is_inner: bool,
    },
}

/// Reads a ConditionExpression, FilterExpression or KeyConditionExpression.
pub(in crate::expression) fn condition(text: &str) -> Result<Parsed<Vec<RawStep<'_>>>, Problem> {
    Parser::parse(text, KEYWORDS, |parser| {
        let mut steps = Vec::new();
        let mut waiting: Vec<Waiting> = Vec::new();
        loop {
            parser.before_test(&mut waiting);
            steps.push(RawStep::Test(parser.test(&mut waiting)?));
            if !parser.after_test(&mut waiting, &mut steps)? {
                return Ok(steps);
            }
        }
    })
}

impl<'t> Parser<'t> {
    /// Takes what may stand before a test, but for parentheses.
    fn before_test(&mut self, waiting: &mut Vec<Waiting>) {
        while self.take_keyword("NOT") {
            self.count_operator();
            waiting.push(Waiting::Not);
        }
    }

    /// Takes a test, and the parentheses and NOTs before it.
    fn test(&mut self, waiting: &mut Vec<Waiting>) -> Result<RawTest<'t>, Problem> {
        while self.is_symbol("(") {
            // What is in parentheses may be an operand, and then a comparison follows.
            let place = self.place();
            if let Ok(operand) = self.operand()
                && let Some(test) = self.comparison(&operand)?
            {
                return Ok(test);
            }
            self.return_to(place);
            let is_inner = self.token_behind(1).is_some_and(|token| token.text == "(");
            waiting.push(Waiting::Open { is_inner });
            self.advance();
            self.before_test(waiting);
        }
        let operand = self.operand()?;
        match (self.comparison(&operand)?, operand) {
            (Some(test), _) => Ok(test),
            (None, RawOperand::Function(function)) => Ok(RawTest::Function(function)),
            (None, _) => Err(self.unexpected()),
        }
    }

    /// What stands behind the first operand of a comparison, if one follows.
    fn comparison(&mut self, first: &RawOperand<'t>) -> Result<Option<RawTest<'t>>, Problem> {
        if self.take_keyword("BETWEEN") {
            self.count_operator();
            let lower = self.operand()?;
            if !self.take_keyword("AND") {
                return Err(self.unexpected());
            }
            return Ok(Some(RawTest::Between(first.clone(), lower, self.operand()?)));
        }
        if self.take_keyword("IN") {
            self.count_operator();
            self.expect_symbol("(")?;
            let mut list = vec![self.operand()?];
            while self.take_symbol(",") {
                list.push(self.operand()?);
            }
            self.expect_symbol(")")?;
            return Ok(Some(RawTest::In(first.clone(), list)));
        }
        let Some(comparator) = self.comparator() else {
            return Ok(None);
        };
        self.count_operator();
        Ok(Some(RawTest::Compare(comparator, first.clone(), self.operand()?)))
    }

    fn comparator(&mut self) -> Option<Comparator> {
        let comparator = match self.token().text {
            "=" => Comparator::Equal,
            "<>" => Comparator::NotEqual,
            "<" => Comparator::Less,
            "<=" => Comparator::LessOrEqual,
            ">" => Comparator::Greater,
            ">=" => Comparator::GreaterOrEqual,
            _ => return None,
        };
        self.advance();
        Some(comparator)
    }

    /// Takes closing parentheses and the operator before the next test. Whether there is one.
    fn after_test(
        &mut self,
        waiting: &mut Vec<Waiting>,
        steps: &mut Vec<RawStep<'t>>,
    ) -> Result<bool, Problem> {
        loop {
            if self.is_at_end() {
                answer(waiting, steps, |_| true);
                return if waiting.is_empty() { Ok(false) } else { Err(self.unexpected()) };
            }
            let (next, is_or) = match self.keyword() {
                Some("AND") => (Waiting::And, false),
                Some("OR") => (Waiting::Or, true),
                _ if self.is_symbol(")") => {
                    answer(waiting, steps, |_| true);
                    let Some(Waiting::Open { is_inner }) = waiting.pop() else {
                        return Err(self.unexpected());
                    };
                    self.advance();
                    if is_inner && self.is_symbol(")") {
                        self.note_redundant_parentheses();
                    }
                    continue;
                }
                _ => return Err(self.unexpected()),
            };
            answer(waiting, steps, |operator| is_or || operator != Waiting::Or);
            self.count_operator();
            waiting.push(next);
            self.advance();
            return Ok(true);
        }
    }
}

/// Moves operators that wait to the steps, up to the last opening parenthesis, as long as they bind.
fn answer(
    waiting: &mut Vec<Waiting>,
    steps: &mut Vec<RawStep<'_>>,
    binds: impl Fn(Waiting) -> bool,
) {
    while let Some(operator) = waiting.last().copied()
        && binds(operator)
    {
        steps.push(match operator {
            Waiting::Or => RawStep::Or,
            Waiting::And => RawStep::And,
            Waiting::Not => RawStep::Not,
            Waiting::Open { .. } => return,
        });
        waiting.pop();
    }
}
