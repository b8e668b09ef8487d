"""Errors that many operations have in common, met on each of them."""

import pytest

from support import model, raw, streams
from support.server import ACCOUNT, REGION, Server, arn

IN_USE = {
    operation for operation in model.OPERATIONS
    if "ResourceInUseException" in {
        shape.name for shape in model.SERVICE.operation_model(operation).error_shapes}
}
# A stream has its tags from the beginning; the others have states of their own, or names that are
# taken.
NEEDS_CREATED = sorted(IN_USE - {
    "CreateStream", "DeleteStream", "ListTagsForResource", "SubscribeToShard",
})
READING = ["GetResourcePolicy", "ListShards", "ListStreamConsumers", "ListTagsForResource"]
BY_NAME_OR_ARN = sorted(
    operation for operation in model.OPERATIONS
    if model.input_shape(operation)
    and {"StreamName", "StreamARN"} <= set(model.input_shape(operation).members))


@pytest.fixture(scope="module")
def creating(tmp_path_factory):
    """A server with a stream that stays CREATING."""
    server = Server(tmp_path_factory.mktemp("creating") / "data", "--transition-ms", "3600000")
    server.start()
    server.client().create_stream(StreamName="creating", ShardCount=2, Tags={"a": "b"})
    yield server
    server.stop()


@pytest.mark.parametrize("operation", NEEDS_CREATED)
def test_a_stream_that_is_being_created_takes_no_change(creating, operation):
    reply = raw.call(creating, operation, model.valid_request(operation, "creating"))
    assert (reply.status, reply.error) == (400, (
        "ResourceInUseException",
        f"Stream creating under account {ACCOUNT} not ACTIVE, instead in state CREATING"))


def test_tags_are_there_from_the_beginning(creating):
    request = model.valid_request("ListTagsForResource", "creating")
    assert raw.call(creating, "ListTagsForResource", request).json == {
        "Tags": [{"Key": "a", "Value": "b"}]}


def test_a_stream_on_its_way_out_shows_no_more_than_that(start_server):
    server = start_server()
    name = streams.create(server.client())
    for operation in READING:
        assert raw.call(server, operation, model.valid_request(operation, name)).status == 200
    server.flags = ["--transition-ms", "3600000"]
    server.restart().client().delete_stream(StreamName=name)
    for operation in READING:
        reply = raw.call(server, operation, model.valid_request(operation, name))
        assert (reply.status, reply.error) == (400, (
            "ResourceInUseException",
            f"Stream {name} under account {ACCOUNT} not ACTIVE, instead in state DELETING"))


@pytest.mark.parametrize("operation", BY_NAME_OR_ARN)
def test_name_and_arn_must_agree(server, operation):
    request = {**model.valid_request(operation), "StreamName": "one", "StreamARN": arn("two")}
    reply = raw.call(server, operation, request)
    assert (reply.status, reply.error) == (400, (
        "InvalidArgumentException",
        f"StreamName one does not match the stream in StreamARN {arn('two')}."))


@pytest.mark.parametrize("operation", [o for o in BY_NAME_OR_ARN if o != "ListShards"])
def test_a_stream_must_be_named(server, operation):
    request = model.valid_request(operation)
    request.pop("StreamName", None)
    reply = raw.call(server, operation, request)
    assert (reply.status, reply.error) == (400, (
        "InvalidArgumentException", "Either StreamName or StreamARN should be provided."))


@pytest.mark.parametrize("operation", BY_NAME_OR_ARN)
def test_another_account_must_have_said_yes(server, operation):
    other = arn("theirs", account="222222222222")
    request = {**model.valid_request(operation), "StreamARN": other}
    request.pop("StreamName", None)
    reply = raw.call(server, operation, request)
    assert reply.status == 400
    kind, text = reply.error
    assert kind == "AccessDeniedException"
    assert text.startswith(f"User: arn:aws:iam::{ACCOUNT}:")
    assert text.endswith(
        f"is not authorized to perform: kinesis:{operation} on resource: {other} because no "
        f"resource-based policy allows the kinesis:{operation} action")


def test_iterators_are_limited_by_shard(start_server):
    server = start_server()
    name = streams.create(server.client())
    request = {"StreamName": name, "ShardId": "0", "ShardIteratorType": "LATEST"}
    connection = raw.connect(server)
    replies = [raw.call(server, "GetShardIterator", request, connection=connection)
               for _ in range(20)]
    refused = {reply.error for reply in replies if reply.status == 400}
    assert refused == {("ProvisionedThroughputExceededException",
                        f"Rate exceeded for Shard - {ACCOUNT}/{name}/shardId-000000000000")}


@pytest.mark.parametrize("operation", ["ListShards", "ListStreams", "ListStreamConsumers"])
def test_a_token_that_is_none(server, make_stream, operation):
    request = {"NextToken": "bm8gdG9rZW4="}
    if operation == "ListStreamConsumers":
        request["StreamARN"] = arn(make_stream())
    reply = raw.call(server, operation, request)
    assert (reply.status, reply.error) == (400, ("InvalidArgumentException", "Invalid NextToken."))


BY_RESOURCE_ARN = ["TagResource", "UntagResource", "ListTagsForResource", "GetResourcePolicy",
                   "PutResourcePolicy", "DeleteResourcePolicy"]


@pytest.mark.parametrize("operation", BY_RESOURCE_ARN)
@pytest.mark.parametrize("resource", ["queue/q", "channel/c"])
def test_queues_and_channels_are_no_resources_here(server, operation, resource):
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:{resource}"
    reply = raw.call(server, operation, {**model.valid_request(operation), "ResourceARN": arn})
    assert (reply.status, reply.error) == (400, (
        "ResourceNotFoundException", f"Resource {arn} not found."))


@pytest.mark.parametrize("operation", BY_RESOURCE_ARN)
@pytest.mark.parametrize("resource", ["stream/a/b", "upstream/a", "stream/a/consumer/c"])
def test_a_resource_must_be_named_as_one(server, operation, resource):
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:{resource}"
    reply = raw.call(server, operation, {**model.valid_request(operation), "ResourceARN": arn})
    assert (reply.status, reply.error) == (400, (
        "InvalidArgumentException", f"ResourceARN {arn} is invalid."))
