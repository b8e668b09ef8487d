"""The commands that people type: put, tail, streams, shards, inspect, credentials, completions."""

import json
import os
import select
import signal
import subprocess

import pytest

from support import streams
from support.server import ACCOUNT, binary, clean_environment, poll, run_cli

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
COMMANDS = ["serve", "put", "tail", "streams", "shards", "bench", "inspect", "backup",
            "credentials"]


@pytest.fixture
def cli(server):
    """Runs a command against the shared server and expects it to succeed."""
    def run(*arguments, stdin=None):
        result = run_cli(*arguments, "--endpoint", server.endpoint, env=ENVIRONMENT, stdin=stdin)
        assert result.returncode == 0, (result.stdout, result.stderr)
        return result.stdout

    return run


def test_help_has_examples():
    top = run_cli("--help")
    assert top.returncode == 0
    for command in COMMANDS:
        assert command in top.stdout.decode()
        shown = run_cli(command, "--help")
        assert shown.returncode == 0, command
        assert b"xample" in shown.stdout, f"{command} --help has no example"
    assert run_cli("--version").stdout.decode().startswith("anabranch ")
    wrong = run_cli("no-such-command")
    assert wrong.returncode == 2 and wrong.stderr


def test_put_takes_an_argument_or_lines(cli, client, stream):
    cli("put", stream, "hello")
    cli("put", stream, stdin=b"one\ntwo\nthree\n")
    assert streams.data(streams.read(client, stream)) == [b"hello", b"one", b"two", b"three"]


def test_put_takes_a_key(cli, client, make_stream):
    name = make_stream(4)
    cli("put", name, "--key", "a", "x")
    cli("put", name, "--key", "a", "y")
    found = [r for records in streams.read_all(client, name).values() for r in records]
    assert [(r["PartitionKey"], r["Data"]) for r in found] == [("a", b"x"), ("a", b"y")]


def test_tail_prints_raw_records_from_the_beginning(cli, client, stream):
    for payload in (b"one", b"two"):
        client.put_record(StreamName=stream, Data=payload, PartitionKey="k")
    assert cli("tail", stream, "--from", "trim-horizon", "--no-follow") == b"one\ntwo\n"


def test_tail_prints_json_lines(cli, client, stream):
    put = client.put_record(StreamName=stream, Data=b"one", PartitionKey="k")
    out = cli("tail", stream, "--from", "trim-horizon", "--no-follow", "--format", "json")
    line, = [json.loads(line) for line in out.splitlines()]
    assert line["data"] == "one"
    values = list(line.values())
    assert put["SequenceNumber"] in values and put["ShardId"] in values and "k" in values
    out = cli("tail", stream, "--from", "trim-horizon", "--no-follow", "--format", "json",
              "--no-metadata")
    assert json.loads(out) == {"data": "one"}


def test_tail_starts_at_a_time_or_a_number(cli, client, stream):
    puts = [client.put_record(StreamName=stream, Data=b"%d" % index, PartitionKey="k")
            for index in range(5)]
    out = cli("tail", stream, "--shard", "shardId-000000000000", "--no-follow",
              "--from", puts[2]["SequenceNumber"])
    assert out == b"2\n3\n4\n"
    assert cli("tail", stream, "--from", "1h", "--limit", "2") == b"0\n1\n"


def test_tail_follows_all_shards(server, client, make_stream):
    name = make_stream(3)
    process = subprocess.Popen(
        [binary(), "tail", "--endpoint", server.endpoint, name, "--from", "trim-horizon"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**clean_environment(), **ENVIRONMENT})
    try:
        for index in range(9):
            client.put_record(StreamName=name, Data=b"%d" % index, PartitionKey=str(index))
        found = b""
        while found.count(b"\n") < 9:
            assert select.select([process.stdout], [], [], 30)[0], found
            found += os.read(process.stdout.fileno(), 65536)
        assert sorted(found.split()) == [b"%d" % index for index in range(9)]
        process.send_signal(signal.SIGINT)
        process.wait(10)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_pipe_that_closes_ends_tail_quietly(server, client, stream):
    client.put_records(StreamName=stream, Records=[
        {"Data": b"x" * 1000, "PartitionKey": "k"}] * 500)
    command = (f"{binary()} tail --endpoint {server.endpoint} {stream} --from trim-horizon "
               "--no-follow | head -n 1")
    result = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60,
                            env={**clean_environment(), **ENVIRONMENT})
    assert result.stdout == b"x" * 1000 + b"\n"
    assert b"panicked" not in result.stderr


def test_streams_and_shards_are_listed(cli, make_stream):
    name = make_stream(2)
    assert name in cli("streams").decode()
    out = cli("shards", name).decode()
    assert "shardId-000000000000" in out and "shardId-000000000001" in out


def test_streams_are_made_and_deleted(cli, client):
    name = streams.unique("cli")
    cli("streams", "create", name, "--shards", "2", "--wait")
    assert client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
        "OpenShardCount"] == 2
    described = json.loads(cli("streams", "describe", name, "--json"))
    assert name in described.values()
    cli("streams", "delete", name, "--wait")
    assert name not in cli("streams", "list", "--json").decode()


