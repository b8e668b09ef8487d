//! From texts to what works on items. A text has up to 4096 bytes and 300 operators and functions; it is refused
//! before any item is looked at if it says something that no item allows.

use super::condition::Condition;
use super::key_condition::KeyCondition;
use super::kind::ExpressionKind;
use super::placeholders::Placeholders;
use super::projection::Projection;
use super::resolve;
use super::update::Update;
use crate::invalid::{Invalid, Problem};

impl Condition {
    /// Reads a ConditionExpression: up to 4096 bytes, 300 operators and functions.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Condition, Invalid> {
        Condition::parse_as(ExpressionKind::Condition, text, placeholders)
    }

    /// Reads a FilterExpression: up to 4096 bytes, 300 operators and functions. Whether it names a key
    /// is for the caller to refuse ([`Condition::paths`]).
    pub fn parse_filter(text: &str, placeholders: &mut Placeholders) -> Result<Condition, Invalid> {
        Condition::parse_as(ExpressionKind::Filter, text, placeholders)
    }

    fn parse_as(
        kind: ExpressionKind,
        text: &str,
        placeholders: &mut Placeholders,
    ) -> Result<Condition, Invalid> {
        placeholders.count_expression(kind);
        resolve::condition(kind, text, placeholders).map(Condition::new).map_err(in_a(kind))
    }
}

impl KeyCondition {
    /// Reads a KeyConditionExpression: up to 4096 bytes. Whether it asks for the key of a table is said by
    /// [`KeyCondition::resolve`].
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<KeyCondition, Invalid> {
        placeholders.count_expression(ExpressionKind::KeyCondition);
        resolve::key_condition(text, placeholders)
    }
}

impl Projection {
    /// Reads a ProjectionExpression: up to 4096 bytes, of paths that do not overlap.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Projection, Invalid> {
        let kind = ExpressionKind::Projection;
        placeholders.count_expression(kind);
        resolve::projection(text, placeholders).map_err(in_a(kind))
    }
}

impl Update {
    /// Reads an UpdateExpression: up to 4096 bytes, 300 operators and functions. Whether it changes a key is
    /// for the caller to refuse ([`Update::targets`]).
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Update, Invalid> {
        let kind = ExpressionKind::Update;
        placeholders.count_expression(kind);
        resolve::update(text, placeholders).map_err(in_a(kind))
    }
}

fn in_a(expression: ExpressionKind) -> impl Fn(Problem) -> Invalid {
    move |problem| Invalid::Expression { expression, problem }
}
