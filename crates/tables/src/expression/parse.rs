//! Texts of expressions.

use super::condition::Condition;
use super::key_condition::KeyCondition;
use super::kind::ExpressionKind;
use super::placeholders::Placeholders;
use super::projection::Projection;
use super::update::Update;
use crate::invalid::{Invalid, Problem};

impl Condition {
    /// Reads a ConditionExpression.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Condition, Invalid> {
        Err(refused(ExpressionKind::Condition, text, placeholders))
    }

    /// Reads a FilterExpression.
    pub fn parse_filter(text: &str, placeholders: &mut Placeholders) -> Result<Condition, Invalid> {
        Err(refused(ExpressionKind::Filter, text, placeholders))
    }
}

impl KeyCondition {
    /// Reads a KeyConditionExpression.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<KeyCondition, Invalid> {
        Err(refused(ExpressionKind::KeyCondition, text, placeholders))
    }
}

impl Projection {
    /// Reads a ProjectionExpression.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Projection, Invalid> {
        Err(refused(ExpressionKind::Projection, text, placeholders))
    }
}

impl Update {
    /// Reads an UpdateExpression.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Update, Invalid> {
        Err(refused(ExpressionKind::Update, text, placeholders))
    }
}

fn refused(expression: ExpressionKind, text: &str, placeholders: &mut Placeholders) -> Invalid {
    placeholders.count_expression();
    Invalid::Expression { expression, problem: Problem::TooLong { bytes: text.len() } }
}
