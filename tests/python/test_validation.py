"""Every constraint of every operation, derived from the published model; one and several at once.

The order of the items and the order of enum values are not fixed by AWS, so both are compared as
sets.
"""

import json
import re

import pytest

from support import constraints, model, raw, streams

HEAD = re.compile(r"(\d+) validation (errors?) detected: (.*)", re.DOTALL)
ITEM = re.compile(r"; (?=Value (?:null|at|'))")


def encode(value):
    return json.dumps(value, default=lambda blob: raw.b64(b"x" * blob.size)).encode()


def items(reply):
    assert reply.status == 400, reply
    code, message = reply.error
    assert code == "ValidationException", reply.error
    match = HEAD.fullmatch(message)
    assert match, message[:300]
    found = ITEM.split(match[3])
    assert int(match[1]) == len(found), message[:1000]
    assert match[2] == ("error" if len(found) == 1 else "errors")
    return found


def compare(found, expected):
    missing = [accepted for accepted in expected
               if not any(constraints.matches(text, accepted) for text in found)]
    surplus = [text for text in found
               if not any(constraints.matches(text, accepted) for accepted in expected)]
    short = [[text[:300] for text in sorted(accepted)] for accepted in missing]
    assert (short, [text[:300] for text in surplus]) == ([], [])


ALL = [case for operation in model.OPERATIONS for case in constraints.cases(operation)]


@pytest.mark.parametrize("name,request_body,expected", ALL, ids=[case[0] for case in ALL])
def test_each_constraint_alone(server, name, request_body, expected):
    operation = name.split("-")[0]
    reply = raw.send(server, encode(request_body), operation)
    compare(items(reply), expected)


@pytest.mark.parametrize("operation", sorted({case[0].split("-")[0] for case in ALL}))
def test_all_members_broken_at_once(server, operation):
    broken, request, expected = set(), model.valid_request(operation), []
    for path, shape, required in constraints.members(operation):
        if any(path[:len(done)] == done for done in broken):
            continue
        found = list(constraints.violations(shape, constraints.text_path(path), required))
        found = [v for v in found if v[1] is not None and v[0] != "max"]
        if found and not has_parts(shape):
            broken.add(path)
            request = constraints.with_value(request, path, found[0][1])
            expected += found[0][2]
    found = items(raw.send(server, encode(request), operation))
    assert len(found) == min(10, len(expected))
    surplus = [text for text in found
               if not any(constraints.matches(text, accepted) for accepted in expected)]
    assert surplus == []


def has_parts(shape):
    return shape.type_name == "list" and shape.member.type_name == "structure"


def test_at_most_ten_items_are_listed(server):
    body = {"StreamName": "s", "Records": [{"Data": "eA==", "PartitionKey": ""}] * 25}
    found = items(raw.call(server, "PutRecords", body))
    assert len(found) == 10
    for text in found:
        assert re.fullmatch(
            r"Value '' at 'records\.\d+\.member\.partitionKey' failed to satisfy constraint: "
            r"Member must have length greater than or equal to 1", text)


def test_an_arn_in_place_of_a_name_prints_the_documented_text(server):
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/x"
    reply = raw.call(server, "DescribeStream", {"StreamName": arn})
    assert reply.error == (
        "ValidationException",
        f"1 validation error detected: Value '{arn}' at 'streamName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")


def test_the_enum_of_iterator_types_is_listed_whole(server):
    reply = raw.call(server, "GetShardIterator", {
        "StreamName": "s", "ShardId": "0", "ShardIteratorType": "LATER"})
    text, = items(reply)
    values = re.search(r"enum value set: \[(.*)\]$", text)[1].split(", ")
    assert sorted(values) == sorted(
        model.input_shape("GetShardIterator").members["ShardIteratorType"].enum)


def test_a_number_above_the_range_of_integers_is_clamped_first(server):
    reply = raw.call(server, "ListStreams", {"Limit": 2**40})
    assert reply.error == (
        "ValidationException",
        "1 validation error detected: Value '2147483647' at 'limit' failed to satisfy constraint: "
        "Member must have value less than or equal to 10000")


def test_fractions_are_truncated(server, client):
    name = streams.create(client, 3)
    reply = raw.call(server, "DescribeStream", {"StreamName": name, "Limit": 2.9})
    assert len(reply.json["StreamDescription"]["Shards"]) == 2
    client.delete_stream(StreamName=name)


def test_null_is_absence(server):
    reply = raw.call(server, "DescribeStream", {"StreamName": "missing-one", "Limit": None,
                                                "ExclusiveStartShardId": None})
    assert reply.error[0] == "ResourceNotFoundException"


def test_unknown_members_are_ignored(server):
    reply = raw.call(server, "DescribeLimits", {"Surprise": {"a": [1, {"b": None}]}})
    assert reply.status == 200


def test_the_same_constraints_hold_on_cbor(server):
    for body, expected in [
        ({}, "Value null at 'data' failed to satisfy constraint: Member must not be null"),
        ({"Data": b"x", "PartitionKey": ""}, "Value '' at 'partitionKey' failed to satisfy "
         "constraint: Member must have length greater than or equal to 1"),
    ]:
        reply = raw.call_cbor(server, "PutRecord", {"StreamName": "s", **body})
        assert reply.status == 400 and reply.headers["content-type"] == raw.CBOR
        assert expected in reply.error[1]
