//! DeleteResourcePolicy.

use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

pub(crate) struct DeleteResourcePolicy;

input! {
    /// What is asked.
    pub(crate) struct DeleteResourcePolicyInput {
        resource_arn: String = "ResourceARN" [RESOURCE_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

impl Operation for DeleteResourcePolicy {
    const NAME: &'static str = "DeleteResourcePolicy";
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
    type Input<'a> = DeleteResourcePolicyInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let resource = naming::resource::<Self>(context, &input.resource_arn)?;
        let cell = context.cell(resource.stream());
        cell.control.delete_policy(resource).await.map_err(to_wire)
    }
}
