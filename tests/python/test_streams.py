"""Create, describe, list, delete: states, waiters, paginators, names and ARNs, account limits."""

import datetime

import pytest

from support import raw, streams
from support.server import ACCOUNT, REGION, Server, arn, poll
from support.streams import refused, unique

MISSING = f"Stream {{}} under account {ACCOUNT} not found."


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory):
    """States stay visible long enough to be looked at."""
    server = Server(tmp_path_factory.mktemp("slow") / "data", "--transition-ms", "1500",
                    "--limits", "off")
    server.start()
    yield server
    server.stop()


def test_a_fresh_stream_is_described_as_on_aws(client):
    name = streams.create(client, 2)
    found = client.describe_stream(StreamName=name)["StreamDescription"]
    created = found.pop("StreamCreationTimestamp")
    assert abs(datetime.datetime.now(datetime.timezone.utc) - created) < datetime.timedelta(
        minutes=1)
    shards = found.pop("Shards")
    assert found == {
        "StreamName": name,
        "StreamARN": arn(name),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "HasMoreShards": False,
        "RetentionPeriodHours": 24,
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
    }
    assert [shard["ShardId"] for shard in shards] == [
        "shardId-000000000000", "shardId-000000000001"]
    for shard in shards:
        assert set(shard) == {"ShardId", "HashKeyRange", "SequenceNumberRange"}
        assert set(shard["SequenceNumberRange"]) == {"StartingSequenceNumber"}


def test_the_summary_has_its_own_members_and_never_a_stream_id(client):
    name = streams.create(client, 3)
    found = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    found.pop("StreamCreationTimestamp")
    assert found == {
        "StreamName": name,
        "StreamARN": arn(name),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "RetentionPeriodHours": 24,
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
        "OpenShardCount": 3,
        "ConsumerCount": 0,
        "MaxRecordSizeInKiB": 1024,
        "ChannelCount": 0,
        "QueueCount": 0,
    }


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 64])
def test_hash_ranges_are_split_evenly_and_the_last_shard_takes_the_rest(make_stream, client, count):
    name = make_stream(count)
    shards = client.list_shards(StreamName=name)["Shards"]
    size = 2**128 // count
    expected = [
        {
            "StartingHashKey": str(index * size),
            "EndingHashKey": str((index + 1) * size - 1 if index < count - 1
                                 else streams.HASH_KEY_END),
        }
        for index in range(count)
    ]
    assert [shard["HashKeyRange"] for shard in shards] == expected


def test_sequence_numbers_of_initial_shards_follow_the_public_layout(make_stream, client):
    name = make_stream(3)
    shards = client.list_shards(StreamName=name)["Shards"]
    starts = [int(shard["SequenceNumberRange"]["StartingSequenceNumber"]) for shard in shards]
    assert [later - earlier for earlier, later in zip(starts, starts[1:])] == [
        22300745198530623141535718272648361505980432] * 2
    first = f"{starts[0]:x}"
    assert len(first) == 47 and first[0] == "2" and first[-1] == "2"
    created = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
        "StreamCreationTimestamp"].timestamp()
    assert abs(int(first[1:10], 16) - created) <= 10
    assert int(first[11:27], 16) == 0
    for index, start in enumerate(starts):
        assert int(f"{start:x}"[38:46], 16) == index


def test_states_are_creating_active_deleting_gone(slow_server):
    client = slow_server.client()
    name = unique()
    client.create_stream(StreamName=name, ShardCount=2)
    creating = client.describe_stream(StreamName=name)["StreamDescription"]
    assert creating["StreamStatus"] == "CREATING"
    assert creating["Shards"] == []
    assert streams.status(client, name) == "CREATING"
    with refused("ResourceNotFoundException", MISSING.format(name)):
        client.put_record(StreamName=name, Data=b"x", PartitionKey="k")
    with refused("ResourceInUseException", f"Stream {name} under account {ACCOUNT} not ACTIVE, "
                 "instead in state CREATING"):
        client.add_tags_to_stream(StreamName=name, Tags={"a": "b"})
    streams.wait_active(client, name)
    assert len(client.describe_stream(StreamName=name)["StreamDescription"]["Shards"]) == 2
    client.delete_stream(StreamName=name)
    assert streams.status(client, name) == "DELETING"
    streams.wait_gone(client, name)
    with refused("ResourceNotFoundException", MISSING.format(name)):
        client.describe_stream(StreamName=name)


