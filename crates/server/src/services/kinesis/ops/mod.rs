//! The operations, one file each: its shapes, its errors, and what it does.

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

use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::WireError;

pub(crate) use crate::operation::Operation;

/// What a handler works with.
pub(crate) type Context<'a> = crate::context::Context<'a, Kinesis>;

/// The error of a dry run that found nothing wrong.
fn dry_run_succeeded() -> WireError {
    let text = "Request would have succeeded, but DryRun flag is set.";
    KinesisError::DryRunOperation.because(text)
}

/// What was read of a request's content, whose refusal comes after that of a resource that is not
/// there: names and ids first, then whether there is something of that name, then the rest.
///
/// # Errors
/// When the content is refused: the refusal of `existence`, or else its own.
fn after_existence<T>(
    content: Result<T, WireError>,
    existence: impl FnOnce() -> Result<(), WireError>,
) -> Result<T, WireError> {
    content.or_else(|refusal| existence().and(Err(refusal)))
}
