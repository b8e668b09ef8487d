//! Which expression of a request.

use std::fmt;

/// A parameter of a request that holds an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExpressionKind {
    /// What must hold for a write.
    Condition,
    /// Which items of a Query or Scan are answered.
    Filter,
    /// Which items a Query looks at.
    KeyCondition,
    /// Which attributes are answered.
    Projection,
    /// What is written.
    Update,
}

impl ExpressionKind {
    /// As the parameter is called.
    pub fn name(self) -> &'static str {
        match self {
            ExpressionKind::Condition => "ConditionExpression",
            ExpressionKind::Filter => "FilterExpression",
            ExpressionKind::KeyCondition => "KeyConditionExpression",
            ExpressionKind::Projection => "ProjectionExpression",
            ExpressionKind::Update => "UpdateExpression",
        }
    }
}

impl fmt::Display for ExpressionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
