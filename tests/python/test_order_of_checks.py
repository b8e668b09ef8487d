"""What is judged first: types, then the shape of members, then names and ids, then whether there is
something of that name, then what else is in the request.

Each operation has a row of every table below, or is among those that have nothing of the kind.
"""

import pytest

from support import model, raw, streams
from support.server import ACCOUNT, arn

MISSING = "missing"
NO_STREAM = ("ResourceNotFoundException", f"Stream {MISSING} under account {ACCOUNT} not found.")
NO_SHARD_THERE = ("ResourceNotFoundException",
                  f"Shard shardId-000000000000 in stream {MISSING} under account {ACCOUNT} does not exist")
CONSUMER = f"{arn(MISSING)}/consumer/c:1525898737"
NO_CONSUMER = ("ResourceNotFoundException", f"Consumer {CONSUMER}, account {ACCOUNT} not found.")
NO_NAMED_CONSUMER = ("ResourceNotFoundException", f"Consumer c, account {ACCOUNT} not found.")
BAD_TEXT = "tabs\tare refused"
OF_THE_ACCOUNT = ["DescribeAccountSettings", "DescribeLimits", "UpdateAccountSettings"]


def no_id(shard="none"):
    return ("ResourceNotFoundException",
            f"Could not find shard {shard} in stream {MISSING} under account {ACCOUNT}.")


def operations_by_name():
    """Those that take a stream's name and its ARN."""
    members = {operation: set(model.input_shape(operation).members) for operation in model.OPERATIONS}
    return [operation for operation in model.OPERATIONS
            if {"StreamName", "StreamARN"} <= members[operation]]


def refusal(server, operation, request, codec):
    return codec(server, operation, request).error


@pytest.fixture(params=[raw.call, raw.call_cbor], ids=["json", "cbor"])
def codec(request):
    return request.param


def with_bad_shape(operation):
    """A member that breaks a constraint, beside names of streams that are not there."""
    request = model.valid_request(operation, MISSING)
    shape = model.input_shape(operation)
    if "StreamName" in shape.members:
        return {**request, "StreamName": "no/name"}
    for name in ["StreamARN", "ResourceARN", "ConsumerARN", "ExclusiveStartStreamName"]:
        if name in shape.members:
            return {**request, name: ""}
    return {**request, "ShardIterator": ""}


HAS_MEMBERS = [operation for operation in model.OPERATIONS if operation not in OF_THE_ACCOUNT]


@pytest.mark.parametrize("operation", HAS_MEMBERS)
def test_types_come_before_shape_and_shape_before_names(server, codec, operation):
    request = with_bad_shape(operation)
    assert refusal(server, operation, request, codec)[0] == "ValidationException"
    # A name of the wrong type, after the wrong shape in whatever order members are read.
    member = next(name for name, shape in model.input_shape(operation).members.items()
                  if shape.type_name == "string" and name != "StreamId")
    wrong = {**request, member: [1]}
    if "StreamARN" in model.input_shape(operation).members and member != "StreamARN":
        wrong["StreamARN"] = ""
    assert refusal(server, operation, wrong, codec)[0] == "SerializationException"


@pytest.mark.parametrize("operation", operations_by_name())
def test_shape_and_names_come_before_existence(server, codec, operation):
    request = model.valid_request(operation, MISSING)
    other = {**request, "StreamName": MISSING, "StreamARN": arn("another")}
    assert refusal(server, operation, other, codec) == (
        "InvalidArgumentException",
        f"StreamName {MISSING} does not match the stream in StreamARN {arn('another')}.")
    elsewhere = {**other, "StreamARN": arn("another", region="eu-west-1")}
    assert refusal(server, operation, elsewhere, codec)[0] == "InvalidArgumentException"
    odd = {**request, "StreamARN": arn(MISSING).replace("arn:aws:", "arn:aws-cn:")}
    assert refusal(server, operation, odd, codec)[0] == "InvalidArgumentException"
    request.pop("StreamName")
    assert refusal(server, operation, request, codec)[0] == "InvalidArgumentException"


