"""Fan-out consumers: registering, describing, listing, deregistering."""

import datetime

import pytest

from support import streams
from support.server import ACCOUNT, arn, poll
from support.streams import refused


def register(client, stream, name, **options):
    return client.register_stream_consumer(
        StreamARN=arn(stream), ConsumerName=name, **options)["Consumer"]


def describe(client, **naming):
    return client.describe_stream_consumer(**naming)["ConsumerDescription"]


def wait_active(client, consumer):
    poll(lambda: describe(client, ConsumerARN=consumer)["ConsumerStatus"] == "ACTIVE")


def names(client, stream, **arguments):
    found = client.list_stream_consumers(StreamARN=arn(stream), **arguments)
    return [consumer["ConsumerName"] for consumer in found["Consumers"]]


def count(client, stream):
    return client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"][
        "ConsumerCount"]


def not_found(named):
    return refused("ResourceNotFoundException", f"Consumer {named}, account {ACCOUNT} not found.")


@pytest.fixture
def stream(client):
    """A new stream that goes with its consumers."""
    name = streams.create(client)
    yield name
    client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


def test_a_consumer_from_its_beginning_to_its_end(client, stream):
    made = register(client, stream, "c", Tags={"team": "blue"})
    assert made["ConsumerName"] == "c" and made["ConsumerStatus"] == "CREATING"
    created = made["ConsumerCreationTimestamp"]
    epoch = int(created.timestamp())
    assert abs(created - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(seconds=30)
    assert made["ConsumerARN"] == f"{arn(stream)}/consumer/c:{epoch}"
    expected = {**made, "ConsumerStatus": "ACTIVE", "StreamARN": arn(stream)}
    wait_active(client, made["ConsumerARN"])
    for naming in [
            {"ConsumerARN": made["ConsumerARN"]},
            {"StreamARN": arn(stream), "ConsumerName": "c"},
            {"StreamARN": arn(stream), "ConsumerName": "c", "ConsumerARN": made["ConsumerARN"]}]:
        assert describe(client, **naming) == expected
    assert names(client, stream) == ["c"] and count(client, stream) == 1
    client.deregister_stream_consumer(ConsumerARN=made["ConsumerARN"])
    with not_found(made["ConsumerARN"]):
        describe(client, ConsumerARN=made["ConsumerARN"])
    with not_found("c"):
        describe(client, StreamARN=arn(stream), ConsumerName="c")
    assert names(client, stream) == [] and count(client, stream) == 0


def test_states_are_passed_through(start_server):
    client = start_server("--transition-ms", "60000").client()
    name = streams.unique()
    client.create_stream(StreamName=name, ShardCount=1)
    text = f"Stream {name} under account {ACCOUNT} not ACTIVE, instead in state CREATING"
    with refused("ResourceInUseException", text):
        register(client, name, "c")


def test_a_consumer_that_goes_is_deleting_until_it_is_gone(start_server):
    server = start_server("--transition-ms", "0")
    client = server.client()
    name = streams.create(client)
    register(client, name, "c")
    server.terminate()
    server.flags = ["--transition-ms", "60000"]
    client = server.start().client()
    made = register(client, name, "d")
    assert describe(client, ConsumerARN=made["ConsumerARN"])["ConsumerStatus"] == "CREATING"
    client.deregister_stream_consumer(StreamARN=arn(name), ConsumerName="c")
    found = describe(client, StreamARN=arn(name), ConsumerName="c")
    assert found["ConsumerStatus"] == "DELETING" and count(client, name) == 2
    client.deregister_stream_consumer(ConsumerARN=found["ConsumerARN"])
    with refused("ResourceInUseException"):
        register(client, name, "c")


def test_a_name_is_taken_once_and_registered_again_with_another_arn(client, stream):
    former = set()
    for _ in range(4):
        made = register(client, stream, "c")["ConsumerARN"]
        assert made not in former
        former.add(made)
        text = f"Consumer c under stream {stream} under account {ACCOUNT} already exists."
        with refused("ResourceInUseException", text):
            register(client, stream, "c")
        client.deregister_stream_consumer(StreamARN=arn(stream), ConsumerName="c")
    register(client, stream, "c")
    for old in former:
        with not_found(old):
            describe(client, ConsumerARN=old)
        with not_found(old):
            client.deregister_stream_consumer(ConsumerARN=old)


def test_twenty_consumers_and_no_more(start_server):
    client = start_server("--transition-ms", "0").client()
    name = streams.create(client)
    for index in range(20):
        register(client, name, f"c{index}")
    with refused("LimitExceededException"):
        register(client, name, "one-more")
    client.deregister_stream_consumer(StreamARN=arn(name), ConsumerName="c7")
    register(client, name, "one-more")


def test_five_in_creation_and_no_more(start_server):
    server = start_server("--transition-ms", "0")
    name = streams.create(server.client())
    server.terminate()
    server.flags = ["--transition-ms", "60000"]
    client = server.start().client()
    for index in range(5):
        register(client, name, f"c{index}")
    with refused("LimitExceededException"):
        register(client, name, "one-more")


def test_the_limits_can_be_lifted(client, stream):
    for index in range(25):
        register(client, stream, f"c{index:02}")
    pages = client.get_paginator("list_stream_consumers").paginate(
        StreamARN=arn(stream), PaginationConfig={"PageSize": 7})
    pages = [[c["ConsumerName"] for c in page["Consumers"]] for page in pages]
    assert [len(page) for page in pages] == [7, 7, 7, 4]
    assert sum(pages, []) == [f"c{index:02}" for index in range(25)]


def test_tokens_of_lists(client, stream, make_stream):
    for name in "abc":
        register(client, stream, name)
    page = client.list_stream_consumers(StreamARN=arn(stream), MaxResults=2)
    token = page["NextToken"]
    assert names(client, stream, NextToken=token) == ["c"]
    assert "NextToken" not in client.list_stream_consumers(StreamARN=arn(stream), MaxResults=3)
    for bad in ["x", token[:-4], token.swapcase()]:
        with refused("InvalidArgumentException", "Invalid NextToken."):
            names(client, stream, NextToken=bad)
    with refused("InvalidArgumentException"):
        names(client, make_stream(), NextToken=token)
    created = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"][
        "StreamCreationTimestamp"]
    assert names(client, stream, StreamCreationTimestamp=created) == ["a", "b", "c"]
    with refused("InvalidArgumentException",
                 "NextToken and StreamCreationTimestamp cannot be provided together."):
        names(client, stream, NextToken=token, StreamCreationTimestamp=created)
    with refused("ResourceNotFoundException"):
        names(client, stream, StreamCreationTimestamp=created - datetime.timedelta(days=1))


