//! DeleteResourcePolicy.

use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

pub(crate) struct DeleteResourcePolicy;

input! {
    /// What is asked.
    pub(crate) struct DeleteResourcePolicyInput {
        resource_arn: String = "ResourceARN" [RESOURCE_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

impl Operation for DeleteResourcePolicy {
    type Service = Kinesis;
    const NAME: &'static str = "DeleteResourcePolicy";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InternalFailure,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
        KinesisError::Validation,
    ];
    type Input<'a> = DeleteResourcePolicyInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let resource = admission::resource::<Self>(context, &input.resource_arn)?;
        resource.cell.control.delete_policy(resource.name).await.map_err(to_wire)
    }
}
