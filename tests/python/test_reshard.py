"""Resharding: split, merge, UpdateShardCount, closed shards, and producers that notice nothing."""

import collections
import concurrent.futures
import datetime
import itertools
import random
import threading

import botocore.exceptions
import pytest

from support import raw, streams
from support.server import ACCOUNT, arn, poll
from support.streams import HASH_KEY_END, refused

HALF = 2**127
LOST = (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectionClosedError,
        botocore.exceptions.HTTPClientError, ConnectionError)


def shard_id(index):
    return f"shardId-{index:012}"


def listed(client, stream, **arguments):
    pages = client.get_paginator("list_shards").paginate(StreamName=stream, **arguments)
    return [shard for page in pages for shard in page["Shards"]]


def by_filter(client, stream, kind, **arguments):
    return listed(client, stream, ShardFilter={"Type": kind, **arguments})


def ids(shards):
    return [int(shard["ShardId"].removeprefix("shardId-")) for shard in shards]


def open_shards(client, stream):
    """The open shards in the order of their ranges, which must cover the ring."""
    shards = sorted(by_filter(client, stream, "AT_LATEST"), key=start)
    assert start(shards[0]) == 0 and end(shards[-1]) == HASH_KEY_END
    for lower, upper in itertools.pairwise(shards):
        assert end(lower) + 1 == start(upper)
    return shards


def start(shard):
    return int(shard["HashKeyRange"]["StartingHashKey"])


def end(shard):
    return int(shard["HashKeyRange"]["EndingHashKey"])


def is_open(client, name):
    """The status, and which shards are open: in one answer, as they are at one moment."""
    found = client.describe_stream(StreamName=name)["StreamDescription"]
    return found["StreamStatus"], ["EndingSequenceNumber" not in shard["SequenceNumberRange"]
                                   for shard in found["Shards"]]


def test_while_it_is_updating_a_stream_has_its_old_shards_alone(start_server):
    server = start_server("--transition-ms", "0")
    client = server.client()
    name = streams.create(client)
    server.stop()
    # Longer than any test takes.
    server.flags[server.flags.index("--transition-ms") + 1] = "3600000"
    client = server.start().client()
    client.split_shard(StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey=str(HALF))
    assert is_open(client, name) == ("UPDATING", [True])
    listing = client.list_shards(StreamName=name)["Shards"]
    assert ids(listing) == [0] and "EndingSequenceNumber" not in listing[0]["SequenceNumberRange"]
    for number, key in enumerate("abcdefgh"):
        put = client.put_record(StreamName=name, Data=bytes([number]), PartitionKey=key)
        assert put["ShardId"] == shard_id(0)
    assert is_open(client, name) == ("UPDATING", [True])
    assert len(streams.read(client, name)) == 8


def test_while_it_is_updating_a_stream_that_merges_has_its_old_shards_alone(start_server):
    server = start_server("--transition-ms", "0")
    client = server.client()
    name = streams.create(client, 2)
    server.stop()
    # Longer than any test takes.
    server.flags[server.flags.index("--transition-ms") + 1] = "3600000"
    client = server.start().client()
    client.merge_shards(StreamName=name, ShardToMerge=shard_id(0), AdjacentShardToMerge=shard_id(1))
    assert is_open(client, name) == ("UPDATING", [True, True])
    listing = client.list_shards(StreamName=name)["Shards"]
    assert ids(listing) == [0, 1]
    assert all("EndingSequenceNumber" not in shard["SequenceNumberRange"] for shard in listing)
    for number, at in enumerate([0, HALF]):
        put = client.put_record(StreamName=name, Data=b"x", PartitionKey="k", ExplicitHashKey=str(at))
        assert put["ShardId"] == shard_id(number)


def test_a_stream_that_was_updating_has_its_new_shards(start_server):
    client = start_server("--transition-ms", "200").client()
    name = streams.create(client)
    client.split_shard(StreamName=name, ShardToSplit=shard_id(0), NewStartingHashKey=str(HALF))
    found = poll(lambda: (now := is_open(client, name))[0] == "ACTIVE" and now)
    assert found == ("ACTIVE", [False, True, True])