# By operation: members that name nothing there could be, and how they are refused while the stream
# or consumer is missing, too.
BAD_IDS = {
    "DeleteResourcePolicy": [({"ResourceARN": arn(MISSING) + "/x"}, "InvalidArgumentException")],
    "DeregisterStreamConsumer": [({"ConsumerName": None}, "InvalidArgumentException")],
    "DescribeStream": [({"ExclusiveStartShardId": "none"}, no_id())],
    "DescribeStreamConsumer": [({"ConsumerARN": CONSUMER, "ConsumerName": "d"}, "InvalidArgumentException"),
                               ({"ConsumerName": None}, "InvalidArgumentException")],
    "GetRecords": [({"ShardIterator": "none", "StreamARN": arn(MISSING)},
                    ("InvalidArgumentException", "Invalid ShardIterator."))],
    "GetResourcePolicy": [({"ResourceARN": arn(MISSING) + "/x"}, "InvalidArgumentException")],
    "GetShardIterator": [({"ShardId": "none"}, no_id()),
                         ({"ShardId": "none", "StartingSequenceNumber": "1"}, no_id())],
    "ListShards": [
        ({"ExclusiveStartShardId": "none"}, "InvalidArgumentException"),
        ({"ShardFilter": {"Type": "AFTER_SHARD_ID", "ShardId": "none"}}, "InvalidArgumentException"),
        ({"NextToken": "none"}, ("InvalidArgumentException", "Invalid NextToken."))],
    "ListStreamConsumers": [({"NextToken": "none"}, ("InvalidArgumentException", "Invalid NextToken."))],
    "ListStreams": [({"NextToken": "none"}, ("InvalidArgumentException", "Invalid NextToken."))],
    "ListTagsForResource": [({"ResourceARN": arn(MISSING) + "/x"}, "InvalidArgumentException")],
    "MergeShards": [({"ShardToMerge": "none"}, no_id()), ({"AdjacentShardToMerge": "none"}, no_id())],
    "PutResourcePolicy": [({"ResourceARN": arn(MISSING) + "/x", "Policy": "{"}, "InvalidArgumentException")],
    "SplitShard": [({"ShardToSplit": "none"}, no_id())],
    "SubscribeToShard": [({"ShardId": "none"}, no_id())],
    "TagResource": [({"ResourceARN": arn(MISSING) + "/x"}, "InvalidArgumentException")],
    "UntagResource": [({"ResourceARN": arn(MISSING) + "/x"}, "InvalidArgumentException")],
    "UpdateMaxRecordSize": [({"StreamARN": None}, ("InvalidArgumentException", "StreamARN should be provided."))],
}
NAMES_ALONE = [
    "AddTagsToStream", "DecreaseStreamRetentionPeriod", "DeleteStream", "DescribeStreamSummary",
    "DisableEnhancedMonitoring", "EnableEnhancedMonitoring", "IncreaseStreamRetentionPeriod",
    "ListTagsForStream", "PutRecord", "PutRecords", "RegisterStreamConsumer", "RemoveTagsFromStream",
    "StartStreamEncryption", "StopStreamEncryption", "UpdateShardCount", "UpdateStreamMode",
    "UpdateStreamRecordDistributionStrategy", "UpdateStreamWarmThroughput", "CreateStream"]


def test_every_operation_has_its_ids_judged():
    listed = [*BAD_IDS, *NAMES_ALONE, *OF_THE_ACCOUNT]
    assert sorted(listed) == model.OPERATIONS


def changed(operation, members):
    request = {**model.valid_request(operation, MISSING), **members}
    return {name: value for name, value in request.items() if value is not None}


@pytest.mark.parametrize("operation", sorted(BAD_IDS))
def test_ids_come_before_existence(server, codec, operation):
    for members, expected in BAD_IDS[operation]:
        got = refusal(server, operation, changed(operation, members), codec)
        assert (got if isinstance(expected, tuple) else got[0]) == expected, members


