"""`anabranch put` as people use it: order, compressed input, a slow input, trouble, a terminal."""

import gzip
import hashlib
import json
import os
import pty
import select
import signal
import subprocess

import pytest

from support import streams
from support.server import binary, clean_environment, run_cli
from test_aggregates import aiokpl
from test_cli import ENVIRONMENT


@pytest.fixture
def put(server):
    def run(*arguments, stdin=None, code=0, endpoint=None):
        result = run_cli("put", *arguments, "--endpoint", endpoint or server.endpoint,
                         env=ENVIRONMENT, stdin=stdin)
        assert result.returncode == code, result
        return result

    return run


@pytest.fixture
def start():
    """Starts `put` with pipes; it ends with the test."""
    started = []

    def run(*arguments, **options):
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   **options}
        started.append(subprocess.Popen(
            [binary(), "put", *map(str, arguments)], env={**clean_environment(), **ENVIRONMENT},
            **options))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def until(stream, wanted, seconds=20):
    """Reads until this has come."""
    found = b""
    while wanted not in found:
        assert select.select([stream], [], [], seconds)[0], found
        piece = os.read(stream if isinstance(stream, int) else stream.fileno(), 65536)
        assert piece, found
        found += piece
    return found


@pytest.mark.parametrize("flags", [[], ["--aggregate"], ["--batch", "7"]])
def test_a_shard_has_the_order_of_the_input_and_so_have_receipts(client, stream, put, flags):
    lines = [b"%d" % number for number in range(3000)]
    out = put(stream, "--json", *flags, stdin=b"\n".join(lines)).stdout
    receipts = [json.loads(line) for line in out.splitlines()]
    places = [(int(one["sequenceNumber"]), one.get("subSequenceNumber", -1)) for one in receipts]
    assert len(places) == 3000 and places == sorted(set(places))
    tail = run_cli("tail", stream, "--from", "trim-horizon", "--no-follow",
                   "--endpoint", client.meta.endpoint_url, env=ENVIRONMENT)
    assert tail.stdout.splitlines() == lines


def as_the_kcl_reads(client, stream):
    """Data of all user records, parents first, without aggregates that have one of another shard."""
    ranges = {shard["ShardId"]: {side: int(key) for side, key in shard["HashKeyRange"].items()}
              for shard in client.list_shards(StreamName=stream)["Shards"]}
    for shard, records in sorted(streams.read_all(client, stream).items()):
        for record in records:
            if not aiokpl.is_aggregated(record["Data"]):
                yield record["Data"]
                continue
            users = aiokpl.decode_aggregated(record["Data"])
            keys = [int(hashlib.md5(user.partition_key.encode()).hexdigest(), 16)
                    for user in users]
            first, last = (ranges[shard][f"{side}HashKey"] for side in ("Starting", "Ending"))
            if all(first <= key <= last for key in keys):
                yield from (user.data for user in users)


@pytest.mark.parametrize("flags", [[], ["--aggregate"]])
def test_ordered_keys_stay_in_order_under_throttling_and_resharding(start_server, start, flags):
    server = start_server("--limits", "shards", "--transition-ms", "0")
    client = server.client()
    name = streams.create(client, 2)
    # More than two shards take in a second.
    lines = [json.dumps({"key": f"k{number % 50}", "number": number}) for number in range(3000)]
    process = start(name, "--ordered", "--key-field", "/key", "--endpoint", server.endpoint, *flags)
    process.stdin.write("\n".join(lines[:1500]).encode() + b"\n")
    process.stdin.flush()
    until(process.stdout, b"\n")
    client.split_shard(StreamName=name, ShardToSplit="shardId-000000000000",
                       NewStartingHashKey=str(2**126))
    process.stdin.write("\n".join(lines[1500:]).encode())
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert b"3000 records" in errors
    by_key = {}
    for data in as_the_kcl_reads(client, name):
        found = json.loads(data)
        by_key.setdefault(found["key"], []).append(found["number"])
    assert by_key == {f"k{key}": list(range(key, 3000, 50)) for key in range(50)}


def test_order_needs_keys(put):
    assert b"--key" in put("s", "--ordered", "x", code=2).stderr


