"""The service model that the installed botocore carries, and a valid request per operation."""

import botocore.session

from .server import arn

OPERATIONS = [
    "AddTagsToStream", "CreateStream", "DecreaseStreamRetentionPeriod", "DeleteStream",
    "DescribeLimits", "DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator",
    "IncreaseStreamRetentionPeriod", "ListShards", "ListStreams", "ListTagsForStream", "PutRecord",
    "PutRecords", "RemoveTagsFromStream",
]

SERVICE = botocore.session.get_session().get_service_model("kinesis")
ALL_OPERATIONS = list(SERVICE.operation_names)
OTHERS = sorted(set(ALL_OPERATIONS) - set(OPERATIONS))


def input_shape(operation):
    return SERVICE.operation_model(operation).input_shape


def valid_request(operation, stream="validation", shard="shardId-000000000000"):
    """Passes every constraint; whether the stream exists is another matter."""
    by_name = {"StreamName": stream}
    requests = {
        "AddTagsToStream": {**by_name, "Tags": {"a": "b"}},
        "CreateStream": {**by_name, "ShardCount": 1},
        "DecreaseStreamRetentionPeriod": {**by_name, "RetentionPeriodHours": 24},
        "DeleteStream": by_name,
        "DescribeLimits": {},
        "DescribeStream": by_name,
        "DescribeStreamSummary": by_name,
        "GetRecords": {"ShardIterator": "AAAA"},
        "GetShardIterator": {**by_name, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"},
        "IncreaseStreamRetentionPeriod": {**by_name, "RetentionPeriodHours": 24},
        "ListShards": by_name,
        "ListStreams": {},
        "ListTagsForStream": by_name,
        "PutRecord": {**by_name, "Data": "eA==", "PartitionKey": "k"},
        "PutRecords": {**by_name, "Records": [{"Data": "eA==", "PartitionKey": "k"}]},
        "RemoveTagsFromStream": {**by_name, "TagKeys": ["a"]},
    }
    return dict(requests[operation])


STREAM_ARN = arn("validation")


def lower_first(name):
    """How validation texts write a member: `StreamARN` is `streamARN`."""
    return name[:1].lower() + name[1:]
