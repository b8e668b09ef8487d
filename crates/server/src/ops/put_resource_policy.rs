//! PutResourcePolicy.

use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_engine::ResourcePolicy;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

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
    const NAME: &'static str = "PutResourcePolicy";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InternalFailure,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
        ErrorKind::Validation,
    ];
    type Input<'a> = PutResourcePolicyInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let resource = naming::resource::<Self>(context, &input.resource_arn)?;
        let policy = ResourcePolicy::parse(input.policy, &resource.arn()).map_err(|error| {
            WireError::invalid_argument(format!("The resource policy is invalid: {error}."))
        })?;
        let cell = context.cell(resource.stream());
        cell.control.put_policy(resource, policy).await.map_err(to_wire)
    }
}
