"""Tags by ARN: TagResource, UntagResource, ListTagsForResource."""

import pytest

from support import streams
from support.server import ACCOUNT, arn, poll
from support.streams import refused


def tags(client, resource):
    return {tag["Key"]: tag["Value"]
            for tag in client.list_tags_for_resource(ResourceARN=resource)["Tags"]}


def test_tags_are_added_replaced_listed_and_removed(client, stream):
    resource = arn(stream)
    assert tags(client, resource) == {}
    client.tag_resource(ResourceARN=resource, Tags={"b": "1", "a": "", "B": "x"})
    client.tag_resource(ResourceARN=resource, Tags={"b": "2"})
    assert tags(client, resource) == {"B": "x", "a": "", "b": "2"}
    client.untag_resource(ResourceARN=resource, TagKeys=["a", "unknown"])
    assert tags(client, resource) == {"B": "x", "b": "2"}


def test_a_stream_has_the_same_tags_by_name_and_by_arn(client, stream):
    client.add_tags_to_stream(StreamName=stream, Tags={"by": "name"})
    client.tag_resource(ResourceARN=arn(stream), Tags={"too": "arn"})
    listed = client.list_tags_for_stream(StreamName=stream)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in listed} == tags(client, arn(stream)) == {
        "by": "name", "too": "arn"}
    client.remove_tags_from_stream(StreamName=stream, TagKeys=["too"])
    client.untag_resource(ResourceARN=arn(stream), TagKeys=["by"])
    assert tags(client, arn(stream)) == {}


def test_fifty_tags_and_no_more(client, stream):
    client.tag_resource(ResourceARN=arn(stream), Tags={f"k{index}": "v" for index in range(50)})
    assert len(tags(client, arn(stream))) == 50
    text = (f"Failed to add tags to stream {stream} under account {ACCOUNT} because a given stream "
            "cannot have more than 50 tags associated with it.")
    with refused("InvalidArgumentException", text):
        client.tag_resource(ResourceARN=arn(stream), Tags={"one more": "v"})


def test_texts_are_checked(client, stream):
    with refused("InvalidArgumentException"):
        client.tag_resource(ResourceARN=arn(stream), Tags={"a!b": "v"})
    with refused("InvalidArgumentException"):
        client.tag_resource(ResourceARN=arn(stream), Tags={"aws:mine": "v"})
    with refused("InvalidArgumentException"):
        client.untag_resource(ResourceARN=arn(stream), TagKeys=["a;b"])
    assert tags(client, arn(stream)) == {}


@pytest.mark.parametrize("control", ["\t", "\n", "\x01", "\x85"])
def test_no_text_has_a_control_character(client, stream, control):
    consumer = client.register_stream_consumer(StreamARN=arn(stream), ConsumerName="c")
    for resource in [arn(stream), consumer["Consumer"]["ConsumerARN"]]:
        for bad in [{f"a{control}b": "v"}, {"k": f"a{control}"}]:
            with refused("InvalidArgumentException"):
                client.tag_resource(ResourceARN=resource, Tags=bad)
            with refused("InvalidArgumentException"):
                client.register_stream_consumer(
                    StreamARN=arn(stream), ConsumerName="d", Tags=bad)
        with refused("InvalidArgumentException"):
            client.untag_resource(ResourceARN=resource, TagKeys=[f"a{control}b"])
        assert tags(client, resource) == {}


def test_what_is_not_there_is_not_found(client):
    missing = arn("not-there")
    text = f"Stream not-there under account {ACCOUNT} not found."
    for call, arguments in [("tag_resource", {"Tags": {"a": "b"}}),
                            ("untag_resource", {"TagKeys": ["a"]}),
                            ("list_tags_for_resource", {})]:
        with refused("ResourceNotFoundException", text):
            getattr(client, call)(ResourceARN=missing, **arguments)


@pytest.mark.parametrize("kind", ["queue", "channel"])
def test_queues_and_channels_are_not_found(client, kind):
    resource = arn("x").replace("stream/", f"{kind}/")
    with refused("ResourceNotFoundException", f"Resource {resource} not found."):
        client.list_tags_for_resource(ResourceARN=resource)


def test_tags_survive_a_kill(start_server):
    server = start_server("--transition-ms", "0")
    name = streams.create(server.client())
    server.client().tag_resource(ResourceARN=arn(name), Tags={"a": "b", "c": "d"})
    server.client().untag_resource(ResourceARN=arn(name), TagKeys=["c"])
    server.kill()
    server.start()
    assert tags(server.client(), arn(name)) == {"a": "b"}


def consumer(client, stream, name="app", **options):
    """ARN of a new consumer that is ACTIVE."""
    registered = client.register_stream_consumer(StreamARN=arn(stream), ConsumerName=name, **options)
    resource = registered["Consumer"]["ConsumerARN"]
    poll(lambda: client.describe_stream_consumer(ConsumerARN=resource)["ConsumerDescription"][
        "ConsumerStatus"] == "ACTIVE", what="consumer ACTIVE")
    return resource


def test_consumers_have_tags_of_their_own(client, stream):
    client.tag_resource(ResourceARN=arn(stream), Tags={"of": "stream"})
    resource = consumer(client, stream, Tags={"from": "registration"})
    assert tags(client, resource) == {"from": "registration"}
    client.tag_resource(ResourceARN=resource, Tags={"of": "consumer", "x": "y"})
    client.untag_resource(ResourceARN=resource, TagKeys=["from", "x"])
    assert tags(client, resource) == {"of": "consumer"}
    assert tags(client, arn(stream)) == {"of": "stream"}
    with refused("InvalidArgumentException"):
        client.tag_resource(ResourceARN=resource, Tags={f"k{index}": "" for index in range(50)})


def test_a_consumer_of_another_time_is_not_found(client, stream):
    resource = consumer(client, stream) + "0"
    with refused("ResourceNotFoundException", f"Consumer {resource}, account {ACCOUNT} not found."):
        client.list_tags_for_resource(ResourceARN=resource)
    with refused("ResourceNotFoundException"):
        client.tag_resource(ResourceARN=resource, Tags={"a": "b"})


def test_tags_of_consumers_survive_a_kill(start_server):
    server = start_server("--transition-ms", "0")
    resource = consumer(server.client(), streams.create(server.client()), Tags={"a": "b"})
    server.client().tag_resource(ResourceARN=resource, Tags={"c": "d"})
    server.kill()
    server.start()
    assert tags(server.client(), resource) == {"a": "b", "c": "d"}
