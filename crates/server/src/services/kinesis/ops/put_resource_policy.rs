//! PutResourcePolicy.

use super::{Context, Operation, after_existence};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::ResourcePolicy;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

pub(crate) struct PutResourcePolicy;

input! {
    /// What is asked.
    pub(crate) struct PutResourcePolicyInput {
        resource_arn: String = "ResourceARN" [RESOURCE_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        policy: String = "Policy" [ANY],
    }
}

impl Operation for PutResourcePolicy {
    type Service = Kinesis;
    const NAME: &'static str = "PutResourcePolicy";
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
    type Input<'a> = PutResourcePolicyInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let resource = admission::resource::<Self>(context, &input.resource_arn)?;
        let policy = ResourcePolicy::parse(input.policy, &resource.name.arn()).map_err(|error| {
            KinesisError::InvalidArgument
                .because(format!("The resource policy is invalid: {error}."))
        });
        let policy = after_existence(policy, || resource.require())?;
        resource.cell.control.put_policy(resource.name, policy).await.map_err(to_wire)
    }
}