def test_waiters_see_the_states(slow_server):
    client = slow_server.client()
    name = unique()
    client.create_stream(StreamName=name, ShardCount=1)
    quickly = {"Delay": 1, "MaxAttempts": 20}
    client.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig=quickly)
    assert streams.status(client, name) == "ACTIVE"
    client.delete_stream(StreamName=name)
    client.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig=quickly)
    with refused("ResourceNotFoundException"):
        client.describe_stream_summary(StreamName=name)


def test_a_stream_can_be_deleted_while_creating(slow_server):
    client = slow_server.client()
    name = unique()
    client.create_stream(StreamName=name, ShardCount=1)
    client.delete_stream(StreamName=name)
    # DELETING goes on beyond the time at which it would have become ACTIVE.
    looked = 0
    while True:
        try:
            found = client.describe_stream(StreamName=name)["StreamDescription"]
        except client.exceptions.ResourceNotFoundException:
            break
        assert (found["StreamStatus"], found["Shards"]) == ("DELETING", [])
        with refused("ResourceNotFoundException", f"Stream {name} under account {ACCOUNT} not found."):
            client.put_record(StreamName=name, Data=b"x", PartitionKey="k")
        looked += 1
    assert looked > 0


def test_tags_given_at_creation_are_visible_while_creating(slow_server):
    client = slow_server.client()
    name = unique()
    client.create_stream(StreamName=name, ShardCount=1, Tags={"b": "2", "a": "1"})
    assert client.list_tags_for_stream(StreamName=name)["Tags"] == [
        {"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]


def test_no_more_than_five_streams_are_being_created_at_once(start_server):
    client = start_server("--transition-ms", "60000").client()
    names = [unique() for _ in range(6)]
    for name in names[:5]:
        client.create_stream(StreamName=name, ShardCount=1)
    with refused("LimitExceededException") as caught:
        client.create_stream(StreamName=names[5], ShardCount=1)
    message = caught.value.response["Error"]["Message"]
    assert message == (
        "This request would have exceed the limit on the number  of streams that can "
        "simultaneously be in CREATING or DELETING for the account "
        f"{ACCOUNT}. Limit: 5.") or message.startswith("Rate exceeded")


def test_a_taken_name_is_refused(client, stream):
    with refused("ResourceInUseException", f"Stream {stream} under account {ACCOUNT} already "
                 "exists."):
        client.create_stream(StreamName=stream, ShardCount=1)


def test_a_name_can_be_used_again_for_a_new_and_empty_stream(client):
    name = streams.create(client)
    client.put_record(StreamName=name, Data=b"old", PartitionKey="k")
    old = streams.iterator(client, name)
    client.delete_stream(StreamName=name)
    streams.wait_gone(client, name)
    streams.create(client, name=name)
    assert streams.read(client, name) == []
    with pytest.raises(client.exceptions.ClientError):
        client.get_records(ShardIterator=old)


def test_a_missing_stream_is_named_in_every_operation(client):
    name = unique("missing")
    calls = {
        "describe_stream": {},
        "describe_stream_summary": {},
        "delete_stream": {},
        "list_shards": {},
        "list_tags_for_stream": {},
        "add_tags_to_stream": {"Tags": {"a": "b"}},
        "remove_tags_from_stream": {"TagKeys": ["a"]},
        "increase_stream_retention_period": {"RetentionPeriodHours": 48},
        "decrease_stream_retention_period": {"RetentionPeriodHours": 24},
        "put_record": {"Data": b"x", "PartitionKey": "k"},
        "put_records": {"Records": [{"Data": b"x", "PartitionKey": "k"}]},
    }
    for method, arguments in calls.items():
        for address in ({"StreamName": name}, {"StreamARN": arn(name)}):
            with refused("ResourceNotFoundException", MISSING.format(name)):
                getattr(client, method)(**address, **arguments)


def test_every_operation_takes_an_arn_or_a_name_or_both(client, make_stream):
    name = make_stream()
    for address in (
        {"StreamARN": arn(name)},
        {"StreamName": name},
        {"StreamName": name, "StreamARN": arn(name)},
    ):
        client.describe_stream(**address)
        client.describe_stream_summary(**address)
        client.list_shards(**address)
        client.add_tags_to_stream(**address, Tags={"a": "b"})
        client.list_tags_for_stream(**address)
        client.remove_tags_from_stream(**address, TagKeys=["a"])
        client.increase_stream_retention_period(**address, RetentionPeriodHours=25)
        client.decrease_stream_retention_period(**address, RetentionPeriodHours=24)
        client.put_record(**address, Data=b"x", PartitionKey="k")
        client.put_records(**address, Records=[{"Data": b"x", "PartitionKey": "k"}])
        position = client.get_shard_iterator(
            **address, ShardId="shardId-000000000000", ShardIteratorType="LATEST")["ShardIterator"]
        client.get_records(ShardIterator=position, StreamARN=arn(name))
    other = make_stream()
    client.delete_stream(StreamARN=arn(other))
    streams.wait_gone(client, other)


def test_name_and_arn_must_agree_and_one_must_be_given(server, client, make_stream):
    one, two = make_stream(), make_stream()
    for body in ({"StreamName": one, "StreamARN": arn(two)}, {}):
        reply = raw.call(server, "DescribeStreamSummary", body)
        assert reply.status == 400
        assert reply.error[0] in ("InvalidArgumentException", "ValidationException")


def test_an_arn_of_another_region_does_not_reach_a_stream_of_ours(client, stream):
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.describe_stream_summary(StreamARN=arn(stream, region="eu-west-1"))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_arn_of_a_partition_that_its_region_is_not_in_is_refused(client, stream):
    for other in ["aws-cn", "aws-us-gov", "aws-iso", "awsx"]:
        elsewhere = arn(stream).replace("arn:aws:", f"arn:{other}:")
        with refused("InvalidArgumentException", f"StreamARN {elsewhere} is invalid."):
            client.describe_stream_summary(StreamARN=elsewhere)
        with refused("InvalidArgumentException", f"ResourceARN {elsewhere} is invalid."):
            client.list_tags_for_resource(ResourceARN=elsewhere)


def test_create_without_count_or_mode_makes_four_shards(client):
    name = unique()
    client.create_stream(StreamName=name)
    streams.wait_active(client, name)
    assert len(client.list_shards(StreamName=name)["Shards"]) == 4
    client.delete_stream(StreamName=name)


def test_an_on_demand_stream_starts_with_four_shards(client):
    name = unique()
    client.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    streams.wait_active(client, name)
    found = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert found["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert found["OpenShardCount"] == 4
    assert found["RecordDistributionStrategy"] == "USER_PARTITION_KEY"
    client.delete_stream(StreamName=name)


def test_the_record_size_given_at_creation_is_shown(client):
    name = streams.create(client, MaxRecordSizeInKiB=2048)
    found = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert found["MaxRecordSizeInKiB"] == 2048
    client.delete_stream(StreamName=name)


def test_names_may_hold_every_legal_character_and_case_counts(client):
    suffix = unique("x")
    names = ["A.b-C_9" + suffix, "a.B-c_9" + suffix, ("l" * 128 + suffix)[-128:]]
    for name in names:
        streams.create(client, name=name)
    for name in names:
        assert client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
            "StreamName"] == name
        client.delete_stream(StreamName=name)


def test_list_streams_pages_in_name_order_by_both_ways(start_server):
    client = start_server("--transition-ms", "0", "--limits", "off").client()
    names = sorted(f"s-{index:03}" for index in range(105))
    for name in reversed(names):
        client.create_stream(StreamName=name, ShardCount=1)
    for name in names:
        streams.wait_active(client, name)
    first = client.list_streams()
    assert first["StreamNames"] == names[:100]
    assert first["HasMoreStreams"] is True
    assert first["NextToken"]
    summary = first["StreamSummaries"][0]
    assert summary.pop("StreamCreationTimestamp")
    assert summary == {
        "StreamName": "s-000", "StreamARN": arn("s-000"), "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"}}
    rest = client.list_streams(NextToken=first["NextToken"])
    assert rest["StreamNames"] == names[100:]
    assert rest["HasMoreStreams"] is False
    assert "NextToken" not in rest
    after = client.list_streams(ExclusiveStartStreamName="s-002", Limit=3)
    assert after["StreamNames"] == ["s-003", "s-004", "s-005"]
    assert client.list_streams(ExclusiveStartStreamName="s-0035", Limit=1)["StreamNames"] == [
        "s-004"]
    assert len(client.list_streams(Limit=10000)["StreamNames"]) == 100
    paged = client.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 7})
    assert [name for page in paged for name in page["StreamNames"]] == names


