//! TransactWriteItems: all of it, or nothing and the reasons.

use super::batch_write::{BatchOutput, capacity_of, collections_of};
use super::capacity::{Meter, ReturnConsumedCapacity};
use super::delete_item::on_key;
use super::put_item::put;
use super::update_item::{UpdateItemInput, update};
use super::write::{Action, ConditionInput, Decided, ItemWrite, WriteOptions, check_memory};
use crate::command::{Command, Token, Write};
use crate::error::{CancellationReason, Constraint, Error, Validation};
use crate::schema::check_token;
use crate::scope::Scope;
use crate::tables::Tables;
use crate::tokens::memory_of_token;
use crate::value::{AttributeValue, Item};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const ACTIONS_MAX: usize = 100;
/// Of all items of a transaction, in bytes.
const BYTES_MAX: usize = 4 << 20;

/// A condition of an action. It has no form of before there were expressions.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TransactCondition {
    pub condition_expression: Option<String>,
    pub expression_attribute_names: Option<BTreeMap<String, String>>,
    pub expression_attribute_values: Option<BTreeMap<String, AttributeValue>>,
    /// ReturnValuesOnConditionCheckFailure is ALL_OLD.
    pub returns_item_on_failure: bool,
}

/// What is done to one item.
#[derive(Clone, Debug, PartialEq)]
pub enum TransactAction {
    /// Its condition has an expression.
    ConditionCheck {
        table_name: String,
        key: Item,
        condition: TransactCondition,
    },
    Put {
        table_name: String,
        item: Item,
        condition: TransactCondition,
    },
    Delete {
        table_name: String,
        key: Item,
        condition: TransactCondition,
    },
    Update {
        table_name: String,
        key: Item,
        update_expression: String,
        condition: TransactCondition,
    },
}

impl TransactAction {
    /// The one that is there.
    ///
    /// # Errors
    /// None, or several.
    pub fn one_of(actions: impl IntoIterator<Item = Option<Self>>) -> Result<Self, Error> {
        let mut there = actions.into_iter().flatten();
        match (there.next(), there.next()) {
            (Some(action), None) => Ok(action),
            _ => Err(Validation::OneAction.into()),
        }
    }
}

/// What TransactWriteItems is asked.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TransactWriteItemsInput {
    pub transact_items: Vec<TransactAction>,
    pub client_request_token: Option<String>,
    pub return_consumed_capacity: ReturnConsumedCapacity,
    /// ReturnItemCollectionMetrics is SIZE.
    pub returns_collection_size: bool,
}

/// A TransactWriteItems, parsed.
#[derive(Clone, Debug)]
pub struct TransactWriteItems {
    writes: Vec<ItemWrite>,
    /// The token, and a digest of what is asked with it.
    token: Option<(String, [u8; 16])>,
    return_consumed_capacity: ReturnConsumedCapacity,
    returns_collection_size: bool,
}

impl TransactWriteItems {
    /// # Errors
    /// Members that are wrong, or do not go together, and more than 100 actions.
    pub fn parse(input: TransactWriteItemsInput) -> Result<Self, Error> {
        let count = input.transact_items.len();
        Constraint::check_count(count, "transactItems", 1, ACTIONS_MAX)
            .map_err(Validation::from)?;
        let token = match input.client_request_token {
            Some(token) => {
                check_token(&token)?;
                Some((token, digest_of(&input.transact_items)))
            }
            None => None,
        };
        let writes: Result<Vec<ItemWrite>, Error> =
            input.transact_items.into_iter().map(parse_action).collect();
        Ok(Self {
            writes: writes?,
            token,
            return_consumed_capacity: input.return_consumed_capacity,
            returns_collection_size: input.returns_collection_size,
        })
    }

