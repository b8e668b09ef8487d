"""Every operation that changes something: what it changed is there after kill -9."""

import json

import pytest

from support import model, streams
from support.server import arn, poll

# The others only read, or their effect ends with the connection.
CHANGING = sorted(set(model.OPERATIONS) - {
    "DescribeAccountSettings", "DescribeLimits", "DescribeStream", "DescribeStreamConsumer",
    "DescribeStreamSummary", "GetRecords", "GetResourcePolicy", "GetShardIterator", "ListShards",
    "ListStreamConsumers", "ListStreams", "ListTagsForResource", "ListTagsForStream",
    "SubscribeToShard",
})
SHARD = "shardId-000000000000"
MIDDLE = str(2**127)
SERVICE_KEY = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
COMMITTED = {"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}}
BY_NAME, BY_ARN, BY_RESOURCE = {"StreamName": "s"}, {"StreamARN": arn("s")}, {
    "ResourceARN": arn("s")}
CONSUMER = {**BY_ARN, "ConsumerName": "c"}
METRICS = {**BY_NAME, "ShardLevelMetrics": ["ALL"]}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": "*", "Resource": arn("s"), "Action": "kinesis:ListShards"}]})


def mode(name):
    return ("UpdateStreamMode", {**BY_ARN, "StreamModeDetails": {"StreamMode": name}})


# The change, and what has to come before it on a stream of one shard.
STEPS = {
    "AddTagsToStream": [{**BY_NAME, "Tags": {"a": "b", "ä": "ö"}}],
    "CreateStream": [{"StreamName": "new", "ShardCount": 3, "MaxRecordSizeInKiB": 2048,
                      "Tags": {"a": "b"}}],
    "DecreaseStreamRetentionPeriod": [
        ("IncreaseStreamRetentionPeriod", {**BY_NAME, "RetentionPeriodHours": 100}),
        {**BY_NAME, "RetentionPeriodHours": 50}],
    "DeleteResourcePolicy": [("PutResourcePolicy", {**BY_RESOURCE, "Policy": POLICY}),
                             BY_RESOURCE],
    "DeleteStream": [("CreateStream", {"StreamName": "other", "ShardCount": 1}), BY_NAME],
    "DeregisterStreamConsumer": [
        ("RegisterStreamConsumer", CONSUMER),
        ("RegisterStreamConsumer", {**BY_ARN, "ConsumerName": "stays"}), CONSUMER],
    "DisableEnhancedMonitoring": [("EnableEnhancedMonitoring", METRICS),
                                  {**BY_NAME, "ShardLevelMetrics": ["IncomingBytes"]}],
    "EnableEnhancedMonitoring": [METRICS],
    "IncreaseStreamRetentionPeriod": [{**BY_NAME, "RetentionPeriodHours": 8760}],
    "MergeShards": [
        ("SplitShard", {**BY_NAME, "ShardToSplit": SHARD, "NewStartingHashKey": MIDDLE}),
        {**BY_NAME, "ShardToMerge": "shardId-000000000001",
         "AdjacentShardToMerge": "shardId-000000000002"}],
    "PutRecord": [{**BY_NAME, "Data": b"\x00\xff", "PartitionKey": "ä"}],
    "PutRecords": [{**BY_NAME, "Records": [
        {"Data": b"%d" % index, "PartitionKey": "k"} for index in range(500)]}],
    "PutResourcePolicy": [{**BY_RESOURCE, "Policy": POLICY}],
    "RegisterStreamConsumer": [{**CONSUMER, "Tags": {"a": "b"}}],
    "RemoveTagsFromStream": [("AddTagsToStream", {**BY_NAME, "Tags": {"a": "b", "c": "d"}}),
                             {**BY_NAME, "TagKeys": ["a"]}],
    "SplitShard": [{**BY_NAME, "ShardToSplit": SHARD, "NewStartingHashKey": MIDDLE}],
    "StartStreamEncryption": [{**BY_NAME, **SERVICE_KEY}],
    "StopStreamEncryption": [("StartStreamEncryption", {**BY_NAME, **SERVICE_KEY}),
                             {**BY_NAME, **SERVICE_KEY}],
    "TagResource": [{**BY_RESOURCE, "Tags": {"a": "b"}}],
    "UntagResource": [("TagResource", {**BY_RESOURCE, "Tags": {"a": "b", "c": "d"}}),
                      {**BY_RESOURCE, "TagKeys": ["a"]}],
    "UpdateAccountSettings": [COMMITTED],
    "UpdateMaxRecordSize": [{**BY_ARN, "MaxRecordSizeInKiB": 10240}],
    "UpdateShardCount": [{**BY_NAME, "TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"}],
    "UpdateStreamMode": [mode("ON_DEMAND")[1]],
    "UpdateStreamRecordDistributionStrategy": [
        mode("ON_DEMAND"), {**BY_ARN, "RecordDistributionStrategy": "AUTO"}],
    "UpdateStreamWarmThroughput": [
        ("UpdateAccountSettings", COMMITTED), mode("ON_DEMAND"),
        {**BY_NAME, "WarmThroughputMiBps": 3}],
}


def call(client, operation, request):
    return getattr(client, model.method(operation))(**request)


def settled(client):
    """Whether every stream and consumer is ACTIVE and has the throughput it will have."""
    for stream in client.list_streams()["StreamSummaries"]:
        if stream["StreamStatus"] != "ACTIVE":
            return False
        found = client.describe_stream_summary(StreamName=stream["StreamName"])
        warm = found["StreamDescriptionSummary"].get("WarmThroughput", {})
        if warm.get("TargetMiBps") != warm.get("CurrentMiBps"):
            return False
        consumers = client.list_stream_consumers(StreamARN=stream["StreamARN"])["Consumers"]
        if any(consumer["ConsumerStatus"] != "ACTIVE" for consumer in consumers):
            return False
    return True


def everything(client):
    """All that can be read of the account."""
    found = {
        "limits": client.describe_limits(),
        "settings": client.describe_account_settings(),
        "streams": client.list_streams(),
    }
    for stream in found["streams"]["StreamSummaries"]:
        name, by_arn = stream["StreamName"], {"StreamARN": stream["StreamARN"]}
        resource = {"ResourceARN": stream["StreamARN"]}
        consumers = client.list_stream_consumers(**by_arn)
        found[name] = {
            "stream": client.describe_stream(StreamName=name),
            "summary": client.describe_stream_summary(StreamName=name),
            "shards": client.list_shards(StreamName=name),
            "tags": client.list_tags_for_stream(StreamName=name),
            "resource tags": client.list_tags_for_resource(**resource),
            "policy": client.get_resource_policy(**resource),
            "consumers": consumers,
            "records": streams.read_all(client, name),
        }
        for consumer in consumers["Consumers"]:
            resource = {"ResourceARN": consumer["ConsumerARN"]}
            found[consumer["ConsumerARN"]] = {
                "consumer": client.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"]),
                "tags": client.list_tags_for_resource(**resource),
                "policy": client.get_resource_policy(**resource),
            }
    return without_metadata(found)


def without_metadata(value):
    if isinstance(value, dict):
        return {k: without_metadata(v) for k, v in value.items() if k != "ResponseMetadata"}
    if isinstance(value, list):
        return [without_metadata(item) for item in value]
    return value


@pytest.mark.parametrize("operation", CHANGING)
def test_a_change_survives_a_kill(start_server, operation):
    server = start_server("--limits", "off", "--transition-ms", "0")
    client = server.client()
    streams.create(client, name="s")
    *before, change = STEPS[operation]
    for earlier, request in before:
        call(client, earlier, request)
        poll(lambda: settled(client), what="everything ACTIVE")
    unchanged = everything(client)
    call(client, operation, change)
    poll(lambda: settled(client), what="everything ACTIVE")
    changed = everything(client)
    assert changed != unchanged
    server.kill()
    assert everything(server.start().client()) == changed
    # And what a snapshot has of it, which an orderly end and a new journal lead to.
    assert server.terminate() == 0
    assert everything(server.start().client()) == changed