def test_list_streams_of_an_empty_server(start_server):
    found = start_server().client().list_streams()
    found.pop("ResponseMetadata")
    assert found == {"StreamNames": [], "HasMoreStreams": False, "StreamSummaries": []}


def test_describe_stream_pages_shards(client, make_stream):
    name = make_stream(5)
    ids = [f"shardId-{index:012}" for index in range(5)]
    page = client.describe_stream(StreamName=name, Limit=2)["StreamDescription"]
    assert [shard["ShardId"] for shard in page["Shards"]] == ids[:2]
    assert page["HasMoreShards"] is True
    page = client.describe_stream(
        StreamName=name, ExclusiveStartShardId=ids[2])["StreamDescription"]
    assert [shard["ShardId"] for shard in page["Shards"]] == ids[3:]
    assert page["HasMoreShards"] is False
    pages = client.get_paginator("describe_stream").paginate(
        StreamName=name, PaginationConfig={"PageSize": 2})
    found = [s["ShardId"] for page in pages for s in page["StreamDescription"]["Shards"]]
    assert found == ids


def test_describe_stream_shows_at_most_a_hundred_shards(client, make_stream):
    name = make_stream(101)
    for arguments in ({}, {"Limit": 10000}):
        page = client.describe_stream(StreamName=name, **arguments)["StreamDescription"]
        assert len(page["Shards"]) == 100
        assert page["HasMoreShards"] is True


