"""What is acknowledged is there after kill -9, after an orderly end, and in the right order."""

import concurrent.futures
import threading

import botocore.exceptions
import pytest

from support import streams
from support.server import arn
from support.streams import refused

LOST = (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectionClosedError,
        botocore.exceptions.HTTPClientError, ConnectionError)
FLAGS = ("--limits", "off", "--transition-ms", "0")


def write_until_cut(server, stream, writer, acknowledged, enough):
    """Puts batches until the connection is lost; keeps what was acknowledged, in order."""
    client = server.client()
    index = 0
    try:
        while True:
            batch = [b"%d %d" % (writer, index + offset) for offset in range(20)]
            answer = client.put_records(StreamName=stream, Records=[
                {"Data": payload, "PartitionKey": f"w{writer}"} for payload in batch])
            assert answer["FailedRecordCount"] == 0
            acknowledged += [(r["ShardId"], r["SequenceNumber"], payload)
                             for r, payload in zip(answer["Records"], batch, strict=True)]
            index += len(batch)
            if index >= 400:
                enough.release()
    except LOST:
        return index


def test_acknowledged_records_survive_kill_in_the_middle_of_puts(start_server):
    server = start_server(*FLAGS)
    name = streams.create(server.client(), 4)
    writers = 6
    acknowledged = [[] for _ in range(writers)]
    everything = set()
    for _ in range(3):
        enough = threading.Semaphore(0)
        with concurrent.futures.ThreadPoolExecutor(writers) as pool:
            running = [pool.submit(write_until_cut, server, name, writer, acknowledged[writer],
                                   enough) for writer in range(writers)]
            for _ in range(writers):
                assert enough.acquire(timeout=60)
            server.kill()
            for future in running:
                future.result(60)
        server.start()
        client = server.client()
        found = streams.read_all(client, name)
        check(found, acknowledged)
        kept = {(shard, r["SequenceNumber"]) for shard, rs in found.items() for r in rs}
        assert everything <= kept, "a record that was read before a kill is gone after it"
        everything = kept
        client.put_record(StreamName=name, Data=b"after", PartitionKey="after")


def check(found, acknowledged):
    by_number = {}
    for shard, records in found.items():
        numbers = [int(record["SequenceNumber"]) for record in records]
        assert numbers == sorted(set(numbers)), f"{shard} is out of order"
        by_number.update({(shard, r["SequenceNumber"]): r["Data"] for r in records})
    for own in acknowledged:
        for shard, number, payload in own:
            assert by_number.get((shard, number)) == payload, (shard, number, payload)
        by_shard = {}
        for shard, number, _ in own:
            by_shard.setdefault(shard, []).append(int(number))
        for numbers in by_shard.values():
            assert numbers == sorted(numbers)


def test_numbers_go_on_rising_after_a_kill(start_server):
    server = start_server(*FLAGS)
    client = server.client()
    name = streams.create(client)
    numbers = []
    for _ in range(4):
        for _ in range(10):
            numbers.append(int(client.put_record(
                StreamName=name, Data=b"x", PartitionKey="k")["SequenceNumber"]))
        server.kill()
        client = server.start().client()
    assert numbers == sorted(set(numbers))
    assert [int(r["SequenceNumber"]) for r in streams.read(client, name)] == numbers


def test_the_catalog_survives_a_kill(start_server):
    server = start_server(*FLAGS)
    client = server.client()
    name = streams.create(client, 3, Tags={"a": "1"}, MaxRecordSizeInKiB=2048)
    gone = streams.create(client)
    client.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=72)
    streams.wait_active(client, name)
    client.add_tags_to_stream(StreamName=name, Tags={"b": "2"})
    client.delete_stream(StreamName=gone)
    streams.wait_gone(client, gone)
    before = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    shards = client.list_shards(StreamName=name)["Shards"]
    tags = client.list_tags_for_stream(StreamName=name)["Tags"]
    server.kill()
    client = server.start().client()
    assert client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"] == before
    assert client.list_shards(StreamName=name)["Shards"] == shards
    assert client.list_tags_for_stream(StreamName=name)["Tags"] == tags
    assert client.list_streams()["StreamNames"] == [name]
    assert before["StreamARN"] == arn(name)


