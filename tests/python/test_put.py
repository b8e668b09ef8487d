"""PutRecord and PutRecords: routing, order, sizes, results."""

import concurrent.futures
import hashlib

import pytest

from support import raw, streams
from support.server import ACCOUNT
from support.streams import HASH_KEY_END, refused

MIB = 1024 * 1024


def shard_of(hash_key, count):
    return f"shardId-{min(hash_key // (2**128 // count), count - 1):012}"


def test_put_record_answers_shard_and_number_only(client, stream):
    answer = client.put_record(StreamName=stream, Data=b"\x00\xff", PartitionKey="k")
    answer.pop("ResponseMetadata")
    assert set(answer) == {"ShardId", "SequenceNumber"}
    assert answer["ShardId"] == "shardId-000000000000"
    assert len(answer["SequenceNumber"]) == 56


def test_a_record_comes_back_as_it_went_in(client, stream):
    put = client.put_record(StreamName=stream, Data=bytes(range(256)), PartitionKey="käse \U0001f9c0")
    record, = streams.read(client, stream)
    assert record.pop("ApproximateArrivalTimestamp")
    assert record == {
        "SequenceNumber": put["SequenceNumber"],
        "Data": bytes(range(256)),
        "PartitionKey": "käse \U0001f9c0",
    }


def test_an_empty_record_is_a_record(client, stream):
    client.put_record(StreamName=stream, Data=b"", PartitionKey="k")
    assert streams.data(streams.read(client, stream)) == [b""]


@pytest.mark.parametrize("key", ["a", "b", "partition", "日本", " ", "x" * 256])
def test_the_md5_of_the_key_chooses_the_shard(client, make_stream, key):
    name = make_stream(5)
    hash_key = int.from_bytes(hashlib.md5(key.encode()).digest(), "big")
    assert client.put_record(StreamName=name, Data=b"x", PartitionKey=key)["ShardId"] == shard_of(
        hash_key, 5)


def test_hashes_of_known_keys():
    assert int(hashlib.md5(b"a").hexdigest(), 16) == 16955237001963240173058271559858726497
    assert int(hashlib.md5(b"b").hexdigest(), 16) == 195289424170611159128911017612795795343


def test_an_explicit_hash_key_replaces_the_hash_at_every_edge(client, make_stream):
    name = make_stream(3)
    for shard in client.list_shards(StreamName=name)["Shards"]:
        for edge in shard["HashKeyRange"].values():
            put = client.put_record(
                StreamName=name, Data=b"x", PartitionKey="same", ExplicitHashKey=edge)
            assert put["ShardId"] == shard["ShardId"], edge
    for records in streams.read_all(client, name).values():
        assert [record["PartitionKey"] for record in records] == ["same", "same"]