    /// A command without changes, if the same was asked before with the same token.
    ///
    /// # Errors
    /// There is no such table, an item is there twice, what speaks against an action, or it is full.
    pub fn decide(
        &self,
        tables: &Tables,
        scope: &Scope,
        now_ms: u64,
    ) -> Result<(Command, BatchOutput), Error> {
        let token = match &self.token {
            Some((token, digest)) => {
                match tables.tokens().find(scope, token, now_ms) {
                    Some(former) if *former == *digest => {
                        return Ok((Command::Write(Write::default()), BatchOutput::default()));
                    }
                    Some(_) => return Err(Error::IdempotentParameterMismatch),
                    None => (),
                }
                Some(Token {
                    account: scope.account.to_string(),
                    region: scope.region.to_string(),
                    token: token.clone(),
                    request: digest.to_vec(),
                })
            }
            None => None,
        };
        let decided = self.decide_all(tables, scope, now_ms)?;
        check_memory(tables, &decided, token.as_ref().map_or(0, memory_of_token))?;
        let changes = decided.iter().filter_map(Decided::change).collect();
        let mut capacity = capacity_of(&decided, self.return_consumed_capacity, Meter::doubled);
        for one in capacity.iter_mut().flatten() {
            one.read_capacity_units = Some(0.0);
            one.write_capacity_units = Some(one.capacity_units);
        }
        let output = BatchOutput {
            consumed_capacity: capacity,
            item_collection_metrics: self.returns_collection_size.then(|| collections_of(&decided)),
        };
        Ok((Command::Write(Write { changes, token }), output))
    }

    fn decide_all<'a>(
        &self,
        tables: &'a Tables,
        scope: &Scope,
        now_ms: u64,
    ) -> Result<Vec<Decided<'a>>, Error> {
        let mut found = Vec::new();
        let mut keys = BTreeSet::new();
        for write in &self.writes {
            let one = match write.find(tables, scope, now_ms) {
                Ok((table, key)) => {
                    if !keys.insert((table.schema().number, key.clone())) {
                        return Err(Validation::ItemTwice.into());
                    }
                    Ok((table, key))
                }
                Err(Error::Validation(validation)) => Err(validation),
                Err(error) => return Err(error),
            };
            found.push(one);
        }
        let (mut decided, mut reasons) = (Vec::new(), Vec::new());
        for (write, found) in self.writes.iter().zip(found) {
            let one = found.map_err(Error::from).and_then(|(table, key)| write.decide(table, key));
            reasons.push(match one {
                Ok(one) => {
                    decided.push(one);
                    CancellationReason::None
                }
                Err(Error::ConditionalCheckFailed { item }) => {
                    CancellationReason::ConditionalCheckFailed { item }
                }
                Err(Error::Validation(validation)) => CancellationReason::Validation(validation),
                Err(error) => return Err(error),
            });
        }
        if reasons.iter().any(|reason| *reason != CancellationReason::None) {
            return Err(Error::TransactionCanceled { reasons });
        }
        let sizes =
            decided.iter().filter_map(|one| Some(one.new.as_ref().or(one.old.as_ref())?.size));
        if sizes.sum::<usize>() > BYTES_MAX {
            return Err(Validation::TransactionTooLarge { max: BYTES_MAX }.into());
        }
        Ok(decided)
    }
}

fn parse_action(action: TransactAction) -> Result<ItemWrite, Error> {
    match action {
        TransactAction::ConditionCheck { table_name, key, condition } => {
            on_key(table_name, Action::Check(Arc::new(key)), condition.into())
        }
        TransactAction::Put { table_name, item, condition } => {
            put(table_name, item, condition.into())
        }
        TransactAction::Delete { table_name, key, condition } => {
            on_key(table_name, Action::Delete(Arc::new(key)), condition.into())
        }
        TransactAction::Update { table_name, key, update_expression, condition } => {
            update(UpdateItemInput {
                table_name,
                key,
                update_expression: Some(update_expression),
                attribute_updates: None,
                condition: condition.into(),
                options: WriteOptions::default(),
            })
        }
    }
}

impl From<TransactCondition> for ConditionInput {
    fn from(condition: TransactCondition) -> Self {
        Self {
            condition_expression: condition.condition_expression,
            expression_attribute_names: condition.expression_attribute_names,
            expression_attribute_values: condition.expression_attribute_values,
            returns_item_on_failure: condition.returns_item_on_failure,
            ..Self::default()
        }
    }
}

/// The same for the same actions, as this version writes them: a token that was used before another
/// version started may be refused once.
fn digest_of(actions: &[TransactAction]) -> [u8; 16] {
    crate::digest::of([format!("{actions:?}").as_bytes()])
}
