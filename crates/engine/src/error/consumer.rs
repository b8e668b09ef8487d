//! What can be wrong with a fan-out consumer.

use crate::state::consumer::ConsumerName;
use crate::state::scope::ConsumerRef;
use crate::state::scope::StreamRef;
use anabranch_model::ShardId;
use std::sync::Arc;

/// There is no such consumer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("consumer not found consumer={named} account={account}")]
pub struct ConsumerNotFound {
    pub named: String,
    pub account: Arc<str>,
}

/// The consumer's name is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("consumer exists consumer={0}")]
pub struct ConsumerExists(pub ConsumerRef);

/// The consumer's state does not allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("consumer is not active consumer={0}")]
pub struct ConsumerNotActive(pub ConsumerRef);

/// The consumer's state does not allow a change of its policy or tags.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("consumer cannot be changed consumer={0}")]
pub struct ConsumerNotChangeable(pub ConsumerRef);

/// More consumers than a stream may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many consumers stream={stream} limit={limit}")]
pub struct ConsumerLimit {
    pub stream: StreamRef,
    pub limit: usize,
}

/// Too many consumers are being created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many consumers in CREATING stream={stream} limit={limit}")]
pub struct ConsumersCreatingLimit {
    pub stream: StreamRef,
    pub limit: usize,
}

/// The consumer has another subscription to the shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another subscription consumer={consumer} shard={shard}")]
pub struct AlreadySubscribed {
    pub consumer: ConsumerRef,
    pub shard: ShardId,
}

/// More subscriptions to a shard than a consumer may ask for in a second.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("subscribe rate exceeded consumer={consumer} shard={shard}")]
pub struct SubscribeRateExceeded {
    pub consumer: ConsumerRef,
    pub shard: ShardId,
}

impl From<&ConsumerName> for ConsumerNotFound {
    fn from(consumer: &ConsumerName) -> Self {
        let ConsumerName { stream, name, created_secs } = consumer.clone();
        let account = stream.scope.account.clone();
        let named = match created_secs {
            Some(created_secs) => ConsumerRef { stream, name, created_secs }.arn(),
            None => name.to_string(),
        };
        Self { named, account }
    }
}
