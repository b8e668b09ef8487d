"""DryRun: every check is made, nothing is done."""

import pytest

from support import raw, streams
from support.streams import refused


def calls(client, name):
    """Each operation that knows DryRun, with a good and a bad request."""
    position = streams.iterator(client, name)
    return {
        "put_record": (
            {"StreamName": name, "Data": b"x", "PartitionKey": "k"}, {"StreamName": "missing"}),
        "put_records": (
            {"StreamName": name, "Records": [{"Data": b"x", "PartitionKey": "k"}]},
            {"StreamName": "missing"}),
        "get_records": ({"ShardIterator": position}, {"ShardIterator": "AAAA"}),
        "get_shard_iterator": (
            {"StreamName": name, "ShardId": "0", "ShardIteratorType": "LATEST"},
            {"ShardId": "5"}),
    }


@pytest.mark.parametrize("method", [
    "put_record", "put_records", "get_records", "get_shard_iterator"])
def test_a_call_that_would_succeed_says_so_and_does_nothing(client, stream, method):
    good, bad = calls(client, stream)[method]
    with refused("DryRunOperationException"):
        getattr(client, method)(**good, DryRun=True)
    getattr(client, method)(**{**good}, DryRun=False)
    with pytest.raises(client.exceptions.ClientError) as caught:
        getattr(client, method)(**{**good, **bad}, DryRun=True)
    assert caught.value.response["Error"]["Code"] in (
        "ResourceNotFoundException", "InvalidArgumentException")
    assert len(streams.read(client, stream)) == (1 if method.startswith("put") else 0)


def test_constraints_come_first(server, stream):
    reply = raw.call(server, "PutRecord", {
        "StreamName": stream, "Data": "eA==", "PartitionKey": "", "DryRun": True})
    assert reply.error[0] == "ValidationException"
