"""Streams and records as the tests use them."""

import contextlib
import uuid

import botocore.exceptions
import pytest

from .server import poll

HASH_KEY_END = 2**128 - 1


def unique(prefix="s"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def create(client, shards=1, name=None, **options):
    """A new stream that is ACTIVE."""
    name = name or unique()
    client.create_stream(StreamName=name, ShardCount=shards, **options)
    wait_active(client, name)
    return name


def status(client, name):
    return client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
        "StreamStatus"]


def wait_active(client, name):
    poll(lambda: status(client, name) == "ACTIVE", what=f"{name} ACTIVE")


def wait_gone(client, name):
    def gone():
        try:
            status(client, name)
        except client.exceptions.ResourceNotFoundException:
            return True

    poll(gone, what=f"{name} gone")


@contextlib.contextmanager
def refused(code, message=None, status=400):
    """Expects a client error of this type and, when given, with exactly this text."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        yield caught
    response = caught.value.response
    assert response["Error"]["Code"] == code, response["Error"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    if message is not None:
        assert response["Error"]["Message"] == message


def iterator(client, stream, shard="shardId-000000000000", kind="TRIM_HORIZON", **options):
    return client.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType=kind, **options)["ShardIterator"]


def read(client, stream, shard="shardId-000000000000", kind="TRIM_HORIZON", **options):
    """Every record from a position up to the tip."""
    return drain(client, iterator(client, stream, shard, kind, **options))


def drain(client, position, limit=10000):
    """Reads up to the tip: an answer with nothing behind it."""
    records = []
    while position:
        answer = client.get_records(ShardIterator=position, Limit=limit)
        records += answer["Records"]
        position = answer.get("NextShardIterator")
        if answer["MillisBehindLatest"] == 0:
            break
    return records


def read_all(client, stream):
    """Every record of every shard, by shard."""
    shards = client.list_shards(StreamName=stream)["Shards"]
    return {shard["ShardId"]: read(client, stream, shard["ShardId"]) for shard in shards}


def data(records):
    return [record["Data"] for record in records]
