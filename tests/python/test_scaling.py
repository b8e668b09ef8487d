"""On-demand streams get the shards that their load asks for, while the server runs."""

import json

from support import streams
from support.server import arn, poll, run_cli
from support.streams import HASH_KEY_END

FLAGS = ("--limits", "off", "--transition-ms", "0", "--scaling-period-ms", "200")
ON_DEMAND = {"StreamMode": "ON_DEMAND"}


def create(client, **options):
    name = streams.unique()
    client.create_stream(StreamName=name, StreamModeDetails=ON_DEMAND, **options)
    streams.wait_active(client, name)
    return name


def open_shards(client, name):
    shards = client.list_shards(StreamName=name, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    return sorted(shards, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))


def read_all(client, name, shards):
    """Every record by shard, waiting where the shard's rate is used up."""
    def read(position):
        try:
            return client.get_records(ShardIterator=position)
        except client.exceptions.ProvisionedThroughputExceededException:
            return None

    found = {}
    for shard in (shard["ShardId"] for shard in shards):
        position, found[shard] = streams.iterator(client, name, shard), []
        while position:
            answer = poll(lambda at=position: read(at), 30, "a read")
            found[shard] += answer["Records"]
            position = answer.get("NextShardIterator") if answer["MillisBehindLatest"] else None
    return found


def test_a_hot_shard_is_split_evenly_while_it_is_written(start_server):
    # The rate keeps the stream's peak below what four shards are enough for.
    client = start_server("--transition-ms", "0", "--scaling-period-ms", "1000",
                          "--limit-shard-write-bytes", "640KiB").client()
    name = create(client)
    before = open_shards(client, name)
    assert len(before) == 4
    top = before[-1]["HashKeyRange"]
    numbers = []

    def is_split():
        answer = client.put_records(StreamName=name, Records=[{
            "Data": bytes(20_000), "PartitionKey": "k",
            "ExplicitHashKey": str(HASH_KEY_END - index)} for index in range(10)])
        numbers.extend((record["ShardId"], record["SequenceNumber"])
                       for record in answer["Records"] if "ErrorCode" not in record)
        return any(shard.get("ParentShardId") == before[-1]["ShardId"]
                   for shard in open_shards(client, name))

    poll(is_split, 30, "split")
    shards = client.list_shards(StreamName=name)["Shards"]
    children = [s for s in shards if s.get("ParentShardId") == before[-1]["ShardId"]]
    low, high = (child["HashKeyRange"] for child in children)
    assert low["StartingHashKey"] == top["StartingHashKey"]
    assert high["EndingHashKey"] == top["EndingHashKey"]
    sizes = [int(r["EndingHashKey"]) - int(r["StartingHashKey"]) for r in (low, high)]
    assert abs(sizes[0] - sizes[1]) <= 1
    assert len(shards) == 6
    found = read_all(client, name, shards)
    kept = {(shard, record["SequenceNumber"]) for shard, rs in found.items() for record in rs}
    assert kept == set(numbers), "nothing is lost or doubled by a split"


def test_warm_throughput_opens_shards_at_once_and_survives_a_kill(start_server):
    server = start_server(*FLAGS)
    client = server.client()
    client.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    name = create(client)
    answer = client.update_stream_warm_throughput(StreamName=name, WarmThroughputMiBps=6)
    del answer["ResponseMetadata"]
    assert answer == {"StreamName": name, "StreamARN": arn(name),
                      "WarmThroughput": {"TargetMiBps": 6, "CurrentMiBps": 4}}
    server.kill()
    client = server.start().client()
    poll(lambda: len(open_shards(client, name)) == 6, what="six shards")
    streams.wait_active(client, name)
    summary = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert summary["WarmThroughput"] == {"TargetMiBps": 6, "CurrentMiBps": 6}
    client.update_stream_warm_throughput(StreamARN=arn(name), WarmThroughputMiBps=0)
    poll(lambda: len(open_shards(client, name)) == 4, what="four shards")
    limits = client.describe_limits()
    assert (limits["OnDemandStreamCount"], limits["OpenShardCount"]) == (1, 0)


def test_a_stream_that_becomes_on_demand_gets_its_four_shards(start_server):
    server = start_server(*FLAGS)
    client = server.client()
    name = streams.create(client, 1)
    client.update_stream_mode(StreamARN=arn(name), StreamModeDetails=ON_DEMAND)
    poll(lambda: len(open_shards(client, name)) == 4, what="four shards")
    described = json.loads(run_cli("streams", "describe", name, "--json", "--endpoint",
                                   server.endpoint).stdout)
    assert (described["mode"], described["openShards"]) == ("ON_DEMAND", 4)


def test_scaling_can_be_turned_off(start_server):
    server = start_server(*FLAGS[:-1], "0")
    client = server.client()
    name = streams.create(client, 1)
    client.update_stream_mode(StreamARN=arn(name), StreamModeDetails=ON_DEMAND)
    streams.wait_active(client, name)
    for _ in range(10):
        client.put_record(StreamName=name, Data=bytes(900_000), PartitionKey="k")
    assert len(open_shards(client, name)) == 1
