"""GetShardIterator and GetRecords: positions, pages, what lies behind, bad iterators."""

import datetime
import time

import pytest

from support import raw, streams
from support.server import ACCOUNT, arn
from support.streams import refused

SHARD = "shardId-000000000000"
MIB = 1024 * 1024


@pytest.fixture
def ten(client, stream):
    """A stream of ten records: its name and the answers to its puts."""
    puts = [client.put_record(StreamName=stream, Data=b"%d" % index, PartitionKey="k")
            for index in range(10)]
    return stream, [put["SequenceNumber"] for put in puts]


def numbers(records):
    return [int(record["Data"]) for record in records]


def test_trim_horizon_and_latest(client, ten):
    name, _ = ten
    latest = streams.iterator(client, name, kind="LATEST")
    assert numbers(streams.read(client, name)) == list(range(10))
    assert streams.drain(client, latest) == []
    client.put_record(StreamName=name, Data=b"10", PartitionKey="k")
    assert numbers(streams.drain(client, latest)) == [10]


def test_at_and_after_a_sequence_number(client, ten):
    name, put = ten
    at = {"kind": "AT_SEQUENCE_NUMBER"}
    after = {"kind": "AFTER_SEQUENCE_NUMBER"}
    assert numbers(streams.read(client, name, **at, StartingSequenceNumber=put[4])) == list(
        range(4, 10))
    assert numbers(streams.read(client, name, **after, StartingSequenceNumber=put[4])) == list(
        range(5, 10))
    assert streams.read(client, name, **after, StartingSequenceNumber=put[9]) == []


def test_the_start_of_the_shard_is_a_position(client, ten):
    name, _ = ten
    start = client.list_shards(StreamName=name)["Shards"][0]["SequenceNumberRange"][
        "StartingSequenceNumber"]
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        found = streams.read(client, name, kind=kind, StartingSequenceNumber=start)
        assert numbers(found) == list(range(10))


def test_a_number_between_two_records_is_a_position(client, ten):
    name, put = ten
    # The fifth record's place in the shard, one second earlier: above the fourth all the same.
    between = str(int(put[5]) - 2**36)
    assert int(put[4]) < int(between)
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        found = streams.read(client, name, kind=kind, StartingSequenceNumber=between)
        assert numbers(found) == list(range(5, 10))


def test_at_timestamp_begins_with_the_first_record_not_earlier(client, ten):
    name, _ = ten
    records = streams.read(client, name)
    for record in records:
        found = streams.read(client, name, kind="AT_TIMESTAMP",
                             Timestamp=record["ApproximateArrivalTimestamp"])
        expected = [r for r in records
                    if r["ApproximateArrivalTimestamp"] >= record["ApproximateArrivalTimestamp"]]
        assert numbers(found) == numbers(expected)
    long_ago = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
    assert len(streams.read(client, name, kind="AT_TIMESTAMP", Timestamp=long_ago)) == 10
    now = datetime.datetime.now(datetime.timezone.utc)
    # Both are cut to milliseconds by the server: within the last record's own, it is still to be read.
    if now - records[-1]["ApproximateArrivalTimestamp"] >= datetime.timedelta(milliseconds=1):
        assert streams.read(client, name, kind="AT_TIMESTAMP", Timestamp=now) == []


