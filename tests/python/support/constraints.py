"""Derives from botocore's model, for every member of an operation, values that break it.

A case is (path in the request, bad value, expected items). An expected item is the set of texts
that count as right, because the service is known to print some of them in two forms.
"""

import copy
import re

from .model import input_shape, lower_first, valid_request

NOT_TESTED = {
    # The body would have to be larger than any body that is accepted.
    ("PutRecords", "Records.Data", "max"),
}

# A value that passes length but not pattern, chosen to print unambiguously.
BAD_FOR_PATTERN = {
    "[a-zA-Z0-9_.-]+": "no spaces",
    "^(0|([1-9]\\d{0,128}))$": "007",
    "^(0|([1-9]\\d{0,38}))$": "-1",
    "arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+": "arn:aws:kinesis:x:12:stream/y",
    "arn:aws.*:kinesis:.*:\\d{12}:.*(stream|channel|queue)/\\S+": "arn:aws:kinesis:x:12:stream/y",
    "[a-z0-9]{20}-[a-z0-9]{3}": "no-id",
    "^(arn):aws.*:kinesis:.*:\\d{12}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/[a-zA-Z0-9_.-]+:[0-9]+":
        "arn:aws:kinesis:us-east-1:123456789012:stream/y/consumer/c",
}


def printed(value):
    """How a text shows a value: null bare, everything else in single quotes."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "'{" + ", ".join(sorted(f"{k}={v}" for k, v in value.items())) + "}'"
    if isinstance(value, list):
        return "'[" + ", ".join(map(str, value)) + "]'"
    return f"'{value}'"


# Of values a message shows so much (docs/compatibility.md, "long values in messages").
SHOWN_BYTES_MAX = 8192


def item(value, path, rule, value_less=False):
    text = printed(value)
    if isinstance(value, str) and len(value) > SHOWN_BYTES_MAX:
        text = printed(value[:SHOWN_BYTES_MAX] + "...")
    texts = {f"Value {text} at '{path}' failed to satisfy constraint: {rule}"}
    if value_less:
        texts.add(f"Value at '{path}' failed to satisfy constraint: {rule}")
    return texts


def pattern_rules(pattern):
    """The anchored form of the model or the bare form of older captures."""
    rules = {pattern}
    if pattern.startswith("^(") and pattern.endswith(")$"):
        rules.add(pattern[2:-2])
    return [f"Member must satisfy regular expression pattern: {rule}" for rule in rules]


def pattern_item(value, path, pattern):
    return set().union(*(item(value, path, rule) for rule in pattern_rules(pattern)))


def length(bound, number):
    word = {"min": "greater", "max": "less"}[bound]
    return f"Member must have length {word} than or equal to {number}"


def value_rule(bound, number):
    word = {"min": "greater", "max": "less"}[bound]
    return f"Member must have value {word} than or equal to {number}"


def members(operation):
    """(path of names, shape, required) of every input member, with list elements inlined."""
    def walk(prefix, shape):
        for name, member in shape.members.items():
            path = (*prefix, name)
            yield path, member, name in shape.required_members
            if member.type_name == "structure":
                yield from walk(path, member)
            elif member.type_name == "list" and member.member.type_name == "structure":
                yield from walk((*path, 0), member.member)

    shape = input_shape(operation)
    return list(walk((), shape)) if shape is not None else []


def text_path(path):
    words = []
    for part in path:
        words.append(f"{part + 1}.member" if isinstance(part, int) else lower_first(part))
    return ".".join(words)


# What a structure needs beside the member that is broken.
BESIDE = {"ShardFilter": {"Type": "AT_LATEST"}}


def with_value(request, path, value):
    """A copy of the request with this value at the path; None leaves it out."""
    request = copy.deepcopy(request)
    if len(path) > 1 and path[0] in BESIDE:
        request.setdefault(path[0], dict(BESIDE[path[0]]))
    target = request
    for part, following in zip(path, path[1:]):
        if isinstance(part, int):
            while len(target) <= part:
                target.append({})
            target = target[part]
        else:
            target = target.setdefault(part, [] if isinstance(following, int) else {})
    if value is None:
        target.pop(path[-1], None)
    else:
        target[path[-1]] = value
    return request


def cases(operation):
    """Every single-member violation: (name, request, list of expected items)."""
    for path, shape, required in members(operation):
        dotted = ".".join(part for part in path if isinstance(part, str))
        where = text_path(path)
        for label, bad, expected in violations(shape, where, required):
            if (operation, dotted, label) in NOT_TESTED:
                continue
            request = with_value(valid_request(operation), path, bad)
            yield f"{operation}-{dotted}-{label}", request, expected


def violations(shape, path, required):
    meta = shape.metadata
    if required:
        yield "required", None, [item(None, path, "Member must not be null")]
    kind = shape.type_name
    if kind in ("integer", "long"):
        yield from integer_violations(meta, path)
    elif kind == "string":
        yield from string_violations(shape, meta, path)
    elif kind == "blob":
        if "max" in meta:
            size = meta["max"] + 1
            rule = length("max", meta["max"])
            shown = f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]"
            yield "max", Blob(size), [item(shown, path, rule, value_less=True)]
    elif kind == "list":
        yield from list_violations(shape, meta, path)
    elif kind == "map":
        yield from map_violations(shape, meta, path)


class Blob:
    """Stands for so many bytes until the request is written."""

    def __init__(self, size):
        self.size = size


def integer_violations(meta, path):
    for bound, step in (("min", -1), ("max", 1)):
        if bound in meta:
            bad = meta[bound] + step
            yield bound, bad, [item(bad, path, value_rule(bound, meta[bound]))]


def string_violations(shape, meta, path):
    pattern = meta.get("pattern")
    if shape.enum:
        yield "enum", "NONE_OF_THESE", [enum_item("NONE_OF_THESE", path)]
        return
    if meta.get("min", 0) >= 1:
        expected = [item("", path, length("min", meta["min"]))]
        if pattern:
            expected.append(pattern_item("", path, pattern))
        yield "min", "", expected
    if "max" in meta:
        bad = fitting(pattern, meta["max"] + 1)
        expected = [item(bad, path, length("max", meta["max"]))]
        if pattern and not re.fullmatch(pattern, bad):
            expected.append(pattern_item(bad, path, pattern))
        yield "max", bad, expected
    if pattern:
        bad = BAD_FOR_PATTERN[pattern]
        yield "pattern", bad, [pattern_item(bad, path, pattern)]


def fitting(pattern, size):
    """A text of this length that satisfies the pattern, where one exists."""
    if pattern and pattern.startswith("arn:"):
        head = "arn:aws:kinesis:us-east-1:123456789012:stream/"
        return head + "x" * (size - len(head))
    if pattern and "consumer" in pattern:
        head = "arn:aws:kinesis:us-east-1:123456789012:stream/s/consumer/c:"
        return head + "1" * (size - len(head))
    return "x" * size


def enum_item(value, path):
    """Values are listed in no known order, so the list is left open; see `matches`."""
    return {f"Value '{value}' at '{path}' failed to satisfy constraint: "
            "Member must satisfy enum value set: [...]"}


def list_violations(shape, meta, path):
    element = shape.member
    of_structures = element.type_name == "structure"
    if "min" in meta:
        yield "min", [], [item([], path, length("min", meta["min"]), value_less=True)]
    if "max" in meta:
        count = meta["max"] + 1
        if of_structures:
            bad = [{"Data": "eA==", "PartitionKey": "k"}] * count
            text = f"Value ... at '{path}' failed to satisfy constraint: "
            yield "max", bad, [{text + length("max", meta["max"])}]
        else:
            values = element.enum or [f"k{index}" for index in range(count)]
            bad = [values[index % len(values)] for index in range(count)]
            yield "max", bad, [item(bad, path, length("max", meta["max"]), value_less=True)]
    if element.type_name == "string" and "max" in element.metadata:
        rule = element_rule("Member must satisfy constraint", element.metadata)
        for label, bad in (("element-min", [""]), (
                "element-max", ["x" * (element.metadata["max"] + 1)])):
            yield label, bad, [item(bad, path, rule, value_less=True)]


def map_violations(shape, meta, path):
    if "min" in meta:
        yield "min", {}, [item({}, path, length("min", meta["min"]), value_less=True)]
    if "max" in meta:
        bad = {f"k{index}": "v" for index in range(meta["max"] + 1)}
        yield "max", bad, [item(bad, path, length("max", meta["max"]), value_less=True)]
    keys = element_rule("Map keys must satisfy constraint", shape.key.metadata)
    for label, bad in (("key-min", {"": "v"}), (
            "key-max", {"x" * (shape.key.metadata["max"] + 1): "v"})):
        yield label, bad, [item(bad, path, keys, value_less=True)]
    bad = {"k": "x" * (shape.value.metadata["max"] + 1)}
    values = element_rule("Map value must satisfy constraint", shape.value.metadata)
    yield "value-max", bad, [item(bad, path, values, value_less=True)]


def element_rule(head, meta):
    return f"{head}: [{length('max', meta['max'])}, {length('min', meta['min'])}]"


def normalised(text):
    """The parts of an item that have no known order, made comparable."""
    text = re.sub(r"enum value set: \[[A-Z_, ]+\]", "enum value set: [...]", text)
    return re.sub(r"^Value '\{(.*)\}' at ", _sort_entries, text)


def _sort_entries(match):
    return "Value '{" + ", ".join(sorted(match[1].split(", "))) + "}' at "


def matches(text, accepted):
    text = normalised(text)
    if text in accepted:
        return True
    # A list of structures prints references, or no value at all.
    loose = re.sub(r"^Value( '\[.*?\]')? at ", "Value ... at ", text, flags=re.DOTALL)
    return loose in accepted