def test_the_shard_limit_of_the_account_holds_and_is_reported(start_server):
    client = start_server("--shard-limit", "5", "--transition-ms", "0").client()
    name = streams.create(client, 3)
    with refused(
        "LimitExceededException",
        f"This request would exceed the shard limit for the account {ACCOUNT} in {REGION}. "
        "Current shard count for the account: 3. Limit: 5. Number of additional shards that would "
        "have resulted from this request: 3. Refer to the AWS Service Limits page "
        "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits "
        "and how to request higher limits.",
    ):
        client.create_stream(StreamName=unique(), ShardCount=3)
    limits = client.describe_limits()
    assert limits["ShardLimit"] == 5
    assert limits["OpenShardCount"] == 3
    client.delete_stream(StreamName=name)
    streams.wait_gone(client, name)
    streams.create(client, 5)


def test_describe_limits_has_every_member(start_server):
    client = start_server("--transition-ms", "0").client()
    limits = client.describe_limits()
    limits.pop("ResponseMetadata")
    assert set(limits) >= {
        "ShardLimit", "OpenShardCount", "OnDemandStreamCount", "OnDemandStreamCountLimit"}
    assert limits["OnDemandStreamCountLimit"] == 50
    assert limits["OpenShardCount"] == limits["OnDemandStreamCount"] == 0


def test_deleting_twice_is_an_error_only_after_it_is_gone(client):
    name = streams.create(client)
    client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    streams.wait_gone(client, name)
    with refused("ResourceNotFoundException", MISSING.format(name)):
        client.delete_stream(StreamName=name)


def test_every_answer_without_members_is_empty(server):
    name = unique()
    for operation, value in [
        ("CreateStream", {"StreamName": name, "ShardCount": 1}),
        ("AddTagsToStream", {"StreamName": name, "Tags": {"a": "b"}}),
        ("RemoveTagsFromStream", {"StreamName": name, "TagKeys": ["a"]}),
        ("IncreaseStreamRetentionPeriod", {"StreamName": name, "RetentionPeriodHours": 48}),
        ("DecreaseStreamRetentionPeriod", {"StreamName": name, "RetentionPeriodHours": 24}),
        ("DeleteStream", {"StreamName": name}),
    ]:
        reply = raw.call(server, operation, value)
        assert (reply.status, reply.body) == (200, b""), (operation, reply)
        assert reply.headers["content-type"] == raw.JSON
        assert reply.headers["content-length"] == "0"
        if operation == "CreateStream":
            poll(lambda: raw.call(server, "DescribeStreamSummary", {"StreamName": name}).json[
                "StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE")
