"""The admin listener, readiness, and how a server ends."""

import json
import signal
import urllib.error
import urllib.request

import pytest

from support import raw, streams
from support.server import StartFailed, poll


def probe(server, path):
    try:
        with urllib.request.urlopen(f"{server.admin}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)["status"]
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)["status"]


def ask_main(server, path, method="GET"):
    return raw.send(server, b"", content_type=None, method=method, authorize=False,
                    path=f"/_anabranch/{path}")


def test_probes_have_a_listener_of_their_own(start_server):
    server = start_server()
    assert probe(server, "/live") == (200, "ready")
    assert probe(server, "/ready") == (200, "ready")
    assert probe(server, "/health") == (200, "ok")
    assert probe(server, "/_anabranch/ready") == (200, "ok")
    assert set(server.health()) == {"status", "deletion", "refusedForMemory", "durability", "version"}


@pytest.mark.parametrize("flags", [[], ["--admin-listen", "off"]])
def test_the_main_port_tells_a_word_to_probes_and_nothing_to_operators(start_server, flags):
    server = start_server(*flags)
    for path, word in [("health", "ok"), ("live", "ready"), ("ready", "ok")]:
        reply = ask_main(server, path)
        assert (reply.status, reply.json) == (200, {"status": word})
    for method, path in [("GET", "status"), ("POST", "resume-deletion")]:
        reply = ask_main(server, path, method)
        assert (reply.status, reply.body) == (404, b"")


def test_probes_are_heard_when_callers_have_taken_all_connections(start_server):
    server = start_server("--max-connections", "1")
    connection = raw.connect(server)
    assert raw.call(server, "DescribeLimits", {}, connection=connection).status == 200
    assert probe(server, "/ready") == (200, "ready")


def test_a_lame_duck_goes_on_until_it_is_told_twice(start_server):
    server = start_server("--lame-duck", "1h", "--transition-ms", "0")
    name = streams.create(server.client())
    server.process.send_signal(signal.SIGTERM)
    poll(lambda: probe(server, "/ready") == (503, "draining"), what="draining")
    assert probe(server, "/live") == (200, "draining")
    server.client().put_record(StreamName=name, Data=b"late", PartitionKey="k")
    assert server.terminate() == 0


def test_requests_under_way_have_the_drain_timeout(start_server):
    server = start_server("--drain-timeout", "0s")
    connection = raw.connect(server)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", "10")
    connection.endheaders()
    connection.send(b"{")
    # It has been taken before the next connection is.
    assert raw.call(server, "DescribeLimits", {}).status == 200
    assert server.terminate(seconds=5) == 0
    assert "still busy" in server.log()
    connection.close()


def test_two_servers_may_want_one_admin_port_if_nobody_says_so(start_server):
    first = start_server("--admin-listen", "127.0.0.1:0")
    taken = first.admin.removeprefix("http://")
    with pytest.raises(StartFailed, match="cannot listen for probes.*--admin-listen"):
        start_server("--admin-listen", taken)
    off = start_server("--admin-listen", "off")
    assert "admin=\"off\"" in off.log()
    assert ask_main(off, "health").json == {"status": "ok"}
