//! DeleteStream.

use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

pub(crate) struct DeleteStream;

input! {
    /// What is asked.
    pub(crate) struct DeleteStreamInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        enforce_consumer_deletion: Option<bool> = "EnforceConsumerDeletion" [ANY],
    }
}

impl Operation for DeleteStream {
    const NAME: &'static str = "DeleteStream";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
    ];
    type Input<'a> = DeleteStreamInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let named = naming::stream::<Self>(context, name, arn)?;
        let with_consumers = input.enforce_consumer_deletion == Some(true);
        let deleted =
            context.cell(&named).control.delete_stream(&named.scope, &named.name, with_consumers);
        deleted.await.map_err(to_wire)
    }
}
