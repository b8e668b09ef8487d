"""The paths of the admin listener: who may ask for which, and what they tell."""

import re

import pytest

from support import credentials, raw, streams
from support.admin import ask
from support.server import ACCOUNT, Server, run_cli

STATUS = ('{"Version": "2012-10-17", "Statement": '
          '{"Effect": "Allow", "Action": "anabranch:GetStatus", "Resource": "*"}}')


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A server with a key for everything, one for its status, and one for streams alone."""
    directory = tmp_path_factory.mktemp("admin")
    file = directory / "credentials.toml"
    policies = {"status": STATUS, "streams": STATUS.replace("anabranch:GetStatus", "kinesis:*")}
    for name, text in policies.items():
        put = run_cli("credentials", "policy", "put", name, "-", "--file", file,
                      stdin=text.encode())
        assert put.returncode == 0, put.stderr
    keys = {"admin": credentials.add(file, "admin")}
    for name in policies:
        keys[name] = credentials.add(file, name, ACCOUNT, "--policy", name)
    server = Server(directory / "data", "--credentials", file, "--transition-ms", "0")
    server.start()
    yield server, keys
    server.stop()


def test_everybody_may_ask_whether_it_is_healthy_and_ready(locked):
    server, _ = locked
    assert ask(server, "health").json["status"] == "ok"
    ready = ask(server, "ready")
    assert (ready.status, ready.json) == (200, {"status": "ok"})


def test_status_is_for_those_whose_policies_allow_it(locked):
    server, keys = locked
    for name in ["admin", "status"]:
        found = ask(server, "status", keys[name]).json
        assert found["status"] == "ok" and found["durability"] == "sync" and found["cells"] == 1
        assert found["recovery"]["tornBytes"] == 0 and found["nowMs"] > 1_700_000_000_000
    refused = ask(server, "status", keys["streams"])
    assert (refused.status, refused.error[0]) == (403, "AccessDeniedException")
    assert "is not authorized to perform: anabranch:GetStatus on resource: *" in refused.error[1]
    # And the key for the status is none for streams.
    with streams.refused("AccessDeniedException"):
        server.client(keys["status"].access_key, keys["status"].secret).list_streams()


def test_strangers_learn_nothing_of_the_status(locked):
    server, keys = locked
    cases = [
        ({}, "MissingAuthenticationTokenException"),
        ({"key": keys["admin"], "secret": "wrong"}, "InvalidSignatureException"),
        ({"key": keys["admin"], "service": "kinesis"}, "InvalidSignatureException"),
    ]
    for options, name in cases:
        reply = ask(server, "status", **options)
        assert (reply.status, reply.error[0]) == (403, name)
        assert b"durability" not in reply.body


def test_strangers_are_counted(locked):
    server, keys = locked
    before = ask(server, "status", keys["status"]).json["unknownCallers"]
    for client in [server.client("AKIANOBODY", "x"), server.client(keys["admin"].access_key, "x")]:
        with pytest.raises(client.exceptions.ClientError):
            client.list_streams()
    assert ask(server, "status", keys["status"]).json["unknownCallers"] == before + 2


def test_replies_have_request_ids_and_other_paths_and_methods_are_refused(locked):
    server, keys = locked
    for reply in [ask(server, "health"), ask(server, "status"), ask(server, "nothing")]:
        assert re.fullmatch(r"[0-9a-f-]{36}", reply.headers["x-amzn-requestid"])
    assert ask(server, "nothing", keys["admin"]).status == 404
    assert ask(server, "status", keys["admin"], method="DELETE").status == 405
    head = ask(server, "health", method="HEAD")
    assert (head.status, head.body) == (200, b"")


def test_a_key_for_the_status_finds_none_on_the_main_port(locked):
    server, keys = locked
    for method, path in [("GET", "status"), ("POST", "resume-deletion")]:
        reply = ask(server, path, keys["admin"], method=method, is_main=True)
        assert (reply.status, reply.body) == (404, b"")


def test_a_request_for_a_service_is_none_for_the_server(locked):
    server, keys = locked
    key = keys["admin"]
    reply = raw.send_signed(server, "DescribeLimits", {}, key.access_key, key.secret,
                            path="/_anabranch/status")
    assert reply.status == 200 and "ShardLimit" in reply.json


def test_an_open_server_keeps_nothing_from_anybody(server):
    assert ask(server, "status").json["status"] == "ok"


def test_deletion_is_resumed_by_those_whose_policies_allow_it(locked):
    server, keys = locked
    assert ask(server, "health").json["deletion"] == "on"
    assert ask(server, "status", keys["status"]).json["deletionHeldMs"] is None
    assert ask(server, "resume-deletion", keys["admin"]).status == 405
    for name, status in [(None, 403), ("status", 403), ("streams", 403), ("admin", 200)]:
        key = name and keys[name]
        assert ask(server, "resume-deletion", key, method="POST").status == status, name
    assert "deletion goes on by the wall clock" in server.log()
