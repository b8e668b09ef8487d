//! GetResourcePolicy.

use super::{Context, Operation};
use crate::answer::Counted;
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input, output};

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
    type Service = Kinesis;
    const NAME: &'static str = "GetResourcePolicy";
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
    type Input<'a> = GetResourcePolicyInput;
    type Output = Counted<GetResourcePolicyOutput>;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<Counted<GetResourcePolicyOutput>, WireError> {
        let resource = admission::resource::<Self>(context, &input.resource_arn)?;
        let control = &resource.cell.control;
        let policy = control.resource_policy(&resource.stream, &resource.name).map_err(to_wire)?;
        let text = policy.as_ref().map_or("{}", |policy| policy.text());
        // A quotation mark has two bytes within a text of JSON.
        let share = context.room.reserve(2 * text.len()).await?;
        Ok(Counted(GetResourcePolicyOutput { policy: text.to_owned() }, share))
    }
}
