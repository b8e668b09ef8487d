"""What a wrong type answers, for every member of every operation."""

import json

import pytest

from support import constraints, model, raw

BIG_NUMBER = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"
LIST_FOUND = "Start of list found where not expected"
MAP_FOUND = "Start of structure or map found where not expected."
ARTICLE = {"String": "an String", "Integer": "an Integer", "Long": "an Long", "Blob": "a Blob"}


def scalar(kind):
    """Wrong JSON values for a scalar and the text that each gets."""
    cases = [([], LIST_FOUND), (["x"], LIST_FOUND), ({}, MAP_FOUND), ({"a": 1}, MAP_FOUND)]
    if kind == "timestamp":
        target = "milliseconds since epoch"
        return cases + [
            ("2024-01-01T00:00:00Z", f"class java.lang.String can not be converted to {target}"),
            (True, f"class java.lang.Boolean can not be converted to {target}")]
    if kind == "boolean":
        return cases + [
            ("maybe", "'MAYBE' can not be converted to an Boolean"),
            (7, f"{BIG_NUMBER} can not be converted to an Boolean")]
    target = ARTICLE[kind.capitalize()]
    cases.append((True, f"class java.lang.Boolean can not be converted to {target}"))
    if kind in ("integer", "long"):
        cases.append(("1", f"class java.lang.String can not be converted to {target}"))
    else:
        cases.append((1, f"{BIG_NUMBER} can not be converted to {target}"))
        cases.append((1.5, f"{BIG_NUMBER} can not be converted to {target}"))
    return cases


def composite(kind):
    if kind == "list":
        return [("x", "Expected list or null"), (1, "Expected list or null"),
                (True, "Expected list or null"), ({}, MAP_FOUND)]
    word = {"map": "Expected map or null", "structure": "Expected null"}[kind]
    return [("x", word), (1, word), (False, word), ([], LIST_FOUND)]


def wrong_values(kind):
    return composite(kind) if kind in ("list", "map", "structure") else scalar(kind)


def parts(shape):
    """Inside lists and maps the same rules hold for each element."""
    if shape.type_name == "list":
        return [(lambda value: [value], shape.member)]
    if shape.type_name == "map":
        return [(lambda value: {"k": value}, shape.value)]
    return []


def collect():
    for operation in model.OPERATIONS:
        for path, shape, _ in constraints.members(operation):
            dotted = ".".join(map(str, path))
            for index, (value, text) in enumerate(wrong_values(shape.type_name)):
                yield f"{operation}-{dotted}-{index}", operation, path, value, text
            for wrap, inner in parts(shape):
                for index, (value, text) in enumerate(wrong_values(inner.type_name)):
                    yield (f"{operation}-{dotted}-element{index}", operation, path, wrap(value),
                           text)


ALL = list(collect())


@pytest.mark.parametrize("operation,path,value,text", [case[1:] for case in ALL],
                         ids=[case[0] for case in ALL])
def test_a_wrong_type(server, operation, path, value, text):
    request = constraints.with_value(model.valid_request(operation), path, value)
    reply = raw.call(server, operation, request)
    assert (reply.status, reply.json) == (
        400, {"__type": "SerializationException", "Message": text})


@pytest.mark.parametrize("value,text", [
    ("eA=", "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
    ("e", "Base64 encoded length is expected a multiple of 4 bytes but found: 1"),
    ("=aaa", "Invalid Base64 character: '='"),
    ("aa*a", "Invalid Base64 character: '*'"),
    ("eA-_", "Invalid Base64 character: '-'"),
    ("eB==", "Invalid last non-pad Base64 character dectected"),
    ("eAB=", "Invalid last non-pad Base64 character dectected"),
])
def test_bad_base64(server, value, text):
    message = f"'{value}' can not be converted to a Blob: {text}"
    for operation, request in (
        ("PutRecord", {"StreamName": "s", "PartitionKey": "k", "Data": value}),
        ("PutRecords", {"StreamName": "s", "Records": [{"PartitionKey": "k", "Data": value}]}),
    ):
        reply = raw.call(server, operation, request)
        assert (reply.status, reply.json) == (
            400, {"__type": "SerializationException", "Message": message})


@pytest.mark.parametrize("value", ["true", "false", "1", "0", "yes", "no", "TRUE"])
def test_texts_that_are_booleans(server, value):
    reply = raw.call(server, "DeleteStream", {
        "StreamName": "not-there", "EnforceConsumerDeletion": value})
    assert reply.error[0] == "ResourceNotFoundException"


def test_types_come_before_constraints(server):
    reply = raw.call(server, "CreateStream", {"StreamName": "", "ShardCount": "x"})
    assert reply.error[0] == "SerializationException"


def test_escapes_in_texts_are_decoded(server, client, stream):
    body = json.dumps({"StreamName": stream, "Data": "eA==", "PartitionKey": "ä\U0001f9c0\n\"\\"})
    body = body.replace("StreamName", "\\u0053treamName").replace("eA==", "eA\\u003d=")
    assert raw.send(server, body.encode(), "PutRecord").status == 200
    position = client.get_shard_iterator(
        StreamName=stream, ShardId="0", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    record, = client.get_records(ShardIterator=position)["Records"]
    assert (record["Data"], record["PartitionKey"]) == (b"x", "ä\U0001f9c0\n\"\\")