def split(client, stream, shard, at):
    client.split_shard(StreamName=stream, ShardToSplit=shard, NewStartingHashKey=str(at))
    streams.wait_active(client, stream)


def merge(client, stream, lower, upper):
    client.merge_shards(StreamName=stream, ShardToMerge=lower, AdjacentShardToMerge=upper)
    streams.wait_active(client, stream)


def scale(client, stream, target):
    answer = client.update_shard_count(
        StreamName=stream, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
    streams.wait_active(client, stream)
    shards = open_shards(client, stream)
    assert len(shards) == target
    size = 2**128 // target
    for index, shard in enumerate(shards):
        assert abs(start(shard) - index * size) <= 2**64
    return answer


def read_family(client, stream):
    """Every record in the order in which a consumer sees them, parents before their children."""
    shards = {shard["ShardId"]: shard for shard in listed(client, stream)}
    waiting = collections.deque(by_filter(client, stream, "AT_TRIM_HORIZON"))
    done, records = set(), []
    queued = {shard["ShardId"] for shard in waiting}
    while waiting:
        shard = waiting.popleft()["ShardId"]
        position = streams.iterator(client, stream, shard)
        while True:
            answer = client.get_records(ShardIterator=position)
            records += [(shard, record) for record in answer["Records"]]
            position = answer.get("NextShardIterator")
            children = answer.get("ChildShards", [])
            assert (position is None) == bool(children)
            if position is None or answer["MillisBehindLatest"] == 0:
                break
        done.add(shard)
        assert ("EndingSequenceNumber" in shards[shard]["SequenceNumberRange"]) == bool(children)
        for child in children:
            assert child["HashKeyRange"] == shards[child["ShardId"]]["HashKeyRange"]
            assert shard in child["ParentShards"]
            if set(child["ParentShards"]) <= done and child["ShardId"] not in queued:
                queued.add(child["ShardId"])
                waiting.append(child)
    assert done == set(shards)
    return records


def test_a_split_closes_the_parent_and_opens_two_children(client, stream):
    first = client.put_record(StreamName=stream, Data=b"1", PartitionKey="k")
    split(client, stream, shard_id(0), HALF)
    parent, lower, upper = listed(client, stream)
    assert ids([parent, lower, upper]) == [0, 1, 2]
    assert (start(lower), end(lower)) == (0, HALF - 1)
    assert (start(upper), end(upper)) == (HALF, HASH_KEY_END)
    for child in (lower, upper):
        assert child["ParentShardId"] == shard_id(0)
        assert "AdjacentParentShardId" not in child
        assert "EndingSequenceNumber" not in child["SequenceNumberRange"]
    numbers = parent["SequenceNumberRange"]
    second = client.put_record(
        StreamName=stream, Data=b"2", PartitionKey="k", ExplicitHashKey=str(HALF))
    assert second["ShardId"] == shard_id(2)
    order = [numbers["StartingSequenceNumber"], first["SequenceNumber"],
             numbers["EndingSequenceNumber"],
             upper["SequenceNumberRange"]["StartingSequenceNumber"], second["SequenceNumber"]]
    assert [int(number) for number in order] == sorted(int(number) for number in order)
    assert len({len(number) for number in order}) == 1
    assert client.describe_stream(StreamName=stream)["StreamDescription"]["Shards"] == [
        parent, lower, upper]
    summary = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2
    assert [record["Data"] for _, record in read_family(client, stream)] == [b"1", b"2"]


def test_a_merge_has_two_parents(client, make_stream):
    stream = make_stream(2)
    merge(client, stream, "0", "1")
    child = open_shards(client, stream)[0]
    assert child["ShardId"] == shard_id(2)
    assert child["ParentShardId"] == shard_id(0)
    assert child["AdjacentParentShardId"] == shard_id(1)
    for parent in (0, 1):
        answer = client.get_records(ShardIterator=streams.iterator(
            client, stream, shard_id(parent), "LATEST"))
        assert "NextShardIterator" not in answer
        assert answer["Records"] == [] and answer["MillisBehindLatest"] == 0
        assert answer["ChildShards"] == [{
            "ShardId": shard_id(2), "ParentShards": [shard_id(0), shard_id(1)],
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(HASH_KEY_END)}}]


