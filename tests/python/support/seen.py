"""Which errors the tests have seen of which operation, and which of the model's are missing."""

import json

_seen = set()

# Names on the wire that are not the model's.
_MODEL_NAMES = {"InternalFailure": "InternalFailureException"}


def note(operation, error):
    _seen.add((operation, _MODEL_NAMES.get(error, error)))


def watch(client):
    """Notes the errors that a boto3 client gets."""
    def after_call(parsed, model, **_):
        if "Error" in parsed:
            note(model.name, parsed["Error"]["Code"])

    client.meta.events.register("after-call.kinesis", after_call)
    return client


def missing():
    """The errors that the model gives an operation and no test has met."""
    from .model import OPERATIONS, SERVICE  # it needs the server, which needs this

    return [
        f"{operation}: {shape.name}"
        for operation in OPERATIONS
        for shape in SERVICE.operation_model(operation).error_shapes
        if (operation, shape.name) not in _seen
    ]


def write(path):
    with open(path, "w") as file:
        json.dump({"seen": sorted(_seen), "missing": missing()}, file, indent=1)
