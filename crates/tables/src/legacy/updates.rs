//! `AttributeUpdates`.

use crate::expression::{Action, Change, Path, SetOperand, SetValue, Update};
use crate::invalid::{Invalid, LegacyProblem};
use crate::value::{AttributeType, AttributeValue};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What happens to an attribute.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttributeUpdate {
    /// The value to put, add or take away.
    pub value: Option<AttributeValue>,
    /// PUT if it is not said.
    pub action: AttributeAction,
}

/// What is done with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AttributeAction {
    /// It is put in the place of what is there.
    #[default]
    Put,
    /// It is added to a number, a set or a list.
    Add,
    /// Its members are taken out of a set. Without a value the attribute goes.
    Delete,
}

/// The update that `AttributeUpdates` are.
pub fn attribute_updates(updates: BTreeMap<String, AttributeUpdate>) -> Result<Update, Invalid> {
    let actions = updates.into_iter().map(|(attribute, update)| {
        Ok(Action { path: Path::attribute(attribute), change: update.into_change()? })
    });
    Ok(Update { actions: actions.collect::<Result<_, LegacyProblem>>()? })
}

impl AttributeUpdate {
    fn into_change(self) -> Result<Change, LegacyProblem> {
        let Some(value) = self.value else {
            return match self.action {
                AttributeAction::Delete => Ok(Change::Remove),
                AttributeAction::Put | AttributeAction::Add => {
                    Err(LegacyProblem::UpdateWithoutValue)
                }
            };
        };
        let found = value.type_of();
        let is_set = matches!(found, AttributeType::Ss | AttributeType::Ns | AttributeType::Bs);
        let value = Arc::new(value);
        match self.action {
            AttributeAction::Put => Ok(Change::Set(SetValue::Operand(SetOperand::Value(value)))),
            AttributeAction::Add
                if is_set || matches!(found, AttributeType::N | AttributeType::L) =>
            {
                Ok(Change::LegacyAdd(value))
            }
            AttributeAction::Add => Err(LegacyProblem::UpdateType { action: "ADD", found }),
            AttributeAction::Delete if is_set => Ok(Change::LegacyDelete(value)),
            AttributeAction::Delete => Err(LegacyProblem::UpdateType { action: "DELETE", found }),
        }
    }
}