def test_every_start_on_a_closed_shard_leads_to_its_children(client, stream):
    number = client.put_record(StreamName=stream, Data=b"x", PartitionKey="k")["SequenceNumber"]
    split(client, stream, "0", HALF)
    ending = listed(client, stream)[0]["SequenceNumberRange"]["EndingSequenceNumber"]
    starts = [("TRIM_HORIZON", {}, 1), ("LATEST", {}, 0),
              ("AT_TIMESTAMP", {"Timestamp": 0}, 1),
              ("AT_SEQUENCE_NUMBER", {"StartingSequenceNumber": number}, 1),
              ("AFTER_SEQUENCE_NUMBER", {"StartingSequenceNumber": number}, 0),
              ("AT_SEQUENCE_NUMBER", {"StartingSequenceNumber": ending}, 0),
              ("AFTER_SEQUENCE_NUMBER", {"StartingSequenceNumber": ending}, 0)]
    for kind, options, count in starts:
        position = streams.iterator(client, stream, kind=kind, **options)
        answer = client.get_records(ShardIterator=position)
        assert len(answer["Records"]) == count, kind
        if position := answer.get("NextShardIterator"):
            answer = client.get_records(ShardIterator=position)
        assert "NextShardIterator" not in answer
        assert [child["ShardId"] for child in answer["ChildShards"]] == [shard_id(1), shard_id(2)]
        assert all(child["ParentShards"] == [shard_id(0)] for child in answer["ChildShards"])


@pytest.mark.parametrize("key", [0, 1, HASH_KEY_END, HASH_KEY_END + 1, 10**38 * 9])
def test_a_split_needs_a_key_well_inside(client, stream, key):
    text = (f"NewStartingHashKey {key} used in SplitShard() on shard {shard_id(0)} in stream "
            f"{stream} under account {ACCOUNT} is not both greater than one plus the shard's "
            f"StartingHashKey 0 and less than the shard's EndingHashKey {HASH_KEY_END}.")
    with refused("InvalidArgumentException", text):
        split(client, stream, "0", key)


def test_the_outermost_keys_split(client, stream):
    split(client, stream, "0", 2)
    split(client, stream, "2", HASH_KEY_END - 1)
    assert [end(shard) - start(shard) for shard in open_shards(client, stream)] == [
        1, HASH_KEY_END - 4, 1]
    with refused("InvalidArgumentException"):
        split(client, stream, "1", 1)


@pytest.mark.parametrize(("pair", "named"), [
    (("2", "1"), (2, 1)), (("1", "1"), (1, 1)), (("1", "3"), (1, 3)), (("3", "1"), (3, 1))])
def test_only_neighbours_in_their_order_merge(client, make_stream, pair, named):
    stream = make_stream(4)
    text = (f"Shards {shard_id(named[0])} and {shard_id(named[1])} in stream {stream} under "
            f"account {ACCOUNT} are not an adjacent pair of shards eligible for merging")
    with refused("InvalidArgumentException", text):
        merge(client, stream, *pair)


@pytest.mark.parametrize(("shard", "printed"), [
    ("shardId-000000000007", "shardId-000000000007"), ("7", "shardId-000000000007"),
    ("shard-x", "shard-x"), ("99999999999", "99999999999")])
def test_shards_that_are_not_there(client, make_stream, shard, printed):
    stream = make_stream(2)
    text = f"Could not find shard {printed} in stream {stream} under account {ACCOUNT}."
    with refused("ResourceNotFoundException", text):
        split(client, stream, shard, HALF)
    with refused("ResourceNotFoundException", text):
        merge(client, stream, shard, "1")
    with refused("ResourceNotFoundException", text):
        merge(client, stream, "0", shard)


def test_closed_shards_are_not_resharded_again(client, make_stream):
    stream = make_stream(2)
    split(client, stream, "0", 2**100)
    text = (f"Shard {shard_id(0)} in stream {stream} under account {ACCOUNT} has already been "
            "merged or split, and thus is not eligible for merging or splitting.")
    with refused("InvalidArgumentException", text):
        split(client, stream, "0", 2**100)
    with refused("InvalidArgumentException", text):
        merge(client, stream, "0", "1")
    with refused("InvalidArgumentException", text):
        merge(client, stream, "3", "0")


