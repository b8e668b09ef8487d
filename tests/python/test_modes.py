"""Capacity modes, warm throughput and the distribution of records."""

import pytest

from support import raw, streams
from support.server import ACCOUNT, arn
from support.streams import refused

ON_DEMAND = {"StreamMode": "ON_DEMAND"}
PROVISIONED = {"StreamMode": "PROVISIONED"}
NO_COMMITMENT = ("WarmThroughputMiBps requires the minimum throughput billing commitment of account "
                 f"{ACCOUNT} in us-east-1.")
NO_SWITCH = ("WarmThroughputMiBps is only supported for streams that are created in, or switched to, "
             "On-Demand mode.")


def summary(client, name):
    return client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]


def switch(client, name, mode, **options):
    client.update_stream_mode(StreamARN=arn(name), StreamModeDetails=mode, **options)
    streams.wait_active(client, name)


def create(client, **options):
    name = streams.unique()
    client.create_stream(StreamName=name, **options)
    streams.wait_active(client, name)
    return name


@pytest.fixture
def committed(start_server):
    """A server whose account has a commitment, and its client."""
    server = start_server("--limits", "off", "--transition-ms", "0")
    client = server.client()
    client.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    return server


def test_a_stream_changes_its_mode_and_keeps_its_shards(client, make_stream):
    name = make_stream(3)
    shards = client.list_shards(StreamName=name)["Shards"]
    found = summary(client, name)
    assert found["StreamModeDetails"] == PROVISIONED
    assert found["MaxRecordSizeInKiB"] == 1024
    assert "RecordDistributionStrategy" not in found
    switch(client, name, ON_DEMAND)
    found = summary(client, name)
    assert found["StreamModeDetails"] == ON_DEMAND
    assert found["RecordDistributionStrategy"] == "USER_PARTITION_KEY"
    assert client.describe_stream(StreamName=name)["StreamDescription"]["StreamModeDetails"] == \
        ON_DEMAND
    assert client.list_shards(StreamName=name)["Shards"] == shards
    switch(client, name, PROVISIONED)
    assert summary(client, name)["StreamModeDetails"] == PROVISIONED


def test_a_stream_is_updating_while_its_mode_changes(start_server):
    server = start_server("--transition-ms", "600000")
    client = server.client()
    name = streams.unique()
    client.create_stream(StreamName=name, ShardCount=1)
    with refused("ResourceInUseException", f"Stream {name} under account {ACCOUNT} not ACTIVE, "
                 "instead in state CREATING"):
        client.update_stream_mode(StreamARN=arn(name), StreamModeDetails=ON_DEMAND)
    server.flags = ["--transition-ms", "0"]
    server.restart()
    client = server.client()
    active = create(client, ShardCount=1)
    server.flags = ["--transition-ms", "600000"]
    server.restart()
    client = server.client()
    client.update_stream_mode(StreamARN=arn(active), StreamModeDetails=ON_DEMAND)
    assert streams.status(client, active) == "UPDATING"
    client.put_record(StreamName=active, Data=b"x", PartitionKey="k")
    with refused("ResourceInUseException", f"Stream {active} under account {ACCOUNT} not ACTIVE, "
                 "instead in state UPDATING"):
        client.update_stream_mode(StreamARN=arn(active), StreamModeDetails=PROVISIONED)
    for method, options in [
        ("update_stream_warm_throughput", {"WarmThroughputMiBps": 1}),
        ("update_stream_record_distribution_strategy", {"RecordDistributionStrategy": "AUTO"}),
        ("update_max_record_size", {"MaxRecordSizeInKiB": 2048}),
        ("enable_enhanced_monitoring", {"ShardLevelMetrics": ["ALL"]}),
        ("disable_enhanced_monitoring", {"ShardLevelMetrics": ["ALL"]}),
    ]:
        with refused("ResourceInUseException"):
            getattr(client, method)(StreamARN=arn(active), **options)


def test_the_mode_changes_twice_a_day_also_across_a_kill(start_server):
    server = start_server("--transition-ms", "0")
    client = server.client()
    name = streams.create(client)
    switch(client, name, PROVISIONED)
    switch(client, name, ON_DEMAND)
    server.kill()
    client = server.start().client()
    switch(client, name, ON_DEMAND)
    switch(client, name, PROVISIONED)
    text = (f"Stream {name} under account {ACCOUNT} has switched its capacity mode 2 times within "
            "the last 24 hours. Switch it again later.")
    with refused("LimitExceededException", text):
        client.update_stream_mode(StreamARN=arn(name), StreamModeDetails=ON_DEMAND)
    server.kill()
    client = server.start().client()
    with refused("LimitExceededException", text):
        client.update_stream_mode(StreamARN=arn(name), StreamModeDetails=ON_DEMAND)
    switch(client, name, PROVISIONED)
    assert summary(client, name)["StreamModeDetails"] == PROVISIONED


