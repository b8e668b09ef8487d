"""The retention period: bounds, direction, that it is shown."""

import pytest

from support import streams
from support.streams import refused


def hours(client, name):
    found = client.describe_stream(StreamName=name)["StreamDescription"]["RetentionPeriodHours"]
    summary = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["RetentionPeriodHours"] == found
    return found


def test_it_rises_and_falls(client, stream):
    client.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=8760)
    streams.wait_active(client, stream)
    assert hours(client, stream) == 8760
    client.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    streams.wait_active(client, stream)
    assert hours(client, stream) == 24


def test_the_present_value_is_accepted_by_both(client, stream):
    client.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    streams.wait_active(client, stream)
    client.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    assert hours(client, stream) == 24


@pytest.mark.parametrize("method", [
    "increase_stream_retention_period", "decrease_stream_retention_period"])
def test_bounds(client, stream, method):
    for value in (23, 1, 0, -1):
        with refused("InvalidArgumentException", "Minimum allowed retention period is 24 hours. "
                     f"Requested retention period ({value} hours) is too short."):
            getattr(client, method)(StreamName=stream, RetentionPeriodHours=value)
    for value in (8761, 2**31 - 1):
        with refused("InvalidArgumentException", "Maximum allowed retention period is 8760 hours. "
                     f"Requested retention period ({value} hours) is too long."):
            getattr(client, method)(StreamName=stream, RetentionPeriodHours=value)


def test_direction(client, stream):
    client.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    streams.wait_active(client, stream)
    with refused("InvalidArgumentException", f"Requested retention period (36 hours) for stream "
                 f"{stream} can not be shorter than existing retention period (48 hours). Use "
                 "DecreaseRetentionPeriod API."):
        client.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=36)
    with refused("InvalidArgumentException", f"Requested retention period (72 hours) for stream "
                 f"{stream} can not be longer than existing retention period (48 hours). Use "
                 "IncreaseRetentionPeriod API."):
        client.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=72)
    assert hours(client, stream) == 48


def test_records_within_the_period_stay(client, stream):
    client.put_record(StreamName=stream, Data=b"x", PartitionKey="k")
    client.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    streams.wait_active(client, stream)
    client.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    streams.wait_active(client, stream)
    assert streams.data(streams.read(client, stream)) == [b"x"]