def test_streams_with_consumers_are_deleted_only_when_told_so(client):
    name = streams.create(client)
    made = register(client, name, "c")["ConsumerARN"]
    text = (f"DeleteStream can't delete {ACCOUNT}:{name} because there are consumers associated "
            f"with this data stream. To delete {name} anyway, set the EnforceConsumerDeletion "
            "parameter to true to force the deletion of all the consumers that are associated "
            "with it.")
    for options in [{}, {"EnforceConsumerDeletion": False}]:
        with refused("ResourceInUseException", text):
            client.delete_stream(StreamName=name, **options)
    client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    streams.wait_gone(client, name)
    with not_found(made):
        describe(client, ConsumerARN=made)
    streams.create(client, name=name)
    assert names(client, name) == []
    client.delete_stream(StreamName=name)


def test_what_does_not_name_a_consumer(client, stream):
    made = register(client, stream, "c")["ConsumerARN"]
    for call in [client.describe_stream_consumer, client.deregister_stream_consumer]:
        # As the service spells it.
        text = "Both streamARN and consumer name must be provided if consumerARN is not provied."
        for naming in [{}, {"StreamARN": arn(stream)}, {"ConsumerName": "c"}]:
            with refused("InvalidArgumentException", text):
                call(**naming)
        with refused("InvalidArgumentException"):
            call(ConsumerARN=made, ConsumerName="d")
        with refused("InvalidArgumentException"):
            call(ConsumerARN=made, StreamARN=arn("other"))
        with refused("ValidationException"):
            call(ConsumerARN=made.rsplit(":", 1)[0])
        with not_found("d"):
            call(StreamARN=arn(stream), ConsumerName="d")
        with not_found("c"):
            call(StreamARN=arn("missing"), ConsumerName="c")
        with refused("InvalidArgumentException"):
            call(ConsumerARN=made.replace("arn:aws:", "arn:aws-cn:"))
        elsewhere = made.replace("us-east-1", "eu-west-1")
        with not_found(elsewhere):
            call(ConsumerARN=elsewhere)
        with refused("AccessDeniedException"):
            call(ConsumerARN=made.replace(ACCOUNT, "999999999999"))
        with refused("AccessDeniedException"):
            call(StreamARN=arn(stream, account="999999999999"), ConsumerName="c")
    text = f"Stream missing under account {ACCOUNT} not found."
    with refused("ResourceNotFoundException", text):
        register(client, "missing", "c")
    with refused("ResourceNotFoundException", text):
        names(client, "missing")


def test_tags_of_a_registration_are_checked(client, stream):
    with refused("InvalidArgumentException"):
        register(client, stream, "c", Tags={"a!": "v"})
    with refused("InvalidArgumentException"):
        register(client, stream, "c", Tags={"aws:mine": "v"})
    with refused("InvalidArgumentException"):
        register(client, stream, "c", Tags={f"k{index}": "v" for index in range(51)})
    assert names(client, stream) == []


def test_consumers_survive_a_kill(start_server):
    server = start_server("--transition-ms", "0")
    client = server.client()
    name = streams.create(client)
    kept = register(client, name, "kept")
    register(client, name, "gone")
    client.deregister_stream_consumer(StreamARN=arn(name), ConsumerName="gone")
    server.kill()
    client = server.start().client()
    found = client.list_stream_consumers(StreamARN=arn(name))["Consumers"]
    assert found == [{**kept, "ConsumerStatus": "ACTIVE"}]
