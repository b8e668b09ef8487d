//! What operations refuse, and the service's words for it.

mod constraint;
mod key;
mod validation;

pub use constraint::{Constraint, Rule};
pub use key::KeyFault;
pub use validation::Validation;

use crate::value::Item;
use std::fmt;
use std::sync::Arc;

/// Why an operation was refused. Nothing is changed then.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is no such table, or none that takes this yet.
    #[error("Requested resource not found")]
    ResourceNotFound,
    /// As above, where the table is named.
    #[error("Requested resource not found: Table: {name} not found")]
    TableNotFound { name: String },
    /// As above, of a resource that is named by its ARN.
    #[error("Requested resource not found: ResourcArn: {arn} not found")]
    ArnNotFound { arn: String },
    #[error(transparent)]
    ResourceInUse(#[from] InUse),
    /// The condition does not hold.
    #[error("The conditional request failed")]
    ConditionalCheckFailed {
        /// The item as it is, if it was asked for and there is one.
        item: Option<Arc<Item>>,
    },
    #[error("{}", Reasons(.reasons))]
    TransactionCanceled {
        /// Of each action, in the order of the request.
        reasons: Vec<CancellationReason>,
    },
    /// Another request had the same token.
    #[error("The provided client token was used for another request with different parameters")]
    IdempotentParameterMismatch,
    #[error(transparent)]
    LimitExceeded(#[from] Limit),
    #[error(transparent)]
    Validation(#[from] Validation),
}

impl From<crate::invalid::Invalid> for Error {
    fn from(invalid: crate::invalid::Invalid) -> Self {
        Self::Validation(invalid.into())
    }
}

/// A table is in a state in which this cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InUse {
    #[error("Table already exists: {name}")]
    Exists { name: String },
    #[error("Attempt to change a resource which is still in use: Table is being created: {name}")]
    Creating { name: String },
    #[error("Attempt to change a resource which is still in use: Table is being updated: {name}")]
    Updating { name: String },
    #[error("Attempt to change a resource which is still in use: Index is being created: {index}")]
    IndexCreating { index: String },
}

/// More than there may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Only so many tables fit into an account and Region.
    #[error("Subscriber limit exceeded: There is a limit of {max} tables per subscriber")]
    Tables { max: usize },
    #[error(
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously \
         per table"
    )]
    OneIndex,
    /// All tables together would take more memory than they may. Deletes make room.
    #[error(
        "The tables of this server would take {bytes} bytes of memory, more than the limit of \
         {max}. Delete items or tables, or raise the limit."
    )]
    Memory { bytes: u64, max: u64 },
}

/// What became of one action of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum CancellationReason {
    /// Nothing spoke against it.
    None,
    ConditionalCheckFailed {
        /// The item as it is, if it was asked for and there is one.
        item: Option<Arc<Item>>,
    },
    Validation(Validation),
}

impl CancellationReason {
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::ConditionalCheckFailed { .. } => "ConditionalCheckFailed",
            Self::Validation(_) => "ValidationError",
        }
    }

    #[must_use]
    pub fn message(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::ConditionalCheckFailed { .. } => {
                Some("The conditional request failed".to_owned())
            }
            Self::Validation(validation) => Some(validation.to_string()),
        }
    }
}

struct Reasons<'a>(&'a [CancellationReason]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [",
        )?;
        for (position, reason) in self.0.iter().enumerate() {
            f.write_str(if position == 0 { "" } else { ", " })?;
            f.write_str(reason.code())?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancellation_names_the_reasons_in_order() {
        let reasons = vec![
            CancellationReason::None,
            CancellationReason::ConditionalCheckFailed { item: None },
            CancellationReason::Validation(Validation::KeyMismatch),
        ];
        assert_eq!(
            Error::TransactionCanceled { reasons }.to_string(),
            "Transaction cancelled, please refer cancellation reasons for specific reasons [None, \
             ConditionalCheckFailed, ValidationError]"
        );
    }
}