def test_a_time_in_the_future_is_refused(client, stream):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    future = now + datetime.timedelta(hours=1)
    with refused("InvalidArgumentException") as caught:
        streams.iterator(client, stream, kind="AT_TIMESTAMP", Timestamp=future)
    message = caught.value.response["Error"]["Message"]
    head = ("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            f"timestampInMillis: {int(future.timestamp() * 1000)}, currentTimestampInMillis: ")
    assert message.startswith(head), message
    assert message.removeprefix(head).isdigit()


PAIRS = ("Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
         "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
         "Request specified {} and {} StartingSequenceNumber.")


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_a_position_by_number_needs_the_number(client, stream, kind):
    with refused("InvalidArgumentException", PAIRS.format(kind, "no")):
        streams.iterator(client, stream, kind=kind)


@pytest.mark.parametrize("kind", ["TRIM_HORIZON", "LATEST"])
def test_a_position_without_number_takes_none(client, ten, kind):
    name, put = ten
    with refused("InvalidArgumentException", PAIRS.format(kind, "also a")):
        streams.iterator(client, name, kind=kind, StartingSequenceNumber=put[0])


def test_at_timestamp_needs_a_time(client, stream):
    with refused("InvalidArgumentException", "Must specify timestampInMillis parameter for iterator "
                 "of type AT_TIMESTAMP. Current request has no timestamp parameter."):
        streams.iterator(client, stream, kind="AT_TIMESTAMP")


def test_a_number_of_no_known_version_is_refused(client, stream):
    for number in ("9" * 60, str((3 << 184) + 3)):
        with refused("InvalidArgumentException", f"StartingSequenceNumber {number} used in "
                     f"GetShardIterator on shard {SHARD} in stream {stream} under account "
                     f"{ACCOUNT} is invalid."):
            streams.iterator(client, stream, kind="AT_SEQUENCE_NUMBER",
                             StartingSequenceNumber=number)


def test_a_number_of_another_shard_is_refused(client, make_stream):
    name = make_stream(2)
    put = client.put_record(StreamName=name, Data=b"x", PartitionKey="k", ExplicitHashKey="0")
    with refused("InvalidArgumentException", "Invalid StartingSequenceNumber. It encodes "
                 "shardId-000000000000, while it was used in a call to a shard with "
                 "shardId-000000000001"):
        streams.iterator(client, name, "shardId-000000000001", kind="AT_SEQUENCE_NUMBER",
                         StartingSequenceNumber=put["SequenceNumber"])


def test_a_number_from_before_the_stream_is_refused(client, ten):
    name, put = ten
    older = str(int(put[0]) - (3600 << (37 * 4)))
    with refused("InvalidArgumentException", f"StartingSequenceNumber {older} used in "
                 f"GetShardIterator on shard {SHARD} in stream {name} under account {ACCOUNT} is "
                 "invalid because it did not come from this stream."):
        streams.iterator(client, name, kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=older)


def test_a_missing_shard_and_a_missing_stream_have_one_text(client, stream):
    missing = "shardId-000000000007"
    with refused("ResourceNotFoundException", f"Shard {missing} in stream {stream} under account "
                 f"{ACCOUNT} does not exist"):
        streams.iterator(client, stream, missing)
    name = streams.unique("missing")
    with refused("ResourceNotFoundException", f"Shard {SHARD} in stream {name} under account "
                 f"{ACCOUNT} does not exist"):
        streams.iterator(client, name)


@pytest.mark.parametrize("shard", ["nonsense", "shardId-99999999999", "a-b-1"])
def test_a_shard_id_that_is_none_is_printed_as_given(client, stream, shard):
    with refused("ResourceNotFoundException",
                 f"Could not find shard {shard} in stream {stream} under account {ACCOUNT}."):
        streams.iterator(client, stream, shard)


def test_an_iterator_can_be_used_again_and_in_quotes(client, ten):
    name, _ = ten
    position = streams.iterator(client, name)
    for form in (position, position, f'"{position}"'):
        assert numbers(client.get_records(ShardIterator=form)["Records"]) == list(range(10))
    assert len(position) <= 510


def test_every_answer_has_a_new_iterator(client, stream):
    position = streams.iterator(client, stream)
    answer = client.get_records(ShardIterator=position)
    answer.pop("ResponseMetadata")
    assert set(answer) == {"Records", "NextShardIterator", "MillisBehindLatest"}
    assert answer["Records"] == [] and answer["MillisBehindLatest"] == 0
    client.put_record(StreamName=stream, Data=b"1", PartitionKey="k")
    found = client.get_records(ShardIterator=answer["NextShardIterator"])
    assert numbers(found["Records"]) == [1]


def test_a_limit_pages_without_loss(client, ten):
    name, _ = ten
    position, found = streams.iterator(client, name), []
    for size in (3, 3, 3, 1):
        answer = client.get_records(ShardIterator=position, Limit=3)
        assert len(answer["Records"]) == size
        found += numbers(answer["Records"])
        position = answer["NextShardIterator"]
    assert found == list(range(10))


def test_how_far_behind_is_told_in_milliseconds(client, stream):
    client.put_record(StreamName=stream, Data=b"0", PartitionKey="k")
    first_put = time.monotonic()
    client.put_record(StreamName=stream, Data=b"1", PartitionKey="k")
    while time.monotonic() < first_put + 0.25:
        client.describe_limits()
    answer = client.get_records(ShardIterator=streams.iterator(client, stream), Limit=1)
    assert 200 <= answer["MillisBehindLatest"] < 60000
    answer = client.get_records(ShardIterator=answer["NextShardIterator"], Limit=1)
    assert answer["MillisBehindLatest"] == 0


def test_an_answer_holds_at_most_ten_mebibytes(client, make_stream):
    name = make_stream()
    for batch in range(3):
        client.put_records(StreamName=name, Records=[
            {"Data": b"%d" % batch + b"x" * (MIB // 2), "PartitionKey": "k"} for _ in range(15)])
    position, sizes, total = streams.iterator(client, name), [], 0
    while total < 45:
        answer = client.get_records(ShardIterator=position)
        assert answer["Records"]
        size = sum(len(r["Data"]) + len(r["PartitionKey"]) for r in answer["Records"])
        assert size <= 10 * MIB
        sizes.append(size)
        total += len(answer["Records"])
        position = answer["NextShardIterator"]
    assert total == 45 and len(sizes) <= 4


def test_an_answer_holds_at_most_ten_thousand_records(client, make_stream):
    name = make_stream()
    batch = [{"Data": b"x", "PartitionKey": "k"}] * 500
    for _ in range(21):
        client.put_records(StreamName=name, Records=batch)
    answer = client.get_records(ShardIterator=streams.iterator(client, name))
    assert len(answer["Records"]) == 10000
    answer = client.get_records(ShardIterator=answer["NextShardIterator"])
    assert len(answer["Records"]) == 500


@pytest.mark.parametrize("text", [
    "AAAA", "x", "not base64 !", "A" * 512, "AAAAAAAAAAE" + "A" * 213 + "="])
def test_an_iterator_we_did_not_make_is_refused(client, text):
    with refused("InvalidArgumentException", "Invalid ShardIterator."):
        client.get_records(ShardIterator=text)


def test_an_iterator_that_was_changed_is_refused(client, ten):
    name, _ = ten
    position = streams.iterator(client, name)
    for at in (2, len(position) // 2, len(position) - 6):
        changed = position[:at] + ("A" if position[at] != "A" else "B") + position[at + 1:]
        with refused("InvalidArgumentException", "Invalid ShardIterator."):
            client.get_records(ShardIterator=changed)


def test_the_iterator_of_a_deleted_stream_names_the_shard(client):
    name = streams.create(client)
    position = streams.iterator(client, name)
    client.delete_stream(StreamName=name)
    streams.wait_gone(client, name)
    with refused("ResourceNotFoundException", f"Shard {SHARD} in stream {name} under account "
                 f"{ACCOUNT} does not exist"):
        client.get_records(ShardIterator=position)


def test_a_stream_arn_beside_the_iterator_is_accepted(client, ten):
    name, _ = ten
    answer = client.get_records(ShardIterator=streams.iterator(client, name), StreamARN=arn(name))
    assert len(answer["Records"]) == 10


def test_timestamps_have_milliseconds_on_the_wire(server, client, ten):
    name, _ = ten
    reply = raw.call(server, "GetRecords", {"ShardIterator": streams.iterator(client, name)})
    for record in reply.json["Records"]:
        arrived = record["ApproximateArrivalTimestamp"]
        assert isinstance(arrived, (int, float)) and abs(arrived - time.time()) < 60
        assert round(arrived * 1000) == pytest.approx(arrived * 1000, abs=1e-3)
