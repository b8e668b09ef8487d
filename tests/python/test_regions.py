"""Regions are a list, and limits of an account hold over all of them."""

import contextlib

import pytest

from support import credentials, streams


@pytest.fixture
def key(tmp_path):
    return credentials.add(tmp_path / "credentials.toml", "alice")


@pytest.fixture
def start(start_server, tmp_path):
    def start(*flags, **options):
        return start_server("--credentials", tmp_path / "credentials.toml", "--transition-ms", "0",
                            *flags, **options)
    return start


@contextlib.contextmanager
def refused(code, text, status=400):
    """Expects an error with this in its text."""
    with streams.refused(code, status=status) as caught:
        yield
    assert text in caught.value.response["Error"]["Message"]


def client(server, key, region):
    return server.client(key.access_key, key.secret, region=region)


def test_a_region_that_is_not_listed_is_refused(key, start):
    server = start("--regions", "aws,here", "--region", "local")
    for region in ["us-east-1", "cn-north-1", "us-gov-west-1", "here", "local"]:
        assert client(server, key, region).list_streams()["StreamNames"] == []
    for region in ["eu-north-9", "a" * 32]:
        with refused("InvalidSignatureException", "valid region"):
            client(server, key, region).list_streams()


def test_one_account_has_one_limit_over_all_regions(key, start):
    server = start("--shard-limit", "2")
    streams.create(client(server, key, "us-east-1"))
    streams.create(client(server, key, "eu-west-1"))
    with refused("LimitExceededException", "in all Regions. Current shard count for the "
                                           "account: 2. Limit: 2."):
        client(server, key, "ap-south-1").create_stream(StreamName="s", ShardCount=1)


def test_the_limit_over_all_regions_is_a_setting_and_shards_come_back(key, start):
    server = start("--shard-limit", "2", "--account-shard-limit", "3")
    here, there = (client(server, key, region) for region in ["us-east-1", "eu-west-1"])
    name = streams.create(here, 2)
    streams.create(there)
    with refused("LimitExceededException", "in us-east-1"):
        here.create_stream(StreamName="s", ShardCount=1)
    with refused("LimitExceededException", "in all Regions"):
        there.create_stream(StreamName="s", ShardCount=1)
    with refused("LimitExceededException", "in all Regions"):
        there.split_shard(StreamName=there.list_streams()["StreamNames"][0], ShardToSplit="0",
                          NewStartingHashKey=str(2 ** 127))
    here.delete_stream(StreamName=name)
    streams.wait_gone(here, name)
    streams.create(there)


def test_on_demand_streams_have_one_limit_over_all_regions(key, start):
    server = start("--account-on-demand-limit", "1")
    client(server, key, "us-east-1").create_stream(StreamName="here")
    with refused("LimitExceededException", "in all Regions. Current On-Demand streams count: 1. "
                                           "Limit: 1."):
        client(server, key, "eu-west-1").create_stream(StreamName="there")


def test_streams_of_a_region_that_was_taken_from_the_list_are_named_at_the_start(key, start):
    server = start("--regions", "aws,here")
    streams.create(client(server, key, "here"))
    server.terminate()
    again = start(data_dir=server.data_dir)
    assert "not listed" in again.log() and "regions=\"here\"" in again.log()
    with refused("InvalidSignatureException", "valid region"):
        client(again, key, "here").list_streams()


def test_without_credentials_another_region_is_the_default_one(start_server):
    server = start_server("--transition-ms", "0")
    name = streams.create(server.client(region="nowhere"))
    assert server.client().list_streams()["StreamNames"] == [name]
