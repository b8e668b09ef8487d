"""The audit log: who did what, with which outcome; and strangers in the log."""

import json
import signal

import pytest

from support import credentials, raw, streams
from support.server import ACCOUNT, arn, poll, run_cli

DENIED = ('{"Version": "2012-10-17", "Statement": '
          '{"Effect": "Allow", "Action": "kinesis:List*", "Resource": "*"}}')


@pytest.fixture
def keys(tmp_path):
    file = tmp_path / "credentials.toml"
    put = run_cli("credentials", "policy", "put", "lists", "-", "--file", file,
                  stdin=DENIED.encode())
    assert put.returncode == 0, put.stderr
    return [credentials.add(file, "alice"),
            credentials.add(file, "bob", ACCOUNT, "--policy", "lists")]


@pytest.fixture
def start(start_server, tmp_path):
    def start(*flags):
        return start_server("--credentials", tmp_path / "credentials.toml", "--transition-ms", "0",
                            "--audit-log", tmp_path / "audit.jsonl", *flags)
    return start


def lines(file, count):
    """The log's lines, once there are so many."""
    def read():
        found = [json.loads(line) for line in file.read_text().splitlines()]
        return found if len(found) >= count else None
    return poll(read, what=f"{count} lines")


def test_control_calls_are_written_with_their_outcome(keys, start, tmp_path):
    server = start()
    alice, bob = keys
    client = server.client(alice.access_key, alice.secret)
    answer = client.create_stream(StreamName="orders", ShardCount=1)
    client.put_record(StreamName="orders", Data=b"x", PartitionKey="k")
    with streams.refused("ResourceInUseException"):
        client.create_stream(StreamName="orders", ShardCount=1)
    with streams.refused("AccessDeniedException"):
        server.client(bob.access_key, bob.secret).delete_stream(StreamName="orders")
    server.terminate()
    created, twice, denied = lines(tmp_path / "audit.jsonl", 3)
    assert created == {
        "time": created["time"], "requestId": answer["ResponseMetadata"]["RequestId"],
        "source": "127.0.0.1", "principal": f"arn:aws:iam::{ACCOUNT}:user/alice",
        "accessKeyId": alice.access_key, "account": ACCOUNT, "region": "us-east-1",
        "action": "kinesis:CreateStream", "resources": [arn("orders")], "outcome": "ok",
        "status": 200}
    assert (twice["outcome"], twice["status"]) == ("ResourceInUseException", 400)
    assert (denied["action"], denied["outcome"]) == ("kinesis:DeleteStream", "AccessDeniedException")
    assert denied["principal"].endswith("user/bob") and denied["resources"] == [arn("orders")]


def test_calls_on_records_are_written_on_request(keys, start, tmp_path):
    server = start("--audit-data-calls")
    client = server.client(keys[0].access_key, keys[0].secret)
    client.create_stream(StreamName="orders", ShardCount=1)
    client.put_record(StreamName="orders", Data=b"secret", PartitionKey="key-of-it")
    iterator = client.get_shard_iterator(StreamName="orders", ShardId="0",
                                         ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    client.get_records(ShardIterator=iterator)
    found = lines(tmp_path / "audit.jsonl", 4)
    assert [line["action"].split(":")[1] for line in found] == [
        "CreateStream", "PutRecord", "GetShardIterator", "GetRecords"]
    assert {tuple(line["resources"]) for line in found} == {(arn("orders"),)}
    text = (tmp_path / "audit.jsonl").read_text()
    assert "key-of-it" not in text and keys[0].secret not in text


def test_strangers_are_counted_and_fill_no_log(keys, start, tmp_path):
    server = start()
    alice = keys[0]
    for _ in range(40):
        reply = raw.send_signed(server, "ListStreams", {}, alice.access_key, "wrong")
        assert reply.error[0] == "InvalidSignatureException"
    assert server.log().count("callers were not known") <= 2
    assert "last_error=\"InvalidSignatureException\"" in server.log()
    found = lines(tmp_path / "audit.jsonl", 10)
    assert len(found) < 40
    assert {line["outcome"] for line in found} == {"InvalidSignatureException"}
    assert not any("principal" in line for line in found)


def test_the_log_is_opened_anew_after_a_hang_up(keys, start, tmp_path):
    server = start()
    client = server.client(keys[0].access_key, keys[0].secret)
    client.create_stream(StreamName="first", ShardCount=1)
    file, old = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    lines(file, 1)
    file.rename(old)
    server.process.send_signal(signal.SIGHUP)
    poll(file.exists, what="a new file")
    client.create_stream(StreamName="second", ShardCount=1)
    assert lines(file, 1)[0]["resources"] == [arn("second")]
    assert len(lines(old, 1)) == 1
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_full_volume_under_the_log_stops_no_call(keys, start_server, tmp_path):
    server = start_server("--credentials", tmp_path / "credentials.toml",
                          "--audit-log", "/dev/full", "--transition-ms", "0")
    client = server.client(keys[0].access_key, keys[0].secret)
    for name in ["one", "two", "three"]:
        client.create_stream(StreamName=name, ShardCount=1)
    poll(lambda: "cannot write the audit log" in server.log(), what="an error in the log")
    assert client.list_streams()["StreamNames"] == ["one", "three", "two"]
    assert server.terminate() == 0


def test_standard_error_is_a_destination(start_server):
    server = start_server("--audit-log", "stderr", "--transition-ms", "0")
    server.client().create_stream(StreamName="orders", ShardCount=1)
    poll(lambda: '"action":"kinesis:CreateStream"' in server.log(), what="a line")