def test_input_may_be_compressed(client, stream, put, tmp_path):
    file = tmp_path / "lines.gz"
    file.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    put(stream, "--file", file)
    put(stream, stdin=gzip.compress(b"three\n"))
    put(stream, "--whole", "--file", file)
    put(stream, "--decompress", "gzip", "--whole", "--file", file)
    assert streams.data(streams.read(client, stream)) == [
        b"one", b"two", b"three", file.read_bytes(), b"one\ntwo\n"]
    cut = put(stream, stdin=gzip.compress(b"four\n")[:-3], code=1)
    assert b"reading standard input" in cut.stderr


def test_a_slow_input_goes_at_once_and_a_signal_ends_it(server, client, stream, start):
    process = start(stream, "--endpoint", server.endpoint)
    for number in range(3):
        process.stdin.write(b"(%d\n" % number)
        process.stdin.flush()
        until(process.stdout, b"\n")
        assert streams.data(streams.read(client, stream))[-1] == b"(%d" % number
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert b"3 records, 6 bytes" in process.stderr.read()


def test_a_reader_that_goes_does_not_end_it(server, client, stream, start):
    process = start(stream, "--endpoint", server.endpoint)
    process.stdout.close()
    process.stdin.write(b"x\n" * 5000)
    process.stdin.close()
    process.stdin = process.stdout = None
    assert b"5000 records" in process.communicate(timeout=60)[1] and process.returncode == 0
    assert len(streams.read(client, stream)) == 5000


def test_a_stream_that_is_not_there_is_said_at_once(put):
    failed = put("not-there", "x", code=1)
    assert b"Stream not-there under account" in failed.stderr


def test_what_trying_again_does_not_mend_ends_it_at_once(server, client, start):
    name = streams.create(client)
    process = start(name, "--endpoint", server.endpoint, "--timeout", "1h")
    process.stdin.write(b"one\n")
    process.stdin.flush()
    until(process.stdout, b"\n")
    client.delete_stream(StreamName=name)
    streams.wait_gone(client, name)
    process.stdin.write(b"two\n")
    process.stdin.flush()
    assert process.wait(20) == 1
    text = process.stderr.read().decode()
    assert "1 of 2 records were not stored, the first is record 2: ResourceNotFound" in text, text


def test_what_is_not_stored_is_counted_with_its_reason(put):
    failed = put("s", "a", "b", "--timeout", "1s", code=1, endpoint="http://127.0.0.1:1")
    text = failed.stderr.decode()
    assert text.count("cannot reach http://127.0.0.1:1") == 1, text
    assert "2 of 2 records were not stored, the first is record 1" in text
    assert ": Unreachable: " in text and not failed.stdout


def test_a_record_that_is_refused_ends_it_and_what_was_read_is_stored(
        server, client, stream, start):
    process = start(stream, "--endpoint", server.endpoint)
    process.stdin.write(b"one\n" + b"x" * (1 << 21) + b"\nthree\n")
    process.stdin.flush()
    # The input has not ended.
    assert process.wait(20) == 1
    text = process.stderr.read().decode()
    assert "records were not stored, the first is record 2: ValidationException" in text, text
    data = streams.data(streams.read(client, stream))
    assert data and set(data) <= {b"one", b"three"} and b"one" in data
    assert len(data) == len(process.stdout.read().splitlines())


def test_a_terminal_sees_progress_and_throttling_and_a_pipe_does_not(start_server, start, tmp_path):
    server = start_server("--limits", "shards", "--transition-ms", "0")
    name = streams.create(server.client(), 1)
    file = tmp_path / "lines"
    file.write_bytes(b"x" * 99 + b"\n")
    file.write_bytes(file.read_bytes() * 1800)
    ours, theirs = pty.openpty()
    try:
        process = start(name, "--file", file, "--endpoint", server.endpoint, stderr=theirs,
                        stdout=subprocess.DEVNULL)
        os.close(theirs)
        seen = until(ours, b"1800 records, 178200 bytes").decode()
        assert process.wait(20) == 0
    finally:
        os.close(ours)
    assert "records/s" in seen and "%" in seen and " left" in seen
    assert seen.count("the stream throttles") == 1 and f"scale {name} --shards" in seen
    piped = start(name, "--file", file, "--endpoint", server.endpoint)
    _, errors = piped.communicate(timeout=60)
    assert b"records/s" not in errors and errors.count(b"\n") == 2, errors
