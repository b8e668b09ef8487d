//! The table of operations.
//!
//! Adding an operation is a file in `ops/` and a line here.

use crate::answer::{Answer, Answered};
use crate::auth::{AuthError, Authenticator, Caller};
use crate::call_rates::CallLimiter;
use crate::event_reply::EventSetting;
use crate::operation_schema::OperationSchema;
use crate::ops::{self, Asked, Context, Operation, Origin, Peer};
use anabranch_engine::{Cells, Scope};
use anabranch_protocol::shape::RequestError;
use anabranch_protocol::{Codec, ErrorKind, WireError};
use http::request::Parts;
use std::pin::Pin;

/// Name in the credential scope of signatures.
const SERVICES: &[&str] = &["kinesis"];

/// What a target names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// An operation that is there.
    Supported(Name),
    /// An operation of the service that is not there yet.
    Unsupported(&'static str),
}

macro_rules! operations {
    (supported { $($name:ident => $module:ident,)+ } unsupported { $($missing:literal,)* }) => {
        /// The operations that are there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Name { $($name,)+ }

        impl Target {
            /// The operation of this name.
            pub(crate) fn parse(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::Supported(Name::$name)),)+
                    $($missing => Some(Self::Unsupported($missing)),)*
                    _ => None,
                }
            }
        }

        /// Decodes, authenticates and runs an operation.
        ///
        /// Boxed: the compiler cannot see through a future of so many generic ones.
        pub(crate) fn call<'a>(name: Name, call: Call<'a>) -> BoxedCall<'a> {
            match name {
                $(Name::$name => {
                    debug_assert_eq!(ops::$module::$name::NAME, stringify!($name));
                    Box::pin(run::<ops::$module::$name>(call))
                })+
            }
        }

        /// Decodes a body as the operation's request and forgets it. `None`: there is no such
        /// operation here.
        pub(crate) fn decode(
            operation: &str,
            codec: Codec,
            body: &[u8],
        ) -> Option<Result<(), RequestError>> {
            match operation {
                $(stringify!($name) => {
                    type Input<'a> = <ops::$module::$name as Operation>::Input<'a>;
                    Some(codec.decode_input::<Input<'_>>(body).map(drop))
                })+
                _ => None,
            }
        }

        /// The operations that are there, in the order of the table.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name),)+];

        /// Every operation of the service, for comparison with the service model.
        pub(crate) fn schemas() -> Vec<OperationSchema> {
            let mut all = vec![$(OperationSchema::of::<ops::$module::$name>(),)+];
            all.extend([$(OperationSchema::unsupported($missing),)*]);
            all
        }
    };
}

operations! {
    supported {
    AddTagsToStream => add_tags_to_stream,
    CreateStream => create_stream,
    DecreaseStreamRetentionPeriod => decrease_stream_retention_period,
    DeleteResourcePolicy => delete_resource_policy,
    DeleteStream => delete_stream,
    DeregisterStreamConsumer => deregister_stream_consumer,
    DescribeAccountSettings => describe_account_settings,
    DescribeLimits => describe_limits,
    DescribeStream => describe_stream,
    DescribeStreamConsumer => describe_stream_consumer,
    DescribeStreamSummary => describe_stream_summary,
    DisableEnhancedMonitoring => disable_enhanced_monitoring,
    EnableEnhancedMonitoring => enable_enhanced_monitoring,
    GetRecords => get_records,
    GetResourcePolicy => get_resource_policy,
    GetShardIterator => get_shard_iterator,
    IncreaseStreamRetentionPeriod => increase_stream_retention_period,
    ListShards => list_shards,
    ListStreamConsumers => list_stream_consumers,
    ListStreams => list_streams,
    ListTagsForResource => list_tags_for_resource,
    ListTagsForStream => list_tags_for_stream,
    MergeShards => merge_shards,
    PutRecord => put_record,
    PutRecords => put_records,
    PutResourcePolicy => put_resource_policy,
    RegisterStreamConsumer => register_stream_consumer,
    RemoveTagsFromStream => remove_tags_from_stream,
    SplitShard => split_shard,
    StartStreamEncryption => start_stream_encryption,
    StopStreamEncryption => stop_stream_encryption,
    SubscribeToShard => subscribe_to_shard,
    TagResource => tag_resource,
    UntagResource => untag_resource,
    UpdateAccountSettings => update_account_settings,
    UpdateMaxRecordSize => update_max_record_size,
    UpdateShardCount => update_shard_count,
    UpdateStreamMode => update_stream_mode,
    UpdateStreamRecordDistributionStrategy => update_stream_record_distribution_strategy,
    UpdateStreamWarmThroughput => update_stream_warm_throughput,
    }
    unsupported {
    "AcknowledgeDeadLetterQueueRecords",
    "AcknowledgeQueueRecords",
    "CreateChannel",
    "CreateQueue",
    "DeleteChannel",
    "DeleteQueue",
    "DescribeChannel",
    "DescribeQueue",
    "ListChannels",
    "ListQueues",
    "ReceiveDeadLetterQueueRecords",
    "ReceiveQueueRecords",
    "RestoreDeadLetterQueueRecords",
    "UpdateChannel",
    "UpdateDeadLetterQueueRecordsVisibility",
    "UpdateQueue",
    "UpdateQueueRecordsVisibility",
    }
}