def test_a_hash_key_out_of_range_is_refused(client, stream):
    for key in (str(HASH_KEY_END + 1), "9" * 39):
        text = ("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
                f"Specified value was {key}")
        with refused("InvalidArgumentException", text):
            client.put_record(StreamName=stream, Data=b"x", PartitionKey="k", ExplicitHashKey=key)
        with refused("InvalidArgumentException", text):
            client.put_records(StreamName=stream, Records=[
                {"Data": b"x", "PartitionKey": "k"},
                {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": key}])
    assert streams.read(client, stream) == []


def test_numbers_of_a_shard_rise_with_every_put(client, stream):
    numbers = [
        int(client.put_record(StreamName=stream, Data=b"%d" % index, PartitionKey="k")[
            "SequenceNumber"])
        for index in range(50)
    ]
    assert numbers == sorted(set(numbers))
    records = streams.read(client, stream)
    assert streams.data(records) == [b"%d" % index for index in range(50)]
    assert [int(record["SequenceNumber"]) for record in records] == numbers


def test_a_number_can_be_decoded_by_the_public_layout(client, make_stream):
    name = make_stream(3)
    put = client.put_record(StreamName=name, Data=b"x", PartitionKey="k",
                            ExplicitHashKey=str(HASH_KEY_END))
    nibbles = f"{int(put['SequenceNumber']):x}"
    assert len(nibbles) == 47 and nibbles[0] == nibbles[46] == "2"
    assert int(nibbles[38:46], 16) == 2 and int(nibbles[10], 16) == 2
    record, = streams.read(client, name, "shardId-000000000002")
    arrived = record["ApproximateArrivalTimestamp"].timestamp()
    assert abs(int(nibbles[29:38], 16) - arrived) <= 2


def test_sequence_number_for_ordering_orders_two_puts(client, stream):
    first = client.put_record(StreamName=stream, Data=b"1", PartitionKey="k")["SequenceNumber"]
    second = client.put_record(StreamName=stream, Data=b"2", PartitionKey="k",
                               SequenceNumberForOrdering=first)["SequenceNumber"]
    assert int(second) > int(first)


@pytest.mark.parametrize("number", ["9" * 60, str((3 << 184) + 3)])
def test_an_impossible_number_for_ordering_is_refused(client, stream, number):
    with refused("InvalidArgumentException", f"ExclusiveMinimumSequenceNumber {number} used in "
                 f"PutRecord on stream {stream} under account {ACCOUNT} is invalid."):
        client.put_record(StreamName=stream, Data=b"x", PartitionKey="k",
                          SequenceNumberForOrdering=number)


def test_put_records_answers_in_the_order_of_the_request(client, make_stream):
    name = make_stream(4)
    keys = [f"key-{index}" for index in range(100)]
    answer = client.put_records(StreamName=name, Records=[
        {"Data": key.encode(), "PartitionKey": key} for key in keys])
    answer.pop("ResponseMetadata")
    assert set(answer) == {"FailedRecordCount", "Records"}
    assert answer["FailedRecordCount"] == 0
    by_number = {
        record["SequenceNumber"]: (shard, record["Data"].decode())
        for shard, records in streams.read_all(client, name).items() for record in records
    }
    for key, result in zip(keys, answer["Records"], strict=True):
        assert set(result) == {"SequenceNumber", "ShardId"}
        assert by_number[result["SequenceNumber"]] == (result["ShardId"], key)
        hash_key = int.from_bytes(hashlib.md5(key.encode()).digest(), "big")
        assert result["ShardId"] == shard_of(hash_key, 4)


def test_records_of_one_request_keep_their_order_within_a_shard(client, make_stream):
    name = make_stream(3)
    for batch in range(5):
        client.put_records(StreamName=name, Records=[
            {"Data": b"%d %d" % (batch, index), "PartitionKey": str(index)}
            for index in range(500)])
    for records in streams.read_all(client, name).values():
        order = [tuple(map(int, record["Data"].split())) for record in records]
        assert order == sorted(order) and len(order) > 500


def test_concurrent_writers_never_share_a_number(server, client, make_stream):
    name = make_stream(2)

    def write(writer):
        own = server.client()
        return [
            result["SequenceNumber"]
            for batch in range(10)
            for result in own.put_records(StreamName=name, Records=[
                {"Data": b"%d %d" % (writer, batch * 50 + index), "PartitionKey": f"w{writer}"}
                for index in range(50)])["Records"]
        ]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        numbers = [number for numbers in pool.map(write, range(8)) for number in numbers]
    assert len(set(numbers)) == 8 * 500
    found = streams.read_all(client, name)
    assert sum(map(len, found.values())) == 8 * 500
    for records in found.values():
        assert [r["SequenceNumber"] for r in records] == sorted(
            (r["SequenceNumber"] for r in records), key=int)
        for writer in range(8):
            own = [int(r["Data"].split()[1]) for r in records if r["PartitionKey"] == f"w{writer}"]
            assert own == sorted(own)


def test_arrival_times_do_not_fall(client, stream):
    for index in range(20):
        client.put_record(StreamName=stream, Data=b"%d" % index, PartitionKey="k")
    times = [record["ApproximateArrivalTimestamp"] for record in streams.read(client, stream)]
    assert times == sorted(times)


def test_a_record_of_exactly_one_mebibyte_passes(client, stream):
    payload = b"\x5a" * MIB
    client.put_record(StreamName=stream, Data=payload[:-1], PartitionKey="k")
    assert streams.data(streams.read(client, stream)) == [payload[:-1]]


def test_data_over_the_limit_of_the_stream_fails_the_whole_request(client, stream):
    rule = "failed to satisfy constraint: Member must have length less than or equal to 1048576"
    with refused("ValidationException",
                 f"1 validation error detected: Value at 'data' {rule}"):
        client.put_record(StreamName=stream, Data=b"x" * (MIB + 1), PartitionKey="k")
    with refused("ValidationException",
                 f"1 validation error detected: Value at 'records.2.member.data' {rule}"):
        client.put_records(StreamName=stream, Records=[
            {"Data": b"small", "PartitionKey": "k"},
            {"Data": b"x" * (MIB + 1), "PartitionKey": "k"}])
    assert streams.read(client, stream) == []


def test_a_stream_with_a_larger_limit_takes_larger_records(client, make_stream):
    name = make_stream(MaxRecordSizeInKiB=10240)
    payload = b"\x01\x02\x03\x04" * (10 * MIB // 4)
    client.put_record(StreamName=name, Data=payload[:-1], PartitionKey="k")
    found = streams.read(client, name)
    assert streams.data(found) == [payload[:-1]]
    with refused("ValidationException"):
        client.put_record(StreamName=name, Data=payload + b"x", PartitionKey="k")


def test_a_request_may_hold_ten_mebibytes_and_no_more(client, make_stream):
    name = make_stream()
    full = [{"Data": b"x" * (MIB - 1), "PartitionKey": "k"} for _ in range(10)]
    assert client.put_records(StreamName=name, Records=full)["FailedRecordCount"] == 0
    with refused("InvalidArgumentException"):
        client.put_records(StreamName=name, Records=full + [{"Data": b"x", "PartitionKey": "k"}])
    assert len(streams.read(client, name)) == 10


def test_five_hundred_records_pass_and_one_more_does_not(client, stream):
    records = [{"Data": b"x", "PartitionKey": "k"}] * 501
    assert client.put_records(StreamName=stream, Records=records[:500])["FailedRecordCount"] == 0
    with refused("ValidationException") as caught:
        client.put_records(StreamName=stream, Records=records)
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("1 validation error detected: Value ")
    assert message.endswith("at 'records' failed to satisfy constraint: Member must have length "
                            "less than or equal to 500")


def test_a_key_is_needed_on_an_ordinary_stream(server, stream):
    text = ("1 validation error detected: Value null at '{}' failed to satisfy constraint: Member "
            "must not be null")
    reply = raw.call(server, "PutRecord", {"StreamName": stream, "Data": "eA=="})
    assert reply.error == ("ValidationException", text.format("partitionKey"))
    reply = raw.call(server, "PutRecords", {"StreamName": stream, "Records": [
        {"Data": "eA==", "PartitionKey": "k"}, {"Data": "eA=="}]})
    assert reply.error == ("ValidationException", text.format("records.2.member.partitionKey"))


def test_keys_are_counted_in_characters(client, stream):
    client.put_record(StreamName=stream, Data=b"x", PartitionKey="ü" * 256)
    client.put_record(StreamName=stream, Data=b"x", PartitionKey="\U0001f9c0" * 128)
    with refused("ValidationException"):
        client.put_record(StreamName=stream, Data=b"x", PartitionKey="ü" * 257)
    assert [len(record["PartitionKey"]) for record in streams.read(client, stream)] == [256, 128]
