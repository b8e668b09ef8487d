//! GetResourcePolicy.

use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input, output};

pub(crate) struct GetResourcePolicy;

input! {
    /// What is asked.
    pub(crate) struct GetResourcePolicyInput {
        resource_arn: String = "ResourceARN" [RESOURCE_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

output! {
    /// What is answered.
    pub(crate) struct GetResourcePolicyOutput {
        policy: String = "Policy",
    }
}

impl Operation for GetResourcePolicy {
    const NAME: &'static str = "GetResourcePolicy";
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
    type Input<'a> = GetResourcePolicyInput;
    type Output = GetResourcePolicyOutput;

    async fn run<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<GetResourcePolicyOutput, WireError> {
        let resource = naming::resource::<Self>(context, &input.resource_arn)?;
        let policy =
            context.cell(resource.stream()).control.resource_policy(&resource).map_err(to_wire)?;
        let text = policy.as_ref().map_or("{}", |policy| policy.text());
        Ok(GetResourcePolicyOutput { policy: text.to_owned() })
    }
}
