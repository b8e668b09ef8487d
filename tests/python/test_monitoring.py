"""Shard-level metrics are turned on and off, shown, and kept."""

import pytest

from support import raw, streams
from support.server import ACCOUNT, arn
from support.streams import refused

ALL = ["IncomingBytes", "IncomingRecords", "OutgoingBytes", "OutgoingRecords",
       "WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded",
       "IteratorAgeMilliseconds"]


def shown(client, name):
    described = client.describe_stream(StreamName=name)["StreamDescription"]["EnhancedMonitoring"]
    summary = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["EnhancedMonitoring"] == described
    assert len(described) == 1
    return described[0]["ShardLevelMetrics"]


def answer(name, before, after):
    return {"StreamName": name, "StreamARN": arn(name), "CurrentShardLevelMetrics": before,
            "DesiredShardLevelMetrics": after}


def enable(client, name, *metrics):
    found = client.enable_enhanced_monitoring(StreamName=name, ShardLevelMetrics=list(metrics))
    del found["ResponseMetadata"]
    return found


def disable(client, name, *metrics):
    found = client.disable_enhanced_monitoring(StreamARN=arn(name), ShardLevelMetrics=list(metrics))
    del found["ResponseMetadata"]
    return found


def test_each_answer_tells_before_and_after(client, stream):
    assert shown(client, stream) == []
    assert enable(client, stream, "OutgoingBytes", "IncomingBytes") == answer(
        stream, [], ["IncomingBytes", "OutgoingBytes"])
    assert enable(client, stream, "OutgoingBytes") == answer(
        stream, ["IncomingBytes", "OutgoingBytes"], ["IncomingBytes", "OutgoingBytes"])
    assert enable(client, stream, "ALL", "IncomingBytes") == answer(
        stream, ["IncomingBytes", "OutgoingBytes"], ALL)
    assert shown(client, stream) == ALL
    assert disable(client, stream, "IncomingBytes", "IteratorAgeMilliseconds") == answer(
        stream, ALL, ALL[1:6])
    assert disable(client, stream, "ALL") == answer(stream, ALL[1:6], [])
    assert disable(client, stream, "IncomingRecords") == answer(stream, [], [])
    assert shown(client, stream) == []


@pytest.mark.parametrize("metric", ALL)
def test_each_metric_alone(client, stream, metric):
    assert enable(client, stream, metric) == answer(stream, [], [metric])
    assert shown(client, stream) == [metric]
    assert disable(client, stream, metric) == answer(stream, [metric], [])


def test_it_is_active_again_at_once_and_survives_a_kill(start_server):
    server = start_server("--transition-ms", "0")
    name = streams.create(server.client())
    server.flags = ["--transition-ms", "600000"]
    server.restart()
    client = server.client()
    enable(client, name, "IncomingBytes", "OutgoingRecords")
    assert streams.status(client, name) == "ACTIVE"
    server.kill()
    client = server.start().client()
    assert shown(client, name) == ["IncomingBytes", "OutgoingRecords"]
    disable(client, name, "IncomingBytes")
    server.kill()
    assert shown(server.start().client(), name) == ["OutgoingRecords"]


@pytest.mark.parametrize("method", ["enable_enhanced_monitoring", "disable_enhanced_monitoring"])
def test_refusals(client, stream, server, method):
    call = getattr(client, method)
    with refused("ResourceNotFoundException", f"Stream missing under account {ACCOUNT} not found."):
        call(StreamName="missing", ShardLevelMetrics=["ALL"])
    with refused("AccessDeniedException"):
        call(StreamARN=arn(stream, account="999999999999"), ShardLevelMetrics=["ALL"])
    with refused("InvalidArgumentException"):
        call(ShardLevelMetrics=["ALL"])
    with refused("InvalidArgumentException"):
        call(StreamName="other", StreamARN=arn(stream), ShardLevelMetrics=["ALL"])
    with refused("ValidationException"):
        call(StreamName=stream, ShardLevelMetrics=["Nothing"])
    with refused("ValidationException"):
        call(StreamName=stream, ShardLevelMetrics=["IncomingBytes"] * 8)
    operation = "".join(word.title() for word in method.split("_"))
    reply = raw.call(server, operation, {"StreamName": stream, "ShardLevelMetrics": []})
    assert reply.error[0] == "ValidationException"


def test_a_stream_being_created_has_none_to_change(start_server):
    client = start_server("--transition-ms", "600000").client()
    name = streams.unique()
    client.create_stream(StreamName=name, ShardCount=1)
    with refused("ResourceInUseException", f"Stream {name} under account {ACCOUNT} not ACTIVE, "
                 "instead in state CREATING"):
        enable(client, name, "ALL")
