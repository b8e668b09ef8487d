//! Texts about streams.

use super::wire::{ToWire, limit_exceeded};
use crate::services::kinesis::errors::KinesisError;
use anabranch_engine::error::{
    AutoNeedsOnDemand, CreatingLimit, DataKeyLimit, EncryptionLimit, KeyNotInUse, LimitScope,
    ModeSwitchLimit, OnDemandLimit, OnDemandStream, PolicyNotFound, ProvisionedStream,
    RetentionGrows, RetentionShrinks, RetentionTooLong, RetentionTooShort, StreamExists,
    StreamHasConsumers, StreamNotActive, StreamNotFound, TagLimit, WarmLimit, WarmNeedsCommitment,
    WarmNeedsSwitch,
};
use anabranch_protocol::WireError;

impl ToWire for StreamNotFound {
    fn to_wire(self) -> WireError {
        let Self(stream) = self;
        KinesisError::ResourceNotFound.because(format!("Stream {stream} not found."))
    }
}

impl ToWire for StreamExists {
    fn to_wire(self) -> WireError {
        let Self(stream) = self;
        KinesisError::ResourceInUse.because(format!("Stream {stream} already exists."))
    }
}

impl ToWire for StreamNotActive {
    fn to_wire(self) -> WireError {
        let Self { stream, status } = self;
        KinesisError::ResourceInUse
            .because(format!("Stream {stream} not ACTIVE, instead in state {status}"))
    }
}

impl ToWire for StreamHasConsumers {
    fn to_wire(self) -> WireError {
        let Self(stream) = self;
        let (account, name) = (&stream.scope.account, &stream.name);
        KinesisError::ResourceInUse.because(format!(
            "DeleteStream can't delete {account}:{name} because there are consumers \
                 associated with this data stream. To delete {name} anyway, set the \
                 EnforceConsumerDeletion parameter to true to force the deletion of all the \
                 consumers that are associated with it."
        ))
    }
}

impl ToWire for OnDemandStream {
    fn to_wire(self) -> WireError {
        let Self(stream) = self;
        KinesisError::Validation
            .because(format!("Request is invalid. Stream {stream} is in On-Demand mode."))
    }
}

impl ToWire for ProvisionedStream {
    fn to_wire(self) -> WireError {
        let Self(stream) = self;
        KinesisError::Validation
            .because(format!("Request is invalid. Stream {stream} is in Provisioned mode."))
    }
}

impl ToWire for CreatingLimit {
    fn to_wire(self) -> WireError {
        let Self { stream, limit } = self;
        limit_exceeded(format!(
            // Two spaces and the grammar are the service's.
            "This request would have exceed the limit on the number  of streams that can \
             simultaneously be in CREATING or DELETING for the account {}. Limit: {limit}.",
            stream.scope.account
        ))
    }
}

impl ToWire for OnDemandLimit {
    fn to_wire(self) -> WireError {
        let Self { stream, current, limit, scope } = self;
        let region = match scope {
            LimitScope::Region => format!("`{}`", stream.scope.region),
            LimitScope::Account => "all Regions".to_owned(),
        };
        limit_exceeded(format!(
            "This request would exceed the limit on the number of On-Demand streams for the \
             account `{}` in {region}. Current On-Demand streams count: {current}. Limit: {limit}.",
            stream.scope.account
        ))
    }
}

impl ToWire for TagLimit {
    fn to_wire(self) -> WireError {
        let Self { stream, limit } = self;
        KinesisError::InvalidArgument.because(format!(
            "Failed to add tags to stream {stream} because a given stream cannot have more than \
             {limit} tags associated with it."
        ))
    }
}

impl ToWire for PolicyNotFound {
    fn to_wire(self) -> WireError {
        let Self { arn } = self;
        KinesisError::ResourceNotFound
            .because(format!("No resource policy found for resource ARN {arn}."))
    }
}

impl ToWire for ModeSwitchLimit {
    fn to_wire(self) -> WireError {
        let Self { stream, limit } = self;
        limit_exceeded(format!(
            "Stream {stream} has switched its capacity mode {limit} times within the last 24 \
             hours. Switch it again later."
        ))
    }
}

impl ToWire for AutoNeedsOnDemand {
    fn to_wire(self) -> WireError {
        KinesisError::InvalidArgument.because(
            "RecordDistributionStrategy AUTO is only supported for streams in On-Demand mode.",
        )
    }
}

impl ToWire for WarmNeedsSwitch {
    fn to_wire(self) -> WireError {
        KinesisError::InvalidArgument.because(
            "WarmThroughputMiBps is only supported for streams that are created in, or switched \
             to, On-Demand mode.",
        )
    }
}

impl ToWire for WarmNeedsCommitment {
    fn to_wire(self) -> WireError {
        let Self(stream) = self;
        KinesisError::InvalidArgument.because(format!(
            "WarmThroughputMiBps requires the minimum throughput billing commitment of account \
             {} in {}.",
            stream.scope.account, stream.scope.region
        ))
    }
}

impl ToWire for WarmLimit {
    fn to_wire(self) -> WireError {
        let Self { stream, limit } = self;
        limit_exceeded(format!(
            "The warm throughput of stream {stream} cannot be more than {limit} MiB per second."
        ))
    }
}

impl ToWire for RetentionTooShort {
    fn to_wire(self) -> WireError {
        let Self { hours } = self;
        KinesisError::InvalidArgument.because(format!(
            "Minimum allowed retention period is 24 hours. Requested retention period ({hours} \
             hours) is too short."
        ))
    }
}

impl ToWire for RetentionTooLong {
    fn to_wire(self) -> WireError {
        let Self { hours } = self;
        KinesisError::InvalidArgument.because(format!(
            "Maximum allowed retention period is 8760 hours. Requested retention period ({hours} \
             hours) is too long."
        ))
    }
}

impl ToWire for RetentionShrinks {
    fn to_wire(self) -> WireError {
        let Self { stream, hours, current } = self;
        KinesisError::InvalidArgument.because(format!(
            "Requested retention period ({hours} hours) for stream {} can not be shorter than \
             existing retention period ({current} hours). Use DecreaseRetentionPeriod API.",
            stream.name
        ))
    }
}

impl ToWire for RetentionGrows {
    fn to_wire(self) -> WireError {
        let Self { stream, hours, current } = self;
        KinesisError::InvalidArgument.because(format!(
            "Requested retention period ({hours} hours) for stream {} can not be longer than \
             existing retention period ({current} hours). Use IncreaseRetentionPeriod API.",
            stream.name
        ))
    }
}

impl ToWire for KeyNotInUse {
    fn to_wire(self) -> WireError {
        let Self { stream, key_id } = self;
        KinesisError::InvalidArgument.because(format!(
            "KeyId {key_id} is not the key that stream {stream} is encrypted with."
        ))
    }
}

impl ToWire for EncryptionLimit {
    fn to_wire(self) -> WireError {
        let Self { stream, stops, limit } = self;
        let what = if stops { "StopStreamEncryption" } else { "StartStreamEncryption" };
        limit_exceeded(format!(
            "Stream {stream} has had {what} {limit} times in the last 24 hours, which is the \
                 limit."
        ))
    }
}

impl ToWire for DataKeyLimit {
    fn to_wire(self) -> WireError {
        let Self { stream, limit } = self;
        limit_exceeded(format!(
            "Stream {stream} has records under {limit} encryption keys, which is the limit."
        ))
    }
}
