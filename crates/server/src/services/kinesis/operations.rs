//! The table of operations.
//!
//! Adding an operation is a file in `ops/` and a line here.

use super::ops;
use super::state::Kinesis;
use crate::operation_table::operations;

operations! {
    of Kinesis, modelled in "kinesis/2013-12-02";
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Found;

    #[test]
    fn every_operation_of_the_service_is_in_the_table() {
        let schemas = (DESCRIBED.schemas)();
        assert_eq!(schemas.len(), 57);
        for (place, name) in DESCRIBED.operations.iter().enumerate() {
            assert_eq!(find(name), Found::Supported(place));
            assert_eq!(schemas[place].name(), *name);
        }
        assert_eq!(find("CreateQueue"), Found::Unsupported("CreateQueue"));
        assert_eq!(find("putrecord"), Found::Unknown);
    }
}