def test_without_limits_the_mode_changes_as_often_as_one_likes(client, stream):
    for _ in range(3):
        switch(client, stream, ON_DEMAND)
        switch(client, stream, PROVISIONED)


def test_the_number_of_on_demand_streams_is_limited(start_server):
    client = start_server("--transition-ms", "0").client()
    on_demand = [create(client, StreamModeDetails=ON_DEMAND) for _ in range(50)]
    name = streams.create(client)
    with refused("LimitExceededException", "This request would exceed the limit on the number of "
                 f"On-Demand streams for the account `{ACCOUNT}` in `us-east-1`. Current On-Demand "
                 "streams count: 50. Limit: 50."):
        client.update_stream_mode(StreamARN=arn(name), StreamModeDetails=ON_DEMAND)
    limits = client.describe_limits()
    assert (limits["OnDemandStreamCount"], limits["OpenShardCount"]) == (50, 1)
    switch(client, on_demand[0], PROVISIONED)
    limits = client.describe_limits()
    assert (limits["OnDemandStreamCount"], limits["OpenShardCount"]) == (49, 5)


@pytest.mark.parametrize("method,options", [
    ("update_stream_mode", {"StreamModeDetails": ON_DEMAND}),
    ("update_stream_warm_throughput", {"WarmThroughputMiBps": 1}),
    ("update_stream_record_distribution_strategy",
     {"RecordDistributionStrategy": "USER_PARTITION_KEY"}),
])
def test_streams_that_cannot_be_reached(client, stream, method, options):
    call = getattr(client, method)
    with refused("ResourceNotFoundException", f"Stream missing under account {ACCOUNT} not found."):
        call(StreamARN=arn("missing"), **options)
    with refused("ResourceNotFoundException"):
        call(StreamARN=arn(stream, region="eu-west-1"), **options)
    with refused("AccessDeniedException"):
        call(StreamARN=arn(stream, account="999999999999"), **options)


def test_warm_throughput_needs_a_commitment(client, make_stream):
    name = create(client, StreamModeDetails=ON_DEMAND)
    assert "WarmThroughput" not in summary(client, name)
    with refused("InvalidArgumentException", NO_COMMITMENT):
        client.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=1)
    with refused("InvalidArgumentException", NO_COMMITMENT):
        client.create_stream(StreamName=streams.unique(), StreamModeDetails=ON_DEMAND,
                             WarmThroughputMiBps=5)
    provisioned = make_stream()
    with refused("InvalidArgumentException", NO_COMMITMENT):
        client.update_stream_mode(StreamARN=arn(provisioned), StreamModeDetails=ON_DEMAND,
                                  WarmThroughputMiBps=5)
    assert summary(client, provisioned)["StreamModeDetails"] == PROVISIONED
    switch(client, provisioned, ON_DEMAND, WarmThroughputMiBps=0)
    client.delete_stream(StreamName=name)


def test_a_stream_is_created_with_warm_throughput(committed):
    client = committed.client()
    name = create(client, StreamModeDetails=ON_DEMAND, WarmThroughputMiBps=6)
    found = summary(client, name)
    assert found["WarmThroughput"] == {"TargetMiBps": 6, "CurrentMiBps": 6}
    assert found["OpenShardCount"] == 6
    small = create(client, StreamModeDetails=ON_DEMAND, WarmThroughputMiBps=1)
    found = summary(client, small)
    assert found["WarmThroughput"] == {"TargetMiBps": 1, "CurrentMiBps": 1}
    assert found["OpenShardCount"] == 4
    cold = create(client, StreamModeDetails=ON_DEMAND)
    assert summary(client, cold)["WarmThroughput"] == {"TargetMiBps": 0, "CurrentMiBps": 0}
    with refused("InvalidArgumentException", NO_SWITCH):
        client.create_stream(StreamName=streams.unique(), ShardCount=1, WarmThroughputMiBps=5)
    committed.kill()
    client = committed.start().client()
    assert summary(client, name)["WarmThroughput"] == {"TargetMiBps": 6, "CurrentMiBps": 6}


def test_warm_throughput_goes_with_the_mode(committed):
    client = committed.client()
    name = streams.create(client, 2)
    assert "WarmThroughput" not in summary(client, name)
    with refused("ValidationException",
                 f"Request is invalid. Stream {name} under account {ACCOUNT} is in Provisioned mode."):
        client.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=2)
    with refused("InvalidArgumentException", NO_SWITCH):
        client.update_stream_mode(StreamARN=arn(name), StreamModeDetails=PROVISIONED,
                                  WarmThroughputMiBps=2)
    switch(client, name, ON_DEMAND, WarmThroughputMiBps=2)
    assert summary(client, name)["WarmThroughput"] == {"TargetMiBps": 2, "CurrentMiBps": 2}
    with refused("InvalidArgumentException", NO_SWITCH):
        client.update_stream_mode(StreamARN=arn(name), StreamModeDetails=ON_DEMAND,
                                  WarmThroughputMiBps=3)
    switch(client, name, ON_DEMAND)
    assert summary(client, name)["WarmThroughput"]["TargetMiBps"] == 2
    switch(client, name, PROVISIONED)
    switch(client, name, ON_DEMAND)
    assert summary(client, name)["WarmThroughput"]["TargetMiBps"] == 0


