"""The ceiling of one record: changed, in force at once, kept; and large records through a shard."""

import pytest

from support import raw, streams
from support.server import ACCOUNT, arn, poll
from support.streams import refused

MIB = 1024 * 1024
THROTTLED = "ProvisionedThroughputExceededException"


def ceiling(client, name):
    found = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return found["MaxRecordSizeInKiB"]


def put(client, name, size):
    return client.put_record(StreamName=name, Data=bytes(size), PartitionKey="k")


def too_long(path, limit):
    return (f"1 validation error detected: Value at '{path}' failed to satisfy constraint: "
            f"Member must have length less than or equal to {limit}")


def test_a_new_ceiling_is_in_force_at_once(client, stream):
    with refused("ValidationException", too_long("data", MIB)):
        put(client, stream, MIB + 1)
    answer = client.update_max_record_size(StreamARN=arn(stream), MaxRecordSizeInKiB=2048)
    assert set(answer) == {"ResponseMetadata"}
    assert (ceiling(client, stream), streams.status(client, stream)) == (2048, "ACTIVE")
    put(client, stream, 2 * MIB)
    with refused("ValidationException", too_long("data", 2 * MIB)):
        put(client, stream, 2 * MIB + 1)
    with refused("ValidationException", too_long("records.2.member.data", 2 * MIB)):
        client.put_records(StreamName=stream, Records=[
            {"Data": b"x", "PartitionKey": "k"},
            {"Data": bytes(2 * MIB + 1), "PartitionKey": "k"}])
    client.update_max_record_size(StreamARN=arn(stream), MaxRecordSizeInKiB=10240)
    put(client, stream, 10 * MIB)
    client.update_max_record_size(StreamARN=arn(stream), MaxRecordSizeInKiB=1024)
    with refused("ValidationException", too_long("data", MIB)):
        put(client, stream, MIB + 1)
    assert [len(record["Data"]) for record in streams.read(client, stream)] == [2 * MIB, 10 * MIB]


def test_bounds(server, client, stream):
    for value, rule in [(1023, "greater than or equal to 1024"), (0, "greater than or equal to 1024"),
                        (10241, "less than or equal to 10240")]:
        text = (f"1 validation error detected: Value '{value}' at 'maxRecordSizeInKiB' failed to "
                f"satisfy constraint: Member must have value {rule}")
        reply = raw.call(server, "UpdateMaxRecordSize",
                         {"StreamARN": arn(stream), "MaxRecordSizeInKiB": value})
        assert reply.error == ("ValidationException", text)
    assert ceiling(client, stream) == 1024


def test_refusals(server, client, stream):
    call = client.update_max_record_size
    with refused("ResourceNotFoundException", f"Stream missing under account {ACCOUNT} not found."):
        call(StreamARN=arn("missing"), MaxRecordSizeInKiB=1024)
    with refused("AccessDeniedException"):
        call(StreamARN=arn(stream, account="999999999999"), MaxRecordSizeInKiB=1024)
    with refused("InvalidArgumentException", "StreamARN should be provided."):
        call(MaxRecordSizeInKiB=1024)
    reply = raw.call(server, "UpdateMaxRecordSize", {"StreamARN": arn(stream)})
    assert reply.error[0] == "ValidationException"


def test_it_survives_a_kill(start_server):
    server = start_server("--transition-ms", "0")
    client = server.client()
    name = streams.create(client)
    client.update_max_record_size(StreamARN=arn(name), MaxRecordSizeInKiB=4096)
    server.kill()
    client = server.start().client()
    assert ceiling(client, name) == 4096
    put(client, name, 4 * MIB)


def test_large_records_pass_now_and_then_and_small_ones_behind_them(start_server):
    client = start_server("--transition-ms", "0").client()
    name = streams.create(client, MaxRecordSizeInKiB=10240)
    put(client, name, 10 * MIB - 10)
    with refused(THROTTLED):
        put(client, name, 10 * MIB - 10)

    def small_passes():
        try:
            return put(client, name, 1000)
        except client.exceptions.ProvisionedThroughputExceededException:
            return None

    poll(small_passes, 5)
    with refused(THROTTLED):
        put(client, name, 10 * MIB - 10)
    answer = client.put_records(StreamName=name, Records=[
        {"Data": bytes(9 * MIB), "PartitionKey": "k"}, {"Data": b"x", "PartitionKey": "k"}])
    assert [record.get("ErrorCode") for record in answer["Records"]] == [THROTTLED, None]
