"""One server, several accounts and Regions, apart from each other."""

import pytest

from support import streams
from support.server import arn
from support.streams import refused

PLACES = [("111111111111", "us-east-1"), ("222222222222", "us-east-1"),
          ("111111111111", "eu-central-1")]


@pytest.fixture(scope="module")
def clients(server):
    return {place: server.client(place[0], region=place[1]) for place in PLACES}


def test_one_name_is_a_stream_of_its_own_in_each(clients):
    name = streams.unique()
    for (account, region), client in clients.items():
        streams.create(client, name=name)
        client.put_record(StreamName=name, Data=f"{account} {region}".encode(), PartitionKey="k")
    for (account, region), client in clients.items():
        described = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        assert described["StreamARN"] == arn(name, account, region)
        assert streams.data(streams.read(client, name)) == [f"{account} {region}".encode()]
    first, *others = clients.values()
    first.delete_stream(StreamName=name)
    streams.wait_gone(first, name)
    for client in others:
        assert streams.status(client, name) == "ACTIVE"
        client.delete_stream(StreamName=name)


def test_lists_tags_and_limits_are_apart(clients):
    (account, _), one = next(iter(clients.items()))
    names = {place: streams.create(client) for place, client in clients.items()}
    for place, client in clients.items():
        listed = client.list_streams()["StreamNames"]
        assert names[place] in listed
        assert not (set(names.values()) - {names[place]}) & set(listed)
        with refused("ResourceNotFoundException"):
            client.add_tags_to_stream(StreamName="elsewhere", Tags={"a": "b"})
    for place, client in clients.items():
        client.delete_stream(StreamName=names[place])


def test_errors_name_the_account_of_the_caller(clients):
    for (account, _), client in clients.items():
        with refused("ResourceNotFoundException",
                     f"Stream not-there under account {account} not found."):
            client.describe_stream(StreamName="not-there")


def test_an_iterator_of_another_account_reads_nothing(clients):
    one, two, _ = clients.values()
    name = streams.create(one)
    one.put_record(StreamName=name, Data=b"secret", PartitionKey="k")
    position = streams.iterator(one, name)
    with pytest.raises(two.exceptions.ClientError):
        two.get_records(ShardIterator=position)
    one.delete_stream(StreamName=name)


def test_a_token_of_another_account_lists_nothing(clients):
    one, two, _ = clients.values()
    name = streams.create(one, 3)
    token = one.list_shards(StreamName=name, MaxResults=1)["NextToken"]
    with pytest.raises(two.exceptions.ClientError):
        two.list_shards(NextToken=token)
    one.delete_stream(StreamName=name)


def test_an_arn_of_another_account_is_not_reached_without_a_policy(clients):
    one, two, _ = clients.values()
    name = streams.create(one)
    with pytest.raises(two.exceptions.ClientError) as caught:
        two.put_record(StreamARN=arn(name, "111111111111"), Data=b"x", PartitionKey="k")
    assert caught.value.response["Error"]["Code"] in (
        "AccessDeniedException", "ResourceNotFoundException", "InvalidArgumentException")
    assert streams.read(one, name) == []
    one.delete_stream(StreamName=name)


def test_the_account_of_an_ordinary_key_is_the_default(start_server):
    server = start_server("--account-id", "999999999999", "--transition-ms", "0")
    client = server.client("AKIAIOSFODNN7EXAMPLE")
    name = streams.create(client)
    described = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    assert described["StreamARN"] == arn(name, "999999999999")
