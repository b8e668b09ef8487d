"""Amazon's numbers of calls a second on control operations: on with `--limits aws`."""

import time

import pytest

from support import model, raw
from support.server import ACCOUNT, Server

# Calls a second, from the API reference's page of each operation.
ACCOUNT_RATES = {
    "AddTagsToStream": 5,
    "CreateStream": 5,
    "DecreaseStreamRetentionPeriod": 5,
    "DeleteStream": 5,
    "DescribeAccountSettings": 5,
    "DescribeLimits": 1,
    "DescribeStream": 10,
    "DescribeStreamSummary": 20,
    "DisableEnhancedMonitoring": 5,
    "EnableEnhancedMonitoring": 5,
    "IncreaseStreamRetentionPeriod": 5,
    "ListStreams": 5,
    "ListTagsForStream": 5,
    "MergeShards": 5,
    "RegisterStreamConsumer": 5,
    "RemoveTagsFromStream": 5,
    "SplitShard": 5,
    "UpdateAccountSettings": 5,
    "UpdateShardCount": 10,
    "UpdateStreamWarmThroughput": 5,
}
# None is documented; they are limited as most others are.
UNDOCUMENTED_RATES = {
    "DeleteResourcePolicy": 5,
    "GetResourcePolicy": 5,
    "ListTagsForResource": 5,
    "PutResourcePolicy": 5,
    "TagResource": 5,
    "UntagResource": 5,
    "UpdateMaxRecordSize": 5,
    "UpdateStreamRecordDistributionStrategy": 5,
}
STREAM_RATES = {
    "DeregisterStreamConsumer": 5,
    "DescribeStreamConsumer": 20,
    "ListStreamConsumers": 5,
}
WITHOUT_STREAM = {
    "DescribeAccountSettings", "DescribeLimits", "ListStreams", "UpdateAccountSettings",
}


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("calls") / "data", "--limits", "aws")
    server.start()
    yield server
    server.stop()


def error_of(server, operation, stream, connection):
    """What the operation answers about a stream that is not there (or is, for CreateStream)."""
    reply = raw.call(server, operation, model.valid_request(operation, stream),
                     connection=connection)
    return reply.error if reply.status != 200 else None


def burst(server, operation, stream, calls):
    """Errors of calls made as fast as one connection allows, and how long they took."""
    connection = raw.connect(server)
    started = time.monotonic()
    errors = [error_of(server, operation, stream, connection) for _ in range(calls)]
    return errors, time.monotonic() - started


def throttled(errors):
    return [e for e in errors if e and e[0] == "LimitExceededException" and "Rate" in e[1]]


RATES = {**ACCOUNT_RATES, **UNDOCUMENTED_RATES, **STREAM_RATES}


@pytest.mark.parametrize("operation, rate",
                         [item for item in RATES.items() if item[0] in model.OPERATIONS])
def test_the_calls_beyond_the_rate_are_refused(limited, operation, rate):
    name = f"rates-{operation}"
    errors, seconds = burst(limited, operation, name, 3 * rate + 5)
    refused = throttled(errors)
    passed = len(errors) - len(refused)
    assert rate <= passed <= rate * (seconds + 1) + 1
    whose = f"account {ACCOUNT}."
    if operation not in WITHOUT_STREAM:
        whose = f"stream {name} under {whose}"
    assert {text for _, text in refused} == {f"Rate exceeded for {whose}"}


def test_streams_share_the_rate_of_an_account(limited):
    errors, _ = burst(limited, "RemoveTagsFromStream", "one", 30)
    assert throttled(errors)
    errors, seconds = burst(limited, "RemoveTagsFromStream", "other", 30)
    assert len(errors) - len(throttled(errors)) <= 5 * seconds + 2


def test_operations_on_records_have_no_such_rate(limited):
    for operation in ["PutRecord", "PutRecords", "GetShardIterator"]:
        errors, _ = burst(limited, operation, "rates-records", 60)
        assert not throttled(errors)


def test_they_are_off_by_default(start_server):
    server = start_server()
    errors, _ = burst(server, "ListStreams", "", 40)
    assert errors == [None] * 40