def test_warm_throughput_is_limited(start_server):
    server = start_server("--transition-ms", "0", "--shard-limit", "20")
    client = server.client()
    small = server.client(region="eu-central-1")
    for one in (client, small):
        one.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    name = create(client, StreamModeDetails=ON_DEMAND)
    too_much = f"The warm throughput of stream {name} under account {ACCOUNT} cannot be more than"
    with refused("LimitExceededException", f"{too_much} 10240 MiB per second."):
        client.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=10241)
    with refused("LimitExceededException") as caught:
        client.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=21)
    assert "would exceed the shard limit" in caught.value.response["Error"]["Message"]
    name = create(small, StreamModeDetails=ON_DEMAND)
    with refused("LimitExceededException",
                 f"The warm throughput of stream {name} under account {ACCOUNT} cannot be more than "
                 "200 MiB per second."):
        small.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=201)


def test_records_are_spread_without_partition_keys(client):
    name = create(client, StreamModeDetails=ON_DEMAND, RecordDistributionStrategy="AUTO")
    assert summary(client, name)["RecordDistributionStrategy"] == "AUTO"
    for index in range(4):
        client.put_record(StreamName=name, Data=b"%d" % index)
    client.put_records(StreamName=name, Records=[
        {"Data": b"k%d" % index, "PartitionKey": "same", "ExplicitHashKey": "0"}
        for index in range(4)])
    found = streams.read_all(client, name)
    assert [len(records) for records in found.values()] == [2, 2, 2, 2]
    records = [record for records in found.values() for record in records]
    keys = {record["Data"]: record.get("PartitionKey", "absent") for record in records}
    assert keys == {b"0": "absent", b"1": "absent", b"2": "absent", b"3": "absent",
                    b"k0": "same", b"k1": "same", b"k2": "same", b"k3": "same"}
    client.delete_stream(StreamName=name)


def test_the_distribution_changes_at_once_and_stays(start_server):
    server = start_server("--limits", "off", "--transition-ms", "600000")
    server.flags[-1] = "0"
    server.restart()
    client = server.client()
    name = create(client)
    server.flags[-1] = "600000"
    server.restart()
    client = server.client()
    with refused("ValidationException", "1 validation error detected: Value null at 'partitionKey' "
                 "failed to satisfy constraint: Member must not be null"):
        client.put_record(StreamName=name, Data=b"x")

    def set_to(strategy):
        answer = client.update_stream_record_distribution_strategy(
            StreamARN=arn(name), RecordDistributionStrategy=strategy)
        assert set(answer) == {"ResponseMetadata"}
        assert streams.status(client, name) == "ACTIVE"

    set_to("AUTO")
    client.put_record(StreamName=name, Data=b"x")
    server.kill()
    client = server.start().client()
    assert summary(client, name)["RecordDistributionStrategy"] == "AUTO"
    client.put_record(StreamName=name, Data=b"y")
    set_to("USER_PARTITION_KEY")
    with refused("ValidationException"):
        client.put_records(StreamName=name, Records=[{"Data": b"x"}])


def test_provisioned_streams_do_not_spread_records(client, stream):
    text = "RecordDistributionStrategy AUTO is only supported for streams in On-Demand mode."
    with refused("InvalidArgumentException", text):
        client.update_stream_record_distribution_strategy(
            StreamARN=arn(stream), RecordDistributionStrategy="AUTO")
    with refused("InvalidArgumentException", text):
        client.create_stream(StreamName=streams.unique(), ShardCount=1,
                             RecordDistributionStrategy="AUTO")
    client.update_stream_record_distribution_strategy(
        StreamARN=arn(stream), RecordDistributionStrategy="USER_PARTITION_KEY")
    switch(client, stream, ON_DEMAND)
    client.update_stream_record_distribution_strategy(
        StreamARN=arn(stream), RecordDistributionStrategy="AUTO")
    switch(client, stream, PROVISIONED)
    with refused("ValidationException"):
        client.put_record(StreamName=stream, Data=b"x")
    switch(client, stream, ON_DEMAND)
    assert summary(client, stream)["RecordDistributionStrategy"] == "USER_PARTITION_KEY"


def test_the_answers_are_empty_also_in_cbor(server, stream):
    for call in (raw.call, raw.call_cbor):
        reply = call(server, "UpdateStreamMode",
                     {"StreamARN": arn(stream), "StreamModeDetails": ON_DEMAND})
        assert (reply.status, reply.body) == (200, b"")
