//! ARNs in requests.

use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use anabranch_engine::error::ShardIdInvalid;
use anabranch_engine::{ConsumerRef, Scope, StreamRef};
use anabranch_model::{ConsumerArn, ShardId, StreamArn};
use anabranch_protocol::WireError;
use std::sync::Arc;

/// The shard that a text names, of this stream or of none.
///
/// # Errors
/// When it names none that there could be.
pub(crate) fn shard_id(stream: &StreamRef, text: &str) -> Result<ShardId, WireError> {
    ShardId::parse_lenient(text)
        .ok_or_else(|| to_wire(ShardIdInvalid { stream: stream.clone(), shard: text.to_owned() }))
}

pub(super) fn parse_stream_arn(arn: &str) -> Result<StreamRef, WireError> {
    let parsed = StreamArn::parse(arn).ok_or_else(|| {
        KinesisError::InvalidArgument.because(format!("StreamARN {arn} is invalid."))
    })?;
    Ok(stream_ref(&parsed))
}

pub(super) fn parse_consumer_arn(arn: &str) -> Option<ConsumerRef> {
    let ConsumerArn { stream, name, created_secs } = ConsumerArn::parse(arn)?;
    Some(ConsumerRef { stream: stream_ref(&stream), name: Arc::from(name), created_secs })
}

pub(super) fn stream_ref(arn: &StreamArn<'_>) -> StreamRef {
    let StreamArn { region, account, name } = *arn;
    let scope = Scope { account: Arc::from(account), region: Arc::from(region) };
    StreamRef { scope, name: Arc::from(name) }
}