def calls(client):
    return [
        lambda **stream: client.split_shard(
            ShardToSplit="0", NewStartingHashKey=str(HALF), **stream),
        lambda **stream: client.merge_shards(
            ShardToMerge="0", AdjacentShardToMerge="1", **stream),
        lambda **stream: client.update_shard_count(
            TargetShardCount=2, ScalingType="UNIFORM_SCALING", **stream),
    ]


def test_the_stream_must_be_there(client):
    for call in calls(client):
        with refused("ResourceNotFoundException",
                     f"Stream nowhere under account {ACCOUNT} not found."):
            call(StreamName="nowhere")


def test_on_demand_streams_look_after_themselves(client, make_stream):
    name = streams.unique()
    client.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    streams.wait_active(client, name)
    for call in calls(client):
        with refused("ValidationException",
                     f"Request is invalid. Stream {name} under account {ACCOUNT} is in On-Demand "
                     "mode."):
            call(StreamName=name)
    client.delete_stream(StreamName=name)


def test_arns_name_streams_too(client, stream):
    client.split_shard(StreamARN=arn(stream), ShardToSplit="0", NewStartingHashKey=str(HALF))
    client.merge_shards(StreamARN=arn(stream), ShardToMerge="1", AdjacentShardToMerge="2")
    answer = client.update_shard_count(
        StreamARN=arn(stream), TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    assert (answer["StreamName"], answer["StreamARN"]) == (stream, arn(stream))


def test_updating_is_seen_and_refuses_changes_but_not_data(start_server):
    client = start_server("--limits", "off", "--transition-ms", "400").client()
    name = streams.create(client, 2)
    changes = [
        lambda: client.split_shard(
            StreamName=name, ShardToSplit="0", NewStartingHashKey=str(2**126)),
        lambda: client.merge_shards(
            StreamName=name, ShardToMerge="2", AdjacentShardToMerge="3"),
        lambda: client.update_shard_count(
            StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING"),
    ]
    for change in changes:
        change()
        assert streams.status(client, name) == "UPDATING"
        for other in calls(client):
            with refused("ResourceInUseException",
                         f"Stream {name} under account {ACCOUNT} not ACTIVE, instead in state "
                         "UPDATING"):
                other(StreamName=name)
        client.put_record(StreamName=name, Data=b"x", PartitionKey="k")
        client.get_waiter("stream_exists").wait(
            StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    assert len(open_shards(client, name)) == 4
    assert len(read_family(client, name)) == 3


@pytest.mark.parametrize("path", [
    (1, 2, 4, 8), (4, 5), (5, 3), (8, 4, 2, 1), (7, 4), (3, 6, 3), (4, 4), (10, 13), (6, 5, 4, 3)])
def test_scaling_makes_equal_ranges(client, make_stream, path):
    stream = make_stream(path[0])
    for before, target in itertools.pairwise(path):
        answer = scale(client, stream, target)
        assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (before, target)
        assert (answer["StreamName"], answer["StreamARN"]) == (stream, arn(stream))


def test_doubling_splits_and_halving_merges_each_shard_once(client, make_stream):
    stream = make_stream(3)
    scale(client, stream, 6)
    assert ids(listed(client, stream)) == list(range(9))
    scale(client, stream, 3)
    assert ids(listed(client, stream)) == list(range(12))
    assert [shard["ParentShardId"] for shard in open_shards(client, stream)] == [
        shard_id(3), shard_id(5), shard_id(7)]


def test_scaling_straightens_uneven_shards(client, stream):
    split(client, stream, "0", 1000)
    split(client, stream, "2", 2000)
    scale(client, stream, 3)


@pytest.mark.parametrize(("shards", "target", "text"), [
    (2, 5, "UpdateShardCount cannot scale up over double your current open shard count. Current "
           "open shard count: 2, Target shard count: 5"),
    (3, 1, "UpdateShardCount cannot scale down below half your current open shard count. Current "
           "open shard count: 3, Target shard count: 1"),
    (6000, 10001, "Target shard count or number of open shards cannot be greater than 10000. "
                  "Current open shard count: 6000, Target shard count: 10001"),
])
def test_scaling_is_bounded(client, make_stream, shards, target, text):
    stream = make_stream(shards)
    with refused("LimitExceededException", text):
        client.update_shard_count(
            StreamName=stream, TargetShardCount=target, ScalingType="UNIFORM_SCALING")


def test_half_of_an_odd_count_is_rounded_up(client, make_stream):
    stream = make_stream(5)
    scale(client, stream, 3)
    scale(client, stream, 2)


@pytest.mark.parametrize(("target", "kind", "where"), [
    (0, "UNIFORM_SCALING", "targetShardCount"), (2, "OTHER", "scalingType"),
    (None, "UNIFORM_SCALING", "targetShardCount"), (2, None, "scalingType")])
def test_scaling_arguments_are_checked(server, stream, target, kind, where):
    error, message = raw.call(server, "UpdateShardCount", {
        "StreamName": stream, "TargetShardCount": target, "ScalingType": kind}).error
    assert error == "ValidationException"
    assert f"at '{where}' failed to satisfy constraint" in message


def test_limits_of_the_account_and_of_a_day(start_server):
    client = start_server("--transition-ms", "0", "--shard-limit", "5").client()
    name = streams.create(client, 3)
    text = (f"This request would exceed the shard limit for the account {ACCOUNT} in us-east-1. "
            "Current shard count for the account: {}. Limit: 5. Number of additional shards that "
            "would have resulted from this request: {}. Refer to the AWS Service Limits page "
            "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current "
            "limits and how to request higher limits.")
    with refused("LimitExceededException", text.format(3, 3)):
        scale(client, name, 6)
    scale(client, name, 5)
    shard = open_shards(client, name)[0]["ShardId"]
    with refused("LimitExceededException", text.format(5, 1)):
        split(client, name, shard, 1000)
    for _ in range(9):
        scale(client, name, 5)
    with refused("LimitExceededException"):
        scale(client, name, 5)
    merge(client, name, *(shard["ShardId"] for shard in open_shards(client, name)[:2]))


def test_every_filter_of_list_shards(client, make_stream):
    stream = make_stream(2)
    created = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"][
        "StreamCreationTimestamp"]
    merge(client, stream, "0", "1")
    split(client, stream, "2", HALF)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    day_before = created - datetime.timedelta(days=1)
    assert ids(by_filter(client, stream, "AT_LATEST")) == [3, 4]
    assert ids(by_filter(client, stream, "AT_TRIM_HORIZON")) == [0, 1]
    assert ids(by_filter(client, stream, "FROM_TRIM_HORIZON")) == [0, 1, 2, 3, 4]
    assert ids(by_filter(client, stream, "AFTER_SHARD_ID", ShardId="2")) == [3, 4]
    assert ids(by_filter(client, stream, "AT_TIMESTAMP", Timestamp=day_before)) == [0, 1]
    assert ids(by_filter(client, stream, "AT_TIMESTAMP", Timestamp=later)) == [3, 4]
    assert ids(by_filter(client, stream, "FROM_TIMESTAMP", Timestamp=day_before)) == [
        0, 1, 2, 3, 4]
    assert ids(by_filter(client, stream, "FROM_TIMESTAMP", Timestamp=later)) == [3, 4]
    assert ids(listed(client, stream, PaginationConfig={"PageSize": 2})) == [0, 1, 2, 3, 4]


def test_numbers_of_parents_and_children_order_puts(client, stream):
    number = None
    for at in (HALF, 2**126, 2**125, 2**124):
        options = {"SequenceNumberForOrdering": number} if number else {}
        answer = client.put_record(
            StreamName=stream, Data=b"x", PartitionKey="k", ExplicitHashKey="0", **options)
        assert number is None or int(answer["SequenceNumber"]) > int(number)
        number = answer["SequenceNumber"]
        split(client, stream, answer["ShardId"], at)
    client.put_record(StreamName=stream, Data=b"x", PartitionKey="k",
                      SequenceNumberForOrdering=number)


def test_the_family_survives_a_kill(start_server):
    server = start_server("--limits", "off", "--transition-ms", "0")
    client = server.client()
    name = streams.create(client, 2)
    client.put_record(StreamName=name, Data=b"x", PartitionKey="k")
    split(client, name, "0", 2**126)
    merge(client, name, "3", "1")
    scale(client, name, 4)
    before, records = listed(client, name), read_family(client, name)
    server.kill()
    client = server.start().client()
    assert listed(client, name) == before
    assert read_family(client, name) == records
    scale(client, name, 2)


def test_a_scaling_that_was_killed_goes_on(start_server):
    server = start_server("--limits", "off", "--transition-ms", "0", "--shard-limit", "100000")
    client = server.client()
    name = streams.create(client, 100)
    for target in (137, 99, 61):
        client.update_shard_count(
            StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
        server.kill()
        client = server.start().client()
        streams.wait_active(client, name)
        assert len(open_shards(client, name)) == target


def put_until(server, stream, keys, counter, acknowledged, stop):
    """Puts batches; tries again after a lost connection, with new records."""
    client = server.client()
    while not stop.is_set():
        batch = [(random.choice(keys), next(counter)) for _ in range(10)]
        try:
            answer = client.put_records(StreamName=stream, Records=[
                {"Data": b"%d" % count, "PartitionKey": key} for key, count in batch])
        except LOST:
            poll(lambda: stop.is_set() or server.process.poll() is None, what="a server")
            client = server.client()
            continue
        assert answer["FailedRecordCount"] == 0, answer
        acknowledged += [(key, count, record["SequenceNumber"])
                         for (key, count), record in zip(batch, answer["Records"], strict=True)]


@pytest.mark.parametrize("kills", [0, 3])
def test_producers_notice_no_reshard_and_nothing_is_lost_by_kills(start_server, kills):
    server = start_server("--limits", "off", "--transition-ms", "0")
    name = streams.create(server.client(), 2)
    producers, stop = 4, threading.Event()
    acknowledged = [[] for _ in range(producers)]
    choose = random.Random(kills)
    with concurrent.futures.ThreadPoolExecutor(producers) as pool:
        running = [pool.submit(put_until, server, name, [f"{p}-{k}" for k in range(2)],
                               itertools.count(), acknowledged[p], stop)
                   for p in range(producers)]
        try:
            for life in range(kills + 1):
                client = server.client()
                for _ in range(5):
                    streams.wait_active(client, name)
                    reshard_somehow(client, name, choose)
                    count = sum(map(len, acknowledged))
                    poll(lambda: sum(map(len, acknowledged)) > count + 50, what="progress")
                if life < kills:
                    server.kill()
                    server.start()
        finally:
            stop.set()
        for future in running:
            future.result(60)
    client = server.client()
    streams.wait_active(client, name)
    found = collections.defaultdict(list)
    for _, record in read_family(client, name):
        found[record["PartitionKey"]].append((int(record["Data"]), record["SequenceNumber"]))
    for own in acknowledged:
        sent = collections.defaultdict(set)
        for key, count, number in own:
            sent[key].add((count, number))
        for key, pairs in sent.items():
            assert pairs <= set(found[key])
    for key, pairs in found.items():
        counts, numbers = zip(*((count, int(number)) for count, number in pairs), strict=True)
        assert list(counts) == sorted(set(counts)), key
        assert list(numbers) == sorted(set(numbers)), key


def reshard_somehow(client, name, choose):
    shards = open_shards(client, name)
    kind = choose.choice(["split", "merge", "scale"])
    if kind == "merge" and len(shards) > 1:
        place = choose.randrange(len(shards) - 1)
        client.merge_shards(StreamName=name, ShardToMerge=shards[place]["ShardId"],
                            AdjacentShardToMerge=shards[place + 1]["ShardId"])
    elif kind == "scale" or len(shards) > 12:
        target = choose.randint((len(shards) + 1) // 2, min(2 * len(shards), 12))
        client.update_shard_count(
            StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
    else:
        shard = choose.choice(shards)
        client.split_shard(StreamName=name, ShardToSplit=shard["ShardId"],
                           NewStartingHashKey=str((start(shard) + end(shard)) // 2))
