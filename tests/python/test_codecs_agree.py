"""JSON and CBOR are two forms of one request: whatever the operation, the answer is the same."""

import base64
import copy
import uuid

import pytest

from support import model, raw

# Its answer is an event stream, in JSON even for those who ask in CBOR.
OPERATIONS = [o for o in model.OPERATIONS if o != "SubscribeToShard"]


def to_cbor(value):
    """A valid JSON request as CBOR: blobs are bytes there."""
    value = copy.deepcopy(value)
    for record in [value, *value.get("Records", [])]:
        if isinstance(record, dict) and isinstance(record.get("Data"), str):
            record["Data"] = base64.b64decode(record["Data"])
    return value


def both(server, operation, request):
    as_json = raw.call(server, operation, request)
    as_cbor = raw.call_cbor(server, operation, to_cbor(request))
    assert as_cbor.headers["content-type"] == raw.CBOR
    return as_json, as_cbor


@pytest.mark.parametrize("operation", OPERATIONS)
def test_errors_are_the_same(server, operation):
    as_json, as_cbor = both(server, operation, model.valid_request(operation, f"codecs-{operation}"))
    if as_json.status == 200 and operation == "CreateStream":
        assert as_cbor.error[0] == "ResourceInUseException"
    elif as_json.status == 200:
        assert as_cbor.status == 200
    else:
        assert (as_cbor.status, as_cbor.error) == (as_json.status, as_json.error)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_wrong_member_is_refused_in_the_same_words(server, operation):
    members = model.input_shape(operation).members if model.input_shape(operation) else {}
    for name in members:
        as_json, as_cbor = both(server, operation, {name: [{}]})
        assert as_json.status == as_cbor.status == 400
        assert as_json.error == as_cbor.error, name


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.startswith(("Describe", "List"))])
def test_answers_have_the_same_members(server, client, operation):
    name = f"codecs-{uuid.uuid4().hex[:12]}"
    client.create_stream(StreamName=name, ShardCount=2)
    client.get_waiter("stream_exists").wait(StreamName=name)
    as_json, as_cbor = both(server, operation, model.valid_request(operation, name))
    if as_json.status == 200:
        assert members(as_json.json) == members(as_cbor.cbor)
    client.delete_stream(StreamName=name)


def members(value):
    """The names of all members, whatever their values."""
    if isinstance(value, dict):
        return {name: members(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [members(inner) for inner in value]
    return None