/// An operation under way.
pub(crate) type BoxedCall<'a> =
    Pin<Box<dyn Future<Output = Result<Answered, WireError>> + Send + 'a>>;

/// A request whose operation is known.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) authenticator: &'a Authenticator,
    pub(crate) calls: &'a CallLimiter,
    pub(crate) parts: &'a Parts,
    pub(crate) peer: Peer,
    pub(crate) cells: &'a dyn Cells,
    pub(crate) codec: Codec,
    pub(crate) body: &'a [u8],
    pub(crate) events: &'a EventSetting,
}

impl Call<'_> {
    /// Who is calling.
    pub(crate) fn authenticate(&self) -> Result<Caller, WireError> {
        let now_secs = (self.cells.now_ms() / 1000).cast_signed();
        let caller = self.authenticator.authenticate(self.parts, self.body, SERVICES, now_secs);
        caller.map_err(|error| auth_to_wire(&error))
    }

    /// How it came.
    fn origin(&self) -> Origin<'_> {
        let user_agent = self.parts.headers.get(http::header::USER_AGENT);
        Origin { peer: self.peer, user_agent: user_agent.and_then(|value| value.to_str().ok()) }
    }
}

/// The order of checks is the service's: a body that does not parse, then the caller, then types
/// and constraints, then the operation.
async fn run<O: Operation>(call: Call<'_>) -> Result<Answered, WireError> {
    let decoded = call.codec.decode_input::<O::Input<'_>>(call.body);
    if let Err(error @ RequestError::Malformed) = decoded {
        return Err(error.into());
    }
    let caller = call.authenticate()?;
    let input = decoded?;
    let scope = Scope { account: caller.account_id.clone(), region: caller.region.clone() };
    let context = Context {
        cells: call.cells,
        caller: &caller,
        scope,
        calls: call.calls,
        origin: call.origin(),
        asked: Asked::default(),
    };
    let output = O::run(&context, input).await?;
    if !context.asked.is_set() {
        tracing::error!(operation = O::NAME, "an operation did not ask whether its caller may");
        return Err(WireError::bare(ErrorKind::InternalFailure));
    }
    Ok(output.into_answered(call.codec, call.events))
}

/// The error for a target of the service that is not there yet.
pub(crate) fn unsupported(name: &str) -> WireError {
    WireError::new(
        ErrorKind::UnsupportedOperation,
        format!("Anabranch does not support {name} yet."),
    )
}

/// Authentication's errors carry their own names and texts.
fn auth_to_wire(error: &AuthError) -> WireError {
    let name = error.kind_name();
    let kind = ErrorKind::ALL.iter().copied().find(|kind| kind.name() == name);
    WireError::new(kind.unwrap_or(ErrorKind::InvalidSignature), error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_service_is_in_the_table() {
        assert_eq!(schemas().len(), 57);
        assert_eq!(Target::parse("PutRecord"), Some(Target::Supported(Name::PutRecord)));
        assert_eq!(Target::parse("CreateQueue"), Some(Target::Unsupported("CreateQueue")));
        assert_eq!(Target::parse("putrecord"), None);
    }
}
