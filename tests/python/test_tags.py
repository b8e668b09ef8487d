"""Tags of streams."""

import pytest

from support.server import ACCOUNT
from support.streams import refused


def tags(client, name, **arguments):
    found = client.list_tags_for_stream(StreamName=name, **arguments)
    return [(tag["Key"], tag["Value"]) for tag in found["Tags"]], found["HasMoreTags"]


def test_tags_are_added_replaced_and_removed(client, stream):
    assert tags(client, stream) == ([], False)
    client.add_tags_to_stream(StreamName=stream, Tags={"b": "1", "a": "", "B": "x"})
    client.add_tags_to_stream(StreamName=stream, Tags={"b": "2"})
    assert tags(client, stream) == ([("B", "x"), ("a", ""), ("b", "2")], False)
    client.remove_tags_from_stream(StreamName=stream, TagKeys=["a", "unknown"])
    assert tags(client, stream) == ([("B", "x"), ("b", "2")], False)


def test_pages_are_in_key_order(client, stream):
    keys = [f"k{index:02}" for index in range(50)]
    client.add_tags_to_stream(StreamName=stream, Tags={key: "v" for key in keys})
    page, more = tags(client, stream, Limit=20)
    assert ([key for key, _ in page], more) == (keys[:20], True)
    page, more = tags(client, stream, ExclusiveStartTagKey="k19", Limit=50)
    assert ([key for key, _ in page], more) == (keys[20:], False)
    page, more = tags(client, stream, ExclusiveStartTagKey="k195", Limit=1)
    assert ([key for key, _ in page], more) == (["k20"], True)
    page, more = tags(client, stream, Limit=50)
    assert ([key for key, _ in page], more) == (keys, False)


def test_fifty_tags_and_no_more(client, stream):
    client.add_tags_to_stream(StreamName=stream, Tags={f"k{index}": "v" for index in range(50)})
    client.add_tags_to_stream(StreamName=stream, Tags={"k7": "replaced"})
    text = (f"Failed to add tags to stream {stream} under account {ACCOUNT} because a given stream "
            "cannot have more than 50 tags associated with it.")
    with refused("InvalidArgumentException", text):
        client.add_tags_to_stream(StreamName=stream, Tags={"one more": "v"})
    assert ("one more", "v") not in tags(client, stream)[0]


@pytest.mark.parametrize("key,value", [
    ("Letters äß漢字 09", "white\u00a0\u3000 space"), ("_.:/=+-@", "_.:/=+-@"), ("k" * 128, "v" * 256)])
def test_every_legal_character_passes(client, stream, key, value):
    client.add_tags_to_stream(StreamName=stream, Tags={key: value})
    assert tags(client, stream)[0] == [(key, value)]
    client.remove_tags_from_stream(StreamName=stream, TagKeys=[key])
    assert tags(client, stream)[0] == []


@pytest.mark.parametrize("bad", [
    "a!b", "a;b", "a*b", "a\u2603b", "a\tb", "a\nb", "a\r", "\x00", "a\x7fb", "a\x85b"])
def test_other_characters_are_refused(client, stream, bad):
    text = ("Some tags contain invalid characters. Valid characters: Unicode letters, digits, white "
            "space, _ . / = + - % @.")
    with refused("InvalidArgumentException", text):
        client.add_tags_to_stream(StreamName=stream, Tags={bad: "v"})
    with refused("InvalidArgumentException", text):
        client.add_tags_to_stream(StreamName=stream, Tags={"k": bad})
    with refused("InvalidArgumentException", text):
        client.remove_tags_from_stream(StreamName=stream, TagKeys=[bad])
    for tags_of_new in [{bad: "v"}, {"k": bad}]:
        with refused("InvalidArgumentException", text):
            client.create_stream(StreamName="never-made", Tags=tags_of_new)
    assert tags(client, stream)[0] == []


def test_the_percent_sign_fails_the_second_check(client, stream):
    text = ("Failed to {} stream {} under account {} because some tags contained illegal "
            "characters. The allowed characters are Unicode letters, white-spaces, "
            "'_',',','/','=','+','-','@'.")
    with refused("InvalidArgumentException", text.format("add tags to", stream, ACCOUNT)):
        client.add_tags_to_stream(StreamName=stream, Tags={"a%b": "v"})
    with refused("InvalidArgumentException", text.format("remove tags from", stream, ACCOUNT)):
        client.remove_tags_from_stream(StreamName=stream, TagKeys=["a%b"])


def test_the_reserved_prefix_is_refused(client, stream):
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.add_tags_to_stream(StreamName=stream, Tags={"aws:mine": "v"})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