# By operation: what else can be wrong, and the refusal of the missing stream or consumer that comes
# before it.
BAD_CONTENT = {
    "AddTagsToStream": ({"Tags": {BAD_TEXT: "v"}}, NO_STREAM),
    "DecreaseStreamRetentionPeriod": ({"RetentionPeriodHours": 1}, NO_STREAM),
    "DeleteStream": ({}, NO_STREAM),
    "DeleteResourcePolicy": ({}, NO_STREAM),
    "DeregisterStreamConsumer": ({}, NO_NAMED_CONSUMER),
    "DescribeStream": ({"ExclusiveStartShardId": "shardId-000000000009"}, NO_STREAM),
    "DescribeStreamConsumer": ({}, NO_NAMED_CONSUMER),
    "DescribeStreamSummary": ({}, NO_STREAM),
    "DisableEnhancedMonitoring": ({}, NO_STREAM),
    "EnableEnhancedMonitoring": ({}, NO_STREAM),
    "GetResourcePolicy": ({}, NO_STREAM),
    "GetShardIterator": ({"StartingSequenceNumber": "1"}, NO_SHARD_THERE),
    "IncreaseStreamRetentionPeriod": ({"RetentionPeriodHours": 9000}, NO_STREAM),
    "ListShards": ({"ShardFilter": {"Type": "AT_TIMESTAMP"}}, NO_STREAM),
    "ListStreamConsumers": ({}, NO_STREAM),
    "ListTagsForResource": ({}, NO_STREAM),
    "ListTagsForStream": ({}, NO_STREAM),
    "MergeShards": ({"ShardToMerge": "1", "AdjacentShardToMerge": "1"}, NO_STREAM),
    "PutRecord": ({"ExplicitHashKey": "9" * 39}, NO_STREAM),
    "PutRecords": ({"Records": [{"Data": "eA==", "PartitionKey": "k", "ExplicitHashKey": "9" * 39}]},
                   NO_STREAM),
    "PutResourcePolicy": ({"Policy": "{"}, NO_STREAM),
    "RegisterStreamConsumer": ({"Tags": {BAD_TEXT: "v"}}, NO_STREAM),
    "RemoveTagsFromStream": ({"TagKeys": [BAD_TEXT]}, NO_STREAM),
    "SplitShard": ({"NewStartingHashKey": "9" * 39}, NO_STREAM),
    "StartStreamEncryption": ({"EncryptionType": "NONE"}, NO_STREAM),
    "StopStreamEncryption": ({"EncryptionType": "NONE"}, NO_STREAM),
    "SubscribeToShard": ({"StartingPosition": {"Type": "AT_TIMESTAMP"}}, NO_CONSUMER),
    "TagResource": ({"Tags": {BAD_TEXT: "v"}}, NO_STREAM),
    "UntagResource": ({"TagKeys": [BAD_TEXT]}, NO_STREAM),
    "UpdateMaxRecordSize": ({}, NO_STREAM),
    "UpdateShardCount": ({"TargetShardCount": 1_000_000}, NO_STREAM),
    "UpdateStreamMode": ({"WarmThroughputMiBps": 1}, NO_STREAM),
    "UpdateStreamRecordDistributionStrategy": ({"RecordDistributionStrategy": "AUTO"}, NO_STREAM),
    "UpdateStreamWarmThroughput": ({}, NO_STREAM),
}
# CreateStream has a test of its own; an iterator is a position of a stream, and has no more to it.
NOTHING_TO_MISS = ["CreateStream", "GetRecords", "ListStreams", *OF_THE_ACCOUNT]


def test_every_operation_has_its_content_judged():
    assert sorted([*BAD_CONTENT, *NOTHING_TO_MISS]) == model.OPERATIONS


@pytest.mark.parametrize("operation", sorted(BAD_CONTENT))
def test_existence_comes_before_content(server, codec, operation):
    members, expected = BAD_CONTENT[operation]
    assert refusal(server, operation, changed(operation, members), codec) == expected


@pytest.mark.parametrize("operation", ["PutResourcePolicy", "TagResource", "UntagResource"])
def test_existence_of_consumers_comes_before_content(server, codec, operation):
    members, _ = BAD_CONTENT[operation]
    request = changed(operation, {**members, "ResourceARN": CONSUMER})
    assert refusal(server, operation, request, codec) == NO_CONSUMER


def test_a_name_that_is_taken_comes_before_the_tags_of_a_new_stream(server, client, codec):
    name = streams.create(client)
    request = {"StreamName": name, "Tags": {BAD_TEXT: "v"}}
    assert refusal(server, "CreateStream", request, codec) == (
        "ResourceInUseException", f"Stream {name} under account {ACCOUNT} already exists.")
    assert refusal(server, "CreateStream", {**request, "StreamName": "free"}, codec)[0] == (
        "InvalidArgumentException")
    client.delete_stream(StreamName=name)


WRONG_OF_A_STREAM = [operation for operation, (members, _) in sorted(BAD_CONTENT.items())
                     if members and operation not in ("DescribeStream", "SubscribeToShard")]


@pytest.mark.parametrize("operation", WRONG_OF_A_STREAM)
def test_content_is_still_judged_where_there_is_a_stream(server, client, codec, operation):
    members, _ = BAD_CONTENT[operation]
    name = streams.create(client)
    request = {**model.valid_request(operation, name), **members}
    got = refusal(server, operation, request, codec)
    assert got[0] in ("InvalidArgumentException", "LimitExceededException", "ResourceNotFoundException")
    assert got[1] != NO_STREAM[1].replace(MISSING, name)
    client.delete_stream(StreamName=name)
