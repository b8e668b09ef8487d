"""Aggregates between us and other libraries, both ways: `put --aggregate` writes, `tail` takes apart."""

import base64
import hashlib
import importlib.util
import json
import os
import random
import sys

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records

from support import streams
from support.server import run_cli
from test_cli import ENVIRONMENT


def load_aiokpl():
    """aiokpl's codec. The package itself wants an older botocore than the one under test."""
    folder = importlib.util.find_spec("aiokpl").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location(
        "aiokpl_aggregation", os.path.join(folder, "aggregation.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


aiokpl = load_aiokpl()

EXPLICIT = str(2**127 + 12345)


def user_records(seed, count=120):
    """Keys and data of every kind: repeated, all digits, several bytes a character, empty, binary."""
    made = random.Random(seed)
    keys = ["one", "12345", "0", "schlüssel", "鍵" * 256, "k" * 256, "🙂", " "]
    keys += ["".join(chr(made.choice([made.randrange(33, 127), made.randrange(0x4E00, 0x9000)]))
                     for _ in range(made.randint(1, 40))) for _ in range(12)]
    return [(made.choice(keys), made.randbytes(made.choice([0, 1, 3, 127, 128, 300, 3000])))
            for _ in range(count)]


@pytest.fixture
def put(server):
    """Puts user records in one aggregate: (key, data) each, with a key of its own."""
    def run(stream, records, *flags):
        lines = "".join(json.dumps({"key": key, "data": base64.b64encode(data).decode()}) + "\n"
                        for key, data in records)
        result = run_cli("put", stream, "--aggregate", "--key-field", "/key", "--json", *flags,
                         "--linger", "5s", "--endpoint", server.endpoint, env=ENVIRONMENT,
                         stdin=lines.encode())
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()], lines.splitlines()

    return run


@pytest.fixture
def tail(server):
    def run(stream, *flags):
        result = run_cli("tail", stream, "--from", "trim-horizon", "--no-follow", "--format",
                         "json", *flags, "--endpoint", server.endpoint, env=ENVIRONMENT)
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    return run


def told(line):
    """What tail says of a user record: key, explicit hash key, data, place."""
    data = line["data"].encode() if "data" in line else base64.b64decode(line["dataBase64"])
    return line["partitionKey"], line.get("explicitHashKey"), data, line.get("subSequenceNumber")


def with_python(stored):
    found = deaggregate_records([{"kinesis": {
        "kinesisSchemaVersion": "1.0", "approximateArrivalTimestamp": 0,
        "sequenceNumber": stored["SequenceNumber"], "partitionKey": stored["PartitionKey"],
        "data": base64.b64encode(stored["Data"])}}])
    return [(one["kinesis"]["partitionKey"], one["kinesis"]["explicitHashKey"],
             base64.b64decode(one["kinesis"]["data"]), one["kinesis"]["subSequenceNumber"])
            for one in found]


def with_aiokpl(stored):
    return [(one.partition_key, one.explicit_hash_key, one.data, place)
            for place, one in enumerate(aiokpl.decode_aggregated(stored["Data"]))]


@pytest.mark.parametrize("explicit", [None, EXPLICIT])
@pytest.mark.parametrize("read", [with_python, with_aiokpl])
def test_others_read_our_aggregates(client, stream, put, read, explicit):
    records = user_records(1)
    receipts, lines = put(stream, records, *(["--explicit-hash-key", explicit] if explicit else []))
    stored = streams.read(client, stream)
    assert 1 <= len(stored) < 10
    found = []
    for one in stored:
        found += [(one["SequenceNumber"], *user) for user in read(one)]
    assert [(key, hash_key, data) for _, key, hash_key, data, _ in found] == [
        (key, explicit, line.encode()) for (key, _), line in zip(records, lines)]
    assert [(number, place) for number, *_, place in found] == [
        (one["sequenceNumber"], one["subSequenceNumber"]) for one in receipts]


def test_others_read_our_binary_and_empty_data(server, client, stream):
    expected = []
    for key in ("12345", "鍵" * 256):
        data = [data for _, data in user_records(5, 40)]
        lines = b"".join(base64.b64encode(one) + b"\n" for one in data)
        result = run_cli("put", stream, "--aggregate", "--key", key, "--base64", "--keep-empty",
                         "--quiet", "--linger", "5s", "--endpoint", server.endpoint, env=ENVIRONMENT,
                         stdin=lines)
        assert result.returncode == 0, result.stderr
        expected += [(key, None, one) for one in data]
    stored = streams.read(client, stream)
    for read in (with_python, with_aiokpl):
        assert [user[:3] for one in stored for user in read(one)] == expected


@pytest.mark.parametrize("explicit", ["none", "all"])
def test_we_read_aggregates_of_the_python_library(client, stream, tail, explicit):
    records = user_records(2)
    aggregator = RecordAggregator()
    hash_key = EXPLICIT if explicit == "all" else None
    for key, data in records:
        # It says None until it is full.
        assert aggregator.add_user_record(key, data, hash_key) is None
    key, _, data = aggregator.clear_and_get().get_contents()
    number = client.put_record(StreamName=stream, PartitionKey=key, Data=data)["SequenceNumber"]
    lines = tail(stream)
    assert [told(line) for line in lines] == [
        (key, hash_key, data, place) for place, (key, data) in enumerate(records)]
    assert {line["sequenceNumber"] for line in lines} == {number}


def test_we_read_aggregates_of_aiokpl(client, stream, tail):
    made = random.Random(3)
    expected = [(key, made.choice([None, "0", EXPLICIT, str(2**128 - 1)]), data)
                for key, data in user_records(3)]
    data = aiokpl.encode_aggregated([
        aiokpl.UserRecord(partition_key=key, explicit_hash_key=hash_key, data=data)
        for key, hash_key, data in expected])
    client.put_record(StreamName=stream, PartitionKey="a", Data=data)
    assert [told(line) for line in tail(stream)] == [
        (*user, place) for place, user in enumerate(expected)]


def test_tail_shows_what_is_stored_and_counts_user_records(client, stream, put, tail):
    client.put_record(StreamName=stream, PartitionKey="plain", Data=b"plain")
    put(stream, [("k", b"%d" % number) for number in range(5)])
    stored = streams.read(client, stream)
    assert len(stored) == 2
    assert [told(line)[:3] for line in tail(stream, "--no-deaggregate")] == [
        (one["PartitionKey"], None, one["Data"]) for one in stored]
    assert [told(line)[3] for line in tail(stream)] == [None, 0, 1, 2, 3, 4]
    assert [told(line)[3] for line in tail(stream, "--limit", "3")] == [None, 0, 1]


def test_tail_hides_no_user_record_of_another_shard(client, make_stream, tail):
    name = make_stream(2)
    data = aiokpl.encode_aggregated([
        aiokpl.UserRecord(partition_key="k", explicit_hash_key=hash_key, data=b"x")
        for hash_key in ("0", str(2**128 - 1))])
    client.put_record(StreamName=name, PartitionKey="a", ExplicitHashKey="0", Data=data)
    assert [told(line)[1] for line in tail(name)] == ["0", str(2**128 - 1)]


def test_aggregates_are_of_one_shard(client, make_stream, put):
    name = make_stream(4)
    put(name, user_records(4, 400))
    found = streams.read_all(client, name)
    ranges = {shard["ShardId"]: (int(shard["HashKeyRange"]["StartingHashKey"]),
                                 int(shard["HashKeyRange"]["EndingHashKey"]))
              for shard in client.list_shards(StreamName=name)["Shards"]}
    seen = 0
    for shard, records in found.items():
        for stored in records:
            assert aiokpl.is_aggregated(stored["Data"])
            for user in aiokpl.decode_aggregated(stored["Data"]):
                digest = hashlib.md5(user.partition_key.encode()).digest()
                first, last = ranges[shard]
                assert first <= int.from_bytes(digest, "big") <= last
                seen += 1
    assert seen == 400
