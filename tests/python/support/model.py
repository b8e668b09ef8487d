"""The service model that the installed botocore carries, and a valid request per operation."""

import json
import subprocess

import botocore
import botocore.session

from .server import ACCOUNT, REGION, arn, binary

SERVICE = botocore.session.get_session().get_service_model("kinesis")
ALL_OPERATIONS = list(SERVICE.operation_names)


def _supported():
    schema = json.loads(subprocess.check_output([binary(), "schema"]))
    return sorted(o["name"] for o in schema["services"]["kinesis/2013-12-02"]["operations"]
                  if o.get("supported", True))


OPERATIONS = _supported()
OTHERS = sorted(set(ALL_OPERATIONS) - set(OPERATIONS))
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def input_shape(operation):
    return SERVICE.operation_model(operation).input_shape


def valid_request(operation, stream="validation", shard="shardId-000000000000"):
    """Passes every constraint; whether the stream exists is another matter."""
    by_name = {"StreamName": stream}
    by_arn = {"StreamARN": arn(stream)}
    consumer = f"{arn(stream)}/consumer/c:1525898737"
    requests = {
        "AddTagsToStream": {**by_name, "Tags": {"a": "b"}},
        "CreateStream": {**by_name, "ShardCount": 1},
        "DecreaseStreamRetentionPeriod": {**by_name, "RetentionPeriodHours": 24},
        "DeleteStream": by_name,
        "DeleteResourcePolicy": {"ResourceARN": arn(stream)},
        "DeregisterStreamConsumer": {**by_arn, "ConsumerName": "c"},
        "DescribeAccountSettings": {},
        "DescribeLimits": {},
        "DescribeStream": by_name,
        "DescribeStreamConsumer": {**by_arn, "ConsumerName": "c"},
        "DescribeStreamSummary": by_name,
        "DisableEnhancedMonitoring": {**by_name, "ShardLevelMetrics": ["IncomingBytes"]},
        "EnableEnhancedMonitoring": {**by_name, "ShardLevelMetrics": ["IncomingBytes"]},
        "GetRecords": {"ShardIterator": "AAAA"},
        "GetResourcePolicy": {"ResourceARN": arn(stream)},
        "GetShardIterator": {**by_name, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"},
        "IncreaseStreamRetentionPeriod": {**by_name, "RetentionPeriodHours": 24},
        "ListShards": by_name,
        "ListStreamConsumers": by_arn,
        "ListStreams": {},
        "ListTagsForResource": {"ResourceARN": arn(stream)},
        "ListTagsForStream": by_name,
        "MergeShards": {**by_name, "ShardToMerge": shard, "AdjacentShardToMerge": "shardId-000000000001"},
        "PutRecord": {**by_name, "Data": "eA==", "PartitionKey": "k"},
        "PutRecords": {**by_name, "Records": [{"Data": "eA==", "PartitionKey": "k"}]},
        "PutResourcePolicy": {"ResourceARN": arn(stream), "Policy": policy(stream)},
        "RegisterStreamConsumer": {**by_arn, "ConsumerName": "c"},
        "RemoveTagsFromStream": {**by_name, "TagKeys": ["a"]},
        "SplitShard": {**by_name, "ShardToSplit": shard, "NewStartingHashKey": "1000"},
        "StartStreamEncryption": {**by_name, "EncryptionType": "KMS", "KeyId": KEY_ARN},
        "StopStreamEncryption": {**by_name, "EncryptionType": "KMS", "KeyId": KEY_ARN},
        "SubscribeToShard": {"ConsumerARN": consumer, "ShardId": shard,
                             "StartingPosition": {"Type": "TRIM_HORIZON"}},
        "TagResource": {"ResourceARN": arn(stream), "Tags": {"a": "b"}},
        "UntagResource": {"ResourceARN": arn(stream), "TagKeys": ["a"]},
        "UpdateAccountSettings": {"MinimumThroughputBillingCommitment": {"Status": "DISABLED"}},
        "UpdateMaxRecordSize": {**by_arn, "MaxRecordSizeInKiB": 1024},
        "UpdateShardCount": {**by_name, "TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"},
        "UpdateStreamMode": {**by_arn, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
        "UpdateStreamRecordDistributionStrategy": {
            **by_arn, "RecordDistributionStrategy": "USER_PARTITION_KEY"},
        "UpdateStreamWarmThroughput": {**by_name, "WarmThroughputMiBps": 1},
    }
    return dict(requests[operation])


def policy(stream):
    """Lets everybody describe the stream."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "*"}, "Resource": arn(stream),
        "Action": "kinesis:DescribeStreamSummary"}]})


STREAM_ARN = arn("validation")


def lower_first(name):
    """How validation texts write a member: `StreamARN` is `streamARN`."""
    return name[:1].lower() + name[1:]


def method(operation):
    """The method of a boto3 client: `PutRecord` is `put_record`."""
    return botocore.xform_name(operation)