def test_a_stream_killed_while_creating_or_deleting_gets_there_later(start_server):
    server = start_server("--limits", "off", "--transition-ms", "400")
    client = server.client()
    creating, deleting = streams.unique("c"), streams.create(client)
    client.create_stream(StreamName=creating, ShardCount=2)
    client.delete_stream(StreamName=deleting)
    server.kill()
    client = server.start().client()
    streams.wait_active(client, creating)
    streams.wait_gone(client, deleting)
    client.put_record(StreamName=creating, Data=b"x", PartitionKey="k")


def test_iterators_and_tokens_survive_a_restart(start_server):
    server = start_server(*FLAGS)
    client = server.client()
    name = streams.create(client, 2)
    client.put_record(StreamName=name, Data=b"x", PartitionKey="k", ExplicitHashKey="0")
    position = streams.iterator(client, name)
    token = client.list_shards(StreamName=name, MaxResults=1)["NextToken"]
    assert server.terminate() == 0
    client = server.start().client()
    assert streams.data(streams.drain(client, position)) == [b"x"]
    assert len(client.list_shards(NextToken=token)["Shards"]) == 1


def test_an_orderly_end_finishes_what_was_begun(start_server):
    server = start_server(*FLAGS)
    name = streams.create(server.client(), 2)
    acknowledged, enough = [[], []], threading.Semaphore(0)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        running = [pool.submit(write_until_cut, server, name, writer, acknowledged[writer], enough)
                   for writer in range(2)]
        for _ in running:
            assert enough.acquire(timeout=60)
        assert server.terminate() == 0
        for future in running:
            future.result(60)
    server.start()
    check(streams.read_all(server.client(), name), acknowledged)


@pytest.mark.parametrize("durability", ["interval=50", "memory"])
def test_weaker_durability_is_named(start_server, durability):
    server = start_server("--durability", durability, *FLAGS)
    assert server.health()["durability"].startswith(durability.split("=")[0])
    assert durability.split("=")[0] in server.log()
    client = server.client()
    name = streams.create(client)
    client.put_record(StreamName=name, Data=b"x", PartitionKey="k")
    assert streams.data(streams.read(client, name)) == [b"x"]
    if durability == "memory":
        server.restart()
        with refused("ResourceNotFoundException"):
            server.client().describe_stream(StreamName=name)


def test_memory_that_is_full_says_which_setting_makes_room(start_server):
    server = start_server("--durability", "memory", "--tail-cache-bytes", "16MiB",
                          "--journal-file-bytes", "16MiB", *FLAGS)
    client = server.client()
    name = streams.create(client)
    records = [{"Data": bytes(900_000), "PartitionKey": "k"}] * 5
    text = ("the memory for records is full; raise --tail-cache-bytes, or let the oldest ones go "
            "with --memory-full drop-oldest")
    for _ in range(20):
        answer = client.put_records(StreamName=name, Records=records)
        if answer["FailedRecordCount"]:
            break
    outcomes = {(one.get("ErrorCode"), one.get("ErrorMessage")) for one in answer["Records"]}
    assert outcomes == {("InternalFailure", text)}
    with refused("InternalFailure", text, status=500):
        for _ in range(20):
            client.put_record(StreamName=name, Data=bytes(1_000_000), PartitionKey="k")
    assert "--tail-cache-bytes" in server.log()
    assert "cannot go on for now" not in server.log()


def test_a_mock_may_let_the_oldest_records_go(start_server):
    server = start_server("--durability", "memory", "--tail-cache-bytes", "16MiB",
                          "--memory-full", "drop-oldest", *FLAGS)
    client = server.client()
    name = streams.create(client)
    for number in range(60):
        client.put_record(StreamName=name, Data=b"%02d" % number + bytes(900_000), PartitionKey="k")
    numbers = [int(data[:2]) for data in streams.data(streams.read(client, name))]
    assert 5 < len(numbers) < 20
    assert numbers == list(range(60 - len(numbers), 60))


def test_many_small_restarts_of_an_empty_server(start_server):
    server = start_server(*FLAGS)
    for _ in range(5):
        assert server.terminate() == 0
        server.start()
    assert server.client().list_streams()["StreamNames"] == []
