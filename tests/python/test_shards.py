"""ListShards: pages, tokens, filters."""

import datetime

import pytest

from support import raw, streams
from support.streams import refused

PAGE_CAP = 1000


def ids(answer):
    return [int(shard["ShardId"].removeprefix("shardId-")) for shard in answer["Shards"]]


def test_pages_follow_the_token_alone(client, make_stream):
    name = make_stream(7)
    first = client.list_shards(StreamName=name, MaxResults=3)
    assert ids(first) == [0, 1, 2]
    second = client.list_shards(NextToken=first["NextToken"], MaxResults=3)
    assert ids(second) == [3, 4, 5]
    last = client.list_shards(NextToken=second["NextToken"])
    assert ids(last) == [6]
    assert "NextToken" not in last
    again = client.list_shards(NextToken=first["NextToken"], MaxResults=1)
    assert ids(again) == [3]


def test_the_token_carries_the_filter(client, make_stream):
    name = make_stream(6)
    first = client.list_shards(
        StreamName=name, MaxResults=2,
        ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000001"})
    assert ids(first) == [2, 3]
    assert ids(client.list_shards(NextToken=first["NextToken"])) == [4, 5]


def test_a_page_holds_at_most_a_thousand(client, make_stream):
    name = make_stream(PAGE_CAP + 1)
    for arguments in ({}, {"MaxResults": 10000}):
        page = client.list_shards(StreamName=name, **arguments)
        assert len(page["Shards"]) == PAGE_CAP
        assert ids(client.list_shards(NextToken=page["NextToken"])) == [PAGE_CAP]


def test_the_paginator_of_boto3_reads_every_page(client, make_stream):
    name = make_stream(9)
    pages = client.get_paginator("list_shards").paginate(
        StreamName=name, PaginationConfig={"PageSize": 2})
    assert [index for page in pages for index in ids(page)] == list(range(9))


def test_exclusive_start_shard_id(client, make_stream):
    name = make_stream(4)
    assert ids(client.list_shards(StreamName=name, ExclusiveStartShardId="shardId-000000000001")
               ) == [2, 3]
    assert ids(client.list_shards(StreamName=name, ExclusiveStartShardId="shardId-000000000009")
               ) == []


@pytest.mark.parametrize("kind", ["AT_LATEST", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON"])
def test_filters_without_arguments_show_open_shards(client, make_stream, kind):
    name = make_stream(3)
    assert ids(client.list_shards(StreamName=name, ShardFilter={"Type": kind})) == [0, 1, 2]


def test_filters_by_time(client, make_stream):
    name = make_stream(2)
    created = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
        "StreamCreationTimestamp"]
    later = created + datetime.timedelta(seconds=1)
    for kind in ("AT_TIMESTAMP", "FROM_TIMESTAMP"):
        assert ids(client.list_shards(
            StreamName=name, ShardFilter={"Type": kind, "Timestamp": later})) == [0, 1]
    assert ids(client.list_shards(StreamName=name, ShardFilter={
        "Type": "FROM_TIMESTAMP", "Timestamp": created - datetime.timedelta(days=30)})) == [0, 1]


def test_after_shard_id_is_the_exclusive_start(client, make_stream):
    name = make_stream(4)
    assert ids(client.list_shards(StreamName=name, ShardFilter={
        "Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000002"})) == [3]


@pytest.mark.parametrize("shard_filter", [
    {"Type": "AFTER_SHARD_ID"}, {"Type": "AT_TIMESTAMP"}, {"Type": "FROM_TIMESTAMP"}])
def test_a_filter_without_its_argument_is_refused(client, stream, shard_filter):
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.list_shards(StreamName=stream, ShardFilter=shard_filter)
    assert caught.value.response["Error"]["Code"] in (
        "InvalidArgumentException", "ValidationException")


def test_a_stream_or_a_token_is_needed(server):
    assert raw.call(server, "ListShards", {}).error == (
        "InvalidArgumentException", "Either NextToken or StreamName should be provided.")


def test_nothing_else_may_stand_beside_a_token(client, make_stream):
    name, other = make_stream(3), make_stream()
    token = client.list_shards(StreamName=name, MaxResults=1)["NextToken"]
    for arguments, member in [
        ({"StreamName": other}, "StreamName"),
        ({"ExclusiveStartShardId": "shardId-000000000000"}, "ExclusiveStartShardId"),
        ({"ShardFilter": {"Type": "AT_LATEST"}}, "ShardFilter"),
    ]:
        with refused("InvalidArgumentException",
                     f"NextToken and {member} cannot be provided together."):
            client.list_shards(NextToken=token, **arguments)
    with refused("InvalidArgumentException"):
        client.list_shards(NextToken=token, StreamCreationTimestamp=datetime.datetime(2020, 1, 1))


@pytest.mark.parametrize("token", ["x", "AAAA", "A" * 5000, "not base64 at all !"])
def test_a_token_we_did_not_make_is_refused(client, token):
    with refused("InvalidArgumentException"):
        client.list_shards(NextToken=token)


def test_the_token_of_list_streams_does_not_fit_list_shards(client, make_stream):
    make_stream(), make_stream()
    token = client.list_streams(Limit=1)["NextToken"]
    with refused("InvalidArgumentException"):
        client.list_shards(NextToken=token)


def test_a_creation_time_of_another_stream_does_not_match(client, stream):
    created = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"][
        "StreamCreationTimestamp"]
    assert ids(client.list_shards(StreamName=stream, StreamCreationTimestamp=created)) == [0]
    with refused("ResourceNotFoundException"):
        client.list_shards(
            StreamName=stream, StreamCreationTimestamp=created - datetime.timedelta(days=1))


def test_shard_ids_are_normalised_before_lookup(client, stream):
    for shard in ("shardId-000000000000", "0", "x-0", "shard-000"):
        assert client.get_shard_iterator(
            StreamName=stream, ShardId=shard, ShardIteratorType="LATEST")["ShardIterator"]
    assert streams.read(client, stream, shard="0") == []
