"""Whoever is not known takes nothing from those who are. The long proof is `cargo xtask strangers`."""

import contextlib
import json

import pytest

from support import credentials, http2, raw, streams
from support.admin import ask
from support.server import poll
LIMIT_MIB = 256


@pytest.fixture
def guarded(start_server, tmp_path):
    """Starts a server that knows one key, and gives a client with it."""
    def start(*flags):
        key = credentials.add(tmp_path / "keys.toml")
        server = start_server("--credentials", tmp_path / "keys.toml", "--limits", "off",
                              "--transition-ms", "0", "--memory-limit", f"{LIMIT_MIB}MiB", *flags)
        client = server.client(key.access_key, key.secret)
        return server, client, key
    return start


def peak_mib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


def post(stream, access_key, length):
    signed = {name.lower(): value for name, value in raw.any_authorization(access_key).items()}
    return http2.headers(stream, {
        "host": "localhost", "content-type": raw.JSON, "x-amz-target": raw.PREFIX + "PutRecord",
        "content-length": str(length), **signed})


@pytest.mark.parametrize("is_key_known", [False, True])
def test_bodies_that_trickle_take_no_memory_from_others(guarded, is_key_known):
    server, client, key = guarded()
    name = streams.create(client)
    with contextlib.ExitStack() as open_connections:
        for _ in range(20):
            connection = http2.Connection(server)
            open_connections.callback(connection.close)
            # As much as may be sent ahead.
            for stream in range(1, 500, 2):
                connection.send(
                    post(stream, key.access_key if is_key_known else "AKIDNOBODY", 16 << 20),
                    # Over many smaller frames the HTTP library loses patience by itself.
                    http2.frame(http2.DATA, 0, stream, b" " * 256))
            connection.ping()
        for _ in range(20):
            client.put_record(StreamName=name, Data=b"x" * 40_000, PartitionKey="k")
    assert peak_mib(server) < LIMIT_MIB


def test_a_body_of_a_stranger_is_passed_over_and_answered(guarded):
    server, _, key = guarded()
    unknown = ("UnrecognizedClientException", 400)
    wrong = ("InvalidSignatureException", 400)
    for size in (10, 1_000_000):
        body = json.dumps({"StreamName": "s" * size}).encode()
        for access_key, (name, status) in (("AKIDNOBODY", unknown), (key.access_key, wrong)):
            headers = raw.any_authorization(access_key)
            reply = raw.send(server, body, "ListTagsForStream", authorize=False, headers=headers)
            assert (reply.status, reply.json["__type"].rpartition("#")[2]) == (status, name)
    # One that does not parse is refused as that, while it is small.
    headers = raw.any_authorization("AKIDNOBODY")
    reply = raw.send(server, b"{", "ListTagsForStream", authorize=False, headers=headers)
    assert reply.json["__type"].rpartition("#")[2] == "SerializationException"


def test_connections_of_strangers_give_way(guarded):
    server, client, key = guarded("--max-connections", "20")
    name = streams.create(client)
    with contextlib.ExitStack() as open_connections:
        strangers = []
        for _ in range(40):
            strangers.append(http2.Connection(server))
            open_connections.callback(strangers[-1].close)
            strangers[-1].ping()
        # The client's connection was there before them, and is the only one that stayed.
        client.put_record(StreamName=name, Data=b"x", PartitionKey="k")
        newcomer = server.client(key.access_key, key.secret)
        newcomer.put_record(StreamName=name, Data=b"y", PartitionKey="k")
        assert strangers[0].has_ended()
        strangers[-1].ping()
        assert streams.data(streams.read(client, name)) == [b"x", b"y"]


def test_replies_that_nobody_reads_stay_within_the_limit(guarded):
    server, client, key = guarded()
    name = streams.create(client)
    for _ in range(2):
        client.put_records(StreamName=name, Records=[
            {"Data": b"x" * 1_000_000, "PartitionKey": "k"} for _ in range(9)])
    position = streams.iterator(client, name)
    path, body, headers = raw.signed_request(
        server, "GetRecords", {"ShardIterator": position}, key.access_key, key.secret)
    with contextlib.ExitStack() as open_connections:
        connections = []
        for _ in range(30):
            connection = raw.connect(server)
            open_connections.callback(connection.close)
            connection.request("POST", path, body=body, headers=headers)
            connections.append(connection)
        sizes = []
        for connection in connections:
            answer = connection.getresponse()
            sizes.append(len(answer.read()) if answer.status == 200 else answer.status)
    assert all(size == 503 or size > 10_000_000 for size in sizes) and max(sizes) > 503, sizes
    assert peak_mib(server) < LIMIT_MIB


def begin_put(server, access_key, sent):
    """A connection with a put of 16 MiB of which so many bytes were sent."""
    connection = raw.connect(server)
    connection.putrequest("POST", "/")
    fields = {"Content-Type": raw.JSON, "X-Amz-Target": raw.PREFIX + "PutRecord",
              "Content-Length": str(16 << 20), **raw.any_authorization(access_key)}
    for name, value in fields.items():
        connection.putheader(name, value)
    connection.endheaders(b" " * sent)
    return connection


def test_health_and_status_tell_of_bodies_that_were_refused(guarded):
    """Half-sent bodies of a key that is known take what there is; others are told to come again."""
    server, client, key = guarded()
    name = streams.create(client)
    assert server.health()["refusedForMemory"] == 0

    def ask_for_more():
        # More bodies that wait on one connection than may; each is refused at once, if it would wait.
        connection = http2.Connection(server)
        open_connections.callback(connection.close)
        for stream in range(1, 41, 2):
            connection.send(post(stream, key.access_key, 16 << 20),
                            http2.frame(http2.DATA, 0, stream, b" " * 256))
        connection.ping()
        return server.health()["refusedForMemory"]

    with contextlib.ExitStack() as open_connections:
        for _ in range(60):
            connection = begin_put(server, key.access_key, 300_000)
            open_connections.callback(connection.close)
        refused = poll(ask_for_more, what="bodies that are refused")
        status = ask(server, "status", key).json
        assert status["refusedForMemory"] >= refused and status["status"] == "ok"
    poll(lambda: client.put_record(StreamName=name, Data=b"x" * 100_000, PartitionKey="k"))
    assert peak_mib(server) < LIMIT_MIB
