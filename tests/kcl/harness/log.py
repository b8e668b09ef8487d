"""The log of the KCL as facts: what it sent, and what it did not like."""

import re

TARGET = "Kinesis_20131202."
ENTRY = re.compile(
    r"^\d\d:\d\d:\d\d\.\d{3} (?P<level>[A-Z]+) +(?P<logger>\S+) \[[^]]*\] (?P<message>.*)")

# What the KCL also says when nothing is wrong: (end of the logger's name, part of the entry).
HARMLESS = [
    # There is neither CloudWatch here nor a container to measure.
    ("CloudWatchPublisherRunnable", "Dropping metrics"),
    ("WorkerMetricsSelector", "Did not find an operating range metadata provider"),
    # It lists the shards again only after 30 s, so it does not know the newest ones by then.
    ("ProcessTask", "Cannot get the shard for this ProcessTask"),
    # At a shard's end it cancels its subscription, which may just have come to its own end.
    ("DefaultChannelPipeline", "Subscriber cancelled before all events were published"),
    ("FanOutRecordsPublisher$RecordFlow", "complete called on a cancelled subscription"),
    # It speaks with DynamoDB only. It looks before its own worker has reported for the first time,
    # and the end of the worker interrupts its calls.
    ("LeaseAssignmentManager", ""),
]

# Loggers whose ordinary entries come every second.
CHATTY = ("AssignmentManager", "AssignmentDecider", "LeaderDecider", "LeaseDiscoverer")


def requests(text):
    """The signed headers of every attempt at a request to Kinesis, with its operation."""
    found = []
    for canonical in re.findall(r"AWS4 Canonical Request: POST\n/\n\n((?:[a-z0-9-]+:.*\n)+)", text):
        headers = dict(line.split(":", 1) for line in canonical.splitlines())
        if headers["x-amz-target"].startswith(TARGET):
            operation = headers["x-amz-target"].removeprefix(TARGET)
            found.append({**headers, "operation": operation})
    return found


def ping_replies(text, port):
    """How many HTTP/2 PINGs were answered by the server at this port."""
    return len(re.findall(rf"Http2PingHandler .*:{port}\]\] Received PING from channel, ack=true",
                          text))


def complaints(text):
    """Warnings and errors with what follows up to the next entry, but for the harmless ones."""
    found, current = [], None
    for line in text.splitlines():
        entry = ENTRY.match(line)
        if entry:
            current = None
            if entry["level"] in ("WARN", "ERROR"):
                current = (entry["logger"], [line])
                found.append(current)
        elif current is not None:
            current[1].append(line)
    entries = [(logger, "\n".join(lines)) for logger, lines in found]
    return [entry for logger, entry in entries if not is_harmless(logger, entry)]


def readable(text):
    """Lines without the headers of requests and without what the KCL repeats every second."""
    kept, wanted = [], True
    for line in text.splitlines():
        if entry := ENTRY.match(line):
            wanted = entry["level"] != "DEBUG" and not (
                entry["level"] == "INFO" and entry["logger"].endswith(CHATTY))
        if wanted:
            kept.append(line)
    return kept


def is_harmless(logger, entry):
    return any(logger.endswith(end) and part in entry for end, part in HARMLESS)
