//! Texts about fan-out consumers.

use super::wire::{ToWire, limit_exceeded};
use crate::services::kinesis::errors::KinesisError;
use anabranch_engine::error::{
    AlreadySubscribed, ConsumerExists, ConsumerLimit, ConsumerNotActive, ConsumerNotChangeable,
    ConsumerNotFound, ConsumersCreatingLimit, SubscribeRateExceeded,
};
use anabranch_protocol::WireError;

impl ToWire for ConsumerNotFound {
    fn to_wire(self) -> WireError {
        let Self { named, account } = self;
        KinesisError::ResourceNotFound
            .because(format!("Consumer {named}, account {account} not found."))
    }
}

impl ToWire for ConsumerExists {
    fn to_wire(self) -> WireError {
        let Self(consumer) = self;
        KinesisError::ResourceInUse.because(format!(
            "Consumer {} under stream {} already exists.",
            consumer.name, consumer.stream
        ))
    }
}

impl ToWire for ConsumerNotActive {
    fn to_wire(self) -> WireError {
        let Self(consumer) = self;
        KinesisError::ResourceInUse.because(format!(
            // The space before the comma is the service's.
            "Consumer {} with creation timestamp {} under stream: {} , account {} is not in \
             ACTIVE status.",
            consumer.name,
            consumer.created_secs,
            consumer.stream.name,
            consumer.stream.scope.account
        ))
    }
}

impl ToWire for ConsumerNotChangeable {
    fn to_wire(self) -> WireError {
        let Self(consumer) = self;
        // The service says it otherwise here than to a subscription.
        let (stream, account) = (&consumer.stream.name, &consumer.stream.scope.account);
        KinesisError::ResourceInUse.because(format!(
            "Consumer {} with creation timestamp {} under stream {stream} and account \
                 {account} is not in ACTIVE status.",
            consumer.name, consumer.created_secs
        ))
    }
}

impl ToWire for ConsumerLimit {
    fn to_wire(self) -> WireError {
        let Self { stream, limit } = self;
        limit_exceeded(format!(
            "This request would exceed the limit on the number of consumers of stream {stream}. \
             Limit: {limit}."
        ))
    }
}

impl ToWire for ConsumersCreatingLimit {
    fn to_wire(self) -> WireError {
        let Self { stream, limit } = self;
        limit_exceeded(format!(
            "This request would exceed the limit on the number of consumers of stream {stream} \
             that can simultaneously be in CREATING. Limit: {limit}."
        ))
    }
}

impl ToWire for AlreadySubscribed {
    fn to_wire(self) -> WireError {
        let Self { consumer, shard } = self;
        KinesisError::ResourceInUse.because(format!(
            "Another active subscription exists for this consumer: {}:{}:{shard}:{}",
            consumer.stream.scope.account, consumer.stream.name, consumer.name
        ))
    }
}

impl ToWire for SubscribeRateExceeded {
    fn to_wire(self) -> WireError {
        let Self { consumer, shard } = self;
        limit_exceeded(format!(
            "Rate exceeded for consumer {} and shard {shard} in stream {}.",
            consumer.name, consumer.stream
        ))
    }
}
