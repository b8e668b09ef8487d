"""Rates as on AWS: what a throttled call answers, and that limits can be lifted one by one."""

import time

import pytest

from support import raw, streams
from support.server import ACCOUNT, Server, poll
from support.streams import refused

SHARD = "shardId-000000000000"
MIB = 1024 * 1024


def put_text(name, shard=SHARD):
    return f"Rate exceeded for shard {shard} in stream {name} under account {ACCOUNT}."


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("limited") / "data", "--transition-ms", "0")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def limited_stream(limited):
    """A new stream, so that its buckets are full."""
    return streams.create(limited.client(), 2)


def test_records_per_second_per_shard(limited, limited_stream):
    client = limited.client()
    results = []
    started = time.monotonic()
    for _ in range(5):
        answer = client.put_records(StreamName=limited_stream, Records=[
            {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": "0"}] * 500)
        failed = [r for r in answer["Records"] if "ErrorCode" in r]
        assert answer["FailedRecordCount"] == len(failed)
        results += answer["Records"]
    elapsed = time.monotonic() - started
    failed = [r for r in results if "ErrorCode" in r]
    stored = [r for r in results if "ErrorCode" not in r]
    assert failed
    for result in failed:
        assert result == {
            "ErrorCode": "ProvisionedThroughputExceededException",
            "ErrorMessage": put_text(limited_stream)}
    assert 1000 <= len(stored) <= 1000 * (elapsed + 1) + 1
    position = streams.iterator(client, limited_stream)
    found = client.get_records(ShardIterator=position)["Records"]
    assert [r["SequenceNumber"] for r in found] == [r["SequenceNumber"] for r in stored]


def test_one_shard_at_its_limit_does_not_hold_back_another(limited, limited_stream):
    client = limited.client()
    top = str(streams.HASH_KEY_END)
    for _ in range(4):
        answer = client.put_records(StreamName=limited_stream, Records=[
            {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": "0"}] * 499
            + [{"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": top}])
        assert answer["Records"][-1].get("ShardId") == "shardId-000000000001"
    assert answer["FailedRecordCount"] > 0


def test_bytes_per_second_per_shard(limited, limited_stream):
    client = limited.client()
    payload = b"x" * (MIB // 2)
    with refused("ProvisionedThroughputExceededException", put_text(limited_stream)):
        for _ in range(20):
            client.put_record(StreamName=limited_stream, Data=payload, PartitionKey="k",
                              ExplicitHashKey="0")


def test_a_throttled_put_record_succeeds_when_the_bucket_has_filled(limited, limited_stream):
    client = limited.client()

    def put():
        return client.put_record(StreamName=limited_stream, Data=b"x" * (MIB // 2),
                                 PartitionKey="k", ExplicitHashKey="0")

    with refused("ProvisionedThroughputExceededException"):
        for _ in range(20):
            put()

    def succeeds():
        try:
            return put()
        except client.exceptions.ProvisionedThroughputExceededException:
            return None

    assert poll(succeeds, 10)["ShardId"] == SHARD


def test_get_records_calls_per_second_per_shard(limited, limited_stream):
    client = limited.client()
    position = streams.iterator(client, limited_stream)
    with refused("ProvisionedThroughputExceededException",
                 f"Rate exceeded for Shard - {ACCOUNT}/{limited_stream}/{SHARD}"):
        for _ in range(30):
            client.get_records(ShardIterator=position)


def test_get_records_allows_five_calls_at_once(limited, limited_stream):
    client = limited.client()
    position = streams.iterator(client, limited_stream, "shardId-000000000001")
    for _ in range(5):
        client.get_records(ShardIterator=position)


def test_limits_off_lifts_all_of_them(client, make_stream):
    name = make_stream()
    for _ in range(6):
        answer = client.put_records(StreamName=name, Records=[
            {"Data": b"x" * 1000, "PartitionKey": "k"}] * 500)
        assert answer["FailedRecordCount"] == 0
    for _ in range(3):
        client.put_record(StreamName=name, Data=b"x" * (MIB - 1), PartitionKey="k")
    position = streams.iterator(client, name)
    for _ in range(30):
        client.get_records(ShardIterator=position, Limit=10)
    for _ in range(30):
        streams.iterator(client, name)
        client.describe_limits()
        client.list_streams()


def test_one_limit_can_be_raised_alone(start_server):
    server = start_server("--transition-ms", "0", "--limit-shard-write-bytes", 100 * MIB)
    client = server.client()
    name = streams.create(client)
    for _ in range(10):
        client.put_record(StreamName=name, Data=b"x" * (MIB // 2), PartitionKey="k")
    throttled = 0
    for _ in range(5):
        throttled += client.put_records(StreamName=name, Records=[
            {"Data": b"x", "PartitionKey": "k"}] * 500)["FailedRecordCount"]
    assert throttled > 0


def test_a_throttled_answer_is_well_formed_on_cbor(limited, limited_stream):
    record = {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": "0"}
    for _ in range(3):
        reply = raw.call_cbor(limited, "PutRecords", {
            "StreamName": limited_stream, "Records": [record] * 500})
    assert reply.status == 200
    answer = reply.cbor
    assert answer["FailedRecordCount"] > 0
    assert answer["Records"][-1]["ErrorCode"] == "ProvisionedThroughputExceededException"
