//! The operations, one file each: its shapes, its errors, and what it does.

mod access;
mod naming;
mod shapes;
mod tag_text;

pub(crate) mod add_tags_to_stream;
pub(crate) mod create_stream;
pub(crate) mod decrease_stream_retention_period;
pub(crate) mod delete_resource_policy;
pub(crate) mod delete_stream;
pub(crate) mod deregister_stream_consumer;
pub(crate) mod describe_account_settings;
pub(crate) mod describe_limits;
pub(crate) mod describe_stream;
pub(crate) mod describe_stream_consumer;
pub(crate) mod describe_stream_summary;
pub(crate) mod disable_enhanced_monitoring;
pub(crate) mod enable_enhanced_monitoring;
pub(crate) mod get_records;
pub(crate) mod get_resource_policy;
pub(crate) mod get_shard_iterator;
pub(crate) mod increase_stream_retention_period;
pub(crate) mod list_shards;
pub(crate) mod list_stream_consumers;
pub(crate) mod list_streams;
pub(crate) mod list_tags_for_resource;
pub(crate) mod list_tags_for_stream;
pub(crate) mod merge_shards;
pub(crate) mod put_record;
pub(crate) mod put_records;
pub(crate) mod put_resource_policy;
pub(crate) mod register_stream_consumer;
pub(crate) mod remove_tags_from_stream;
pub(crate) mod split_shard;
pub(crate) mod start_stream_encryption;
pub(crate) mod stop_stream_encryption;
pub(crate) mod subscribe_to_shard;
pub(crate) mod tag_resource;
pub(crate) mod untag_resource;
pub(crate) mod update_account_settings;
pub(crate) mod update_max_record_size;
pub(crate) mod update_shard_count;
pub(crate) mod update_stream_mode;
pub(crate) mod update_stream_record_distribution_strategy;
pub(crate) mod update_stream_warm_throughput;

pub(crate) use access::{Asked, Origin, Peer};

use crate::auth::Caller;
use crate::call_rates::{CallLimiter, CallRate};
use crate::operations::Answer;
use anabranch_engine::{Engine, Scope};
use anabranch_protocol::shape::Structure;
use anabranch_protocol::{Decode, ErrorKind, WireError};
use std::sync::Arc;

/// What a handler works with.
pub(crate) struct Context<'a> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) caller: &'a Caller,
    /// The caller's account and Region.
    pub(crate) scope: Scope,
    pub(crate) calls: &'a CallLimiter,
    pub(crate) origin: Origin<'a>,
    /// Whether the handler has asked what the caller may do.
    pub(crate) asked: Asked,
}

impl Context<'_> {
    /// Takes one call of the operation's rate.
    ///
    /// # Errors
    /// `LimitExceededException` when the rate is used up.
    pub(crate) fn take_call<O: Operation>(
        &self,
        scope: &Scope,
        stream: Option<&Arc<str>>,
    ) -> Result<(), WireError> {
        let now_us = self.engine.monotonic_us();
        self.calls.take(O::NAME, O::RATE, scope, stream, now_us)
    }
}

/// An operation of the service.
pub(crate) trait Operation {
    /// Its name in `X-Amz-Target`.
    const NAME: &'static str;
    /// How often it may be called. That of operations on records is limited by shard instead.
    const RATE: CallRate;
    /// The errors that the service model gives it.
    const ERRORS: &'static [ErrorKind];
    /// What it is asked.
    type Input<'a>: Decode<'a> + Structure + Send;
    /// What it answers; `()` for an empty body, [`crate::operations::Events`] for a stream.
    type Output: Answer;

    /// Does it.
    fn run<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> impl Future<Output = Result<Self::Output, WireError>> + Send;
}

/// The error of a dry run that found nothing wrong.
fn dry_run_succeeded() -> WireError {
    WireError::new(
        ErrorKind::DryRunOperation,
        "Request would have succeeded, but DryRun flag is set.",
    )
}