def test_shards_are_split_merged_and_scaled(cli, client, make_stream):
    name = make_stream(2)
    cli("streams", "split", name, "shardId-000000000001", "--wait")
    cli("streams", "merge", name, "shardId-000000000000", "shardId-000000000002", "--wait")
    cli("streams", "split", name, "shardId-000000000004", "--at", str(2**126), "--wait")
    cli("streams", "scale", name, "--shards", "5", "--wait")
    rows = [json.loads(line) for line in cli("shards", name, "--open", "--json").splitlines()]
    assert [round(row["sharePercent"]) for row in rows] == [20] * 5
    table = cli("shards", name).decode()
    assert table.count("CLOSED") == len(table.splitlines()) - 6


def test_tail_reads_parents_before_their_children(server, cli, client, stream):
    process = subprocess.Popen(
        [binary(), "tail", "--endpoint", server.endpoint, stream, "--from", "trim-horizon"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**clean_environment(), **ENVIRONMENT})
    expected = []
    try:
        for index in range(3):
            for number in range(10):
                expected.append(b"%d" % (index * 10 + number))
                client.put_record(StreamName=stream, Data=expected[-1], PartitionKey="one key")
            client.update_shard_count(
                StreamName=stream, TargetShardCount=2 - index % 2, ScalingType="UNIFORM_SCALING")
            streams.wait_active(client, stream)
        found = b""
        while found.count(b"\n") < len(expected):
            assert select.select([process.stdout], [], [], 30)[0], found
            found += os.read(process.stdout.fileno(), 65536)
        assert found.split() == expected
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert cli("tail", stream, "--from", "trim-horizon", "--no-follow").split() == expected


def test_an_error_is_one_clear_line(server):
    result = run_cli("tail", "--endpoint", server.endpoint, "not-there", "--no-follow",
                     env=ENVIRONMENT)
    assert result.returncode > 0
    assert f"Stream not-there under account {ACCOUNT} not found." in result.stderr.decode()
    assert b"panicked" not in result.stderr
    result = run_cli("streams", "--endpoint", "http://127.0.0.1:1", env=ENVIRONMENT)
    assert result.returncode > 0 and b"127.0.0.1:1" in result.stderr


def test_bench_prints_figures(server, make_stream):
    name = make_stream(2)
    result = run_cli("bench", "--endpoint", server.endpoint, "--stream", name, "--duration", "1s",
                     "--json", env=ENVIRONMENT)
    assert result.returncode == 0, result.stderr
    assert "p99" in json.dumps(json.loads(result.stdout))


@pytest.mark.parametrize("flags", [[], ["--http2"]])
def test_bench_measures_what_is_pushed(server, make_stream, flags):
    name = make_stream(2)
    result = run_cli("bench", "--endpoint", server.endpoint, "--stream", name, "--duration", "1s",
                     "--workload", "fan-out", "--consumers", "3", "--rate", "50", "--json",
                     *flags, env=ENVIRONMENT)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["end_to_end"]["records_read"] == 3 * report["records"] > 0
    assert report["end_to_end"]["records_missing"] == 0 and report["end_to_end"]["put_to_read_ms"]
    server.client().delete_stream(StreamName=name)


def test_inspect_describes_a_healthy_directory(start_server):
    server = start_server("--limits", "off", "--transition-ms", "0")
    client = server.client()
    name = streams.create(client, 2)
    for index in range(20):
        client.put_record(StreamName=name, Data=b"x", PartitionKey=str(index))
    server.kill()
    result = run_cli("inspect", server.data_dir)
    assert result.returncode == 0, result.stderr
    assert name in result.stdout.decode()
    server.start()
    assert sum(map(len, streams.read_all(server.client(), name).values())) == 20


def test_inspect_of_nothing_fails(tmp_path):
    result = run_cli("inspect", tmp_path / "none")
    assert result.returncode > 0
    assert str(tmp_path / "none") in result.stderr.decode()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(shell):
    result = run_cli("completions", shell)
    assert result.returncode == 0
    for command in COMMANDS:
        assert command in result.stdout.decode()


def test_settings_come_from_file_environment_and_flags_in_this_order(tmp_path, start_server):
    file = tmp_path / "anabranch.toml"
    file.write_text('account-id = "111111111111"\nregion = "eu-west-1"\n')
    server = start_server("--config", file, "--transition-ms", "0", env={
        "ANABRANCH_ACCOUNT_ID": "222222222222"})
    client = server.client("AKIAIOSFODNN7EXAMPLE", region="eu-west-1")
    name = streams.create(client)
    assert "222222222222" in client.describe_stream_summary(StreamName=name)[
        "StreamDescriptionSummary"]["StreamARN"]
    server = start_server("--config", file, "--account-id", "333333333333", "--transition-ms", "0",
                          env={"ANABRANCH_ACCOUNT_ID": "222222222222"})
    client = server.client("AKIAIOSFODNN7EXAMPLE")
    name = streams.create(client)
    assert "333333333333" in client.describe_stream_summary(StreamName=name)[
        "StreamDescriptionSummary"]["StreamARN"]


def test_the_log_can_be_json(start_server):
    server = start_server("--log-format", "json")
    lines = poll(lambda: [line for line in server.log().splitlines() if "sync" in line])
    assert json.loads(lines[0])
    assert all(json.loads(line) for line in server.log().splitlines())


def test_a_request_is_not_logged_with_its_secrets(start_server):
    server = start_server("--transition-ms", "0")
    server.client("AKIAIOSFODNN7EXAMPLE", "a-secret", token="a-session-token").list_streams()
    assert "a-session-token" not in server.log() and "Signature=" not in server.log()
