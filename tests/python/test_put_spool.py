"""`anabranch put --spool`: what was taken into the spool comes to the stream, whatever ends."""

import collections
import contextlib
import json
import os
import random
import re
import socket
import subprocess
import threading

import pytest

from support import streams
from support.server import poll, run_cli
from test_cli import ENVIRONMENT
from test_full_volumes import fill, make_volume  # noqa: F401
from test_put_command import start, until  # noqa: F401

KEYS = 7


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def nobody():
    """An endpoint at which nobody listens."""
    with socket.socket() as held:
        # A server of ours can listen there as long as nobody does.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def lines(numbers, width=0):
    return [json.dumps({"key": f"k{number % KEYS}", "number": number, "fill": "x" * width})
            for number in numbers]


def put(name, spool, endpoint, *arguments, stdin=b"", code=0):
    result = run_cli("put", name, "--spool", spool, "--endpoint", endpoint, *arguments,
                     env=ENVIRONMENT, stdin=stdin)
    assert result.returncode == code, result
    return result


def send_left(name, spool, server, *flags):
    """A run without input that sends all that is left. Returns what it says."""
    said = put(name, spool, server.endpoint, *flags).stderr.decode()
    assert not [*spool.glob("*.records"), *spool.glob("*.damaged")], said
    return said


def bytes_of(spool):
    total = 0
    for file in spool.glob("*.records"):
        # A file whose records are all stored may go at any time.
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def by_key(client, name):
    """Numbers of all records by their keys, in the order of the stream."""
    found = collections.defaultdict(list)
    for records in streams.read_all(client, name).values():
        for record in records:
            one = json.loads(record["Data"])
            found[one["key"]].append(one["number"])
    return found


def firsts(numbers):
    return list(dict.fromkeys(numbers))


def check_order(found, count):
    """All of the first `count` records are there, each key in its order but for what came twice."""
    assert {key: firsts(numbers) for key, numbers in found.items()} == {
        f"k{key}": list(range(key, count, KEYS)) for key in range(min(KEYS, count))}


def test_what_was_taken_in_an_outage_is_sent_by_the_next_run_after_a_kill(
        server, client, make_stream, start, spool, nobody):  # noqa: F811
    name = make_stream(4)
    keyed = ["--ordered", "--key-field", "/key"]
    process = start(name, "--spool", spool, "--endpoint", nobody, "--timeout", "1h", *keyed)
    process.stdin.write("\n".join(lines(range(5000))).encode())
    process.stdin.close()
    process.stdin = None
    said = until(process.stderr, b"records wait in the spool").decode()
    assert f"cannot reach {nobody}" in said and "records stay in the spool until it goes" in said
    assert "the input is over, 5000 records wait in the spool" in said
    process.kill()
    process.wait()
    second = put(name, spool, server.endpoint, *keyed, stdin="\n".join(lines([5000])).encode())
    said = second.stderr.decode()
    assert "the spool has 5000 records of an earlier run" in said
    size = len(lines([5000])[0])
    assert (f"1 records, {size} bytes, 5001 sent, 5000 of which an earlier run had left, "
            "5000 of which may be stored twice") in said
    found = by_key(client, name)
    check_order(found, 5001)
    assert sum(map(len, found.values())) == 5001
    assert put(name, spool, server.endpoint).stderr.decode() == "0 records, 0 bytes, 0 sent\n"


def test_what_is_not_sent_in_time_stays_and_is_said(server, client, stream, spool, nobody):
    failed = put(stream, spool, nobody, "--timeout", "1s", stdin=b"one\ntwo", code=1)
    text = failed.stderr.decode()
    assert "2 records, 6 bytes, 0 sent\n" in text
    assert (f"anabranch: 2 records stay in the spool, and the next run with --spool {spool} sends "
            "them: Unreachable: ") in text
    assert not failed.stdout and "not stored" not in text
    send_left(stream, spool, server)
    assert streams.data(streams.read(client, stream)) == [b"one", b"two"]


def test_each_record_has_its_line_as_without_a_spool(server, client, stream, spool):
    out = put(stream, spool, server.endpoint, "--json", "a", "b").stdout.splitlines()
    numbers = [json.loads(line)["sequenceNumber"] for line in out]
    assert numbers == [record["SequenceNumber"] for record in streams.read(client, stream)]


@pytest.mark.parametrize("flags", [[], ["--aggregate"]])
def test_kills_at_any_time_lose_nothing_that_was_taken(start_server, start, spool, flags):  # noqa: F811
    server = start_server("--limits", "off", "--transition-ms", "0")
    client = server.client()
    seed = os.environ.get("ANABRANCH_SEED") or random.randrange(2**32)
    print(f"ANABRANCH_SEED={seed}")
    chance = random.Random(str(seed))
    for round_ in range(4):
        name = streams.create(client, 2)
        process = start(name, "--spool", spool, "--endpoint", server.endpoint, "--ordered",
                        "--key-field", "/key", "--batch", "50", *flags)
        os.set_blocking(process.stdout.fileno(), False)
        end, told = chance.randrange(2, 2000), b""
        for number, line in enumerate(lines(range(2000))):
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
            told += process.stdout.read() or b""
            if number == end:
                break

        def has_begun():
            nonlocal told
            told += process.stdout.read() or b""
            return told or bytes_of(spool) > 64

        poll(has_begun, what="a record is stored or in the spool")
        process.kill()
        process.wait()
        told += process.stdout.read() or b""
        stored = told.count(b"\n")
        left = int(re.search(r"(\d+) sent", send_left(name, spool, server, *flags))[1])
        found = user_records(client, name)
        all_of_them = sorted({number for numbers in found.values() for number in numbers})
        # What comes later was taken later: nothing is missing in between.
        count = len(all_of_them)
        assert all_of_them == list(range(count)), (round_, end)
        assert count >= stored and count <= end + 1
        check_order(found, count)
        # Only what the second run sent can be there twice.
        assert sum(map(len, found.values())) - count <= left


def user_records(client, name):
    found = collections.defaultdict(list)
    tail = run_cli("tail", name, "--from", "trim-horizon", "--no-follow",
                   "--endpoint", client.meta.endpoint_url, env=ENVIRONMENT)
    assert tail.returncode == 0, tail
    for line in tail.stdout.splitlines():
        one = json.loads(line)
        found[one["key"]].append(one["number"])
    return found


def test_a_full_spool_holds_the_input_back_until_records_go(
        start_server, start, spool, nobody):  # noqa: F811
    server = start_server("--limits", "off", "--transition-ms", "0")
    name = streams.create(server.client())
    server.stop()
    bound = 12 << 20
    process = start(name, "--spool", spool, "--spool-max", bound, "--endpoint", nobody,
                    "--key-field", "/key", "--ordered", stdout=subprocess.DEVNULL)
    rows = lines(range(300), 100_000)
    assert sum(map(len, rows)) > 2 * bound
    taken = []

    pipe, process.stdin = process.stdin, None

    def write():
        with pipe:
            for row in rows:
                pipe.write(row.encode() + b"\n")
                taken.append(row)

    writer = threading.Thread(target=write)
    writer.start()
    until(process.stderr, b"the spool is full (--spool-max)")
    assert bound // 2 < bytes_of(spool) <= bound
    assert process.poll() is None and len(taken) < 200
    server = start_server(*server.flags, data_dir=server.data_dir,
                          listen=nobody.removeprefix("http://"))
    writer.join()
    assert process.wait(120) == 0
    said = process.stderr.read()
    assert b"300 records, " in said and b" bytes, 300 sent" in said
    check_order(by_key(server.client(), name), 300)


def test_a_directory_has_one_run_at_a_time(server, stream, start, spool):  # noqa: F811
    process = start(stream, "--spool", spool, "--endpoint", server.endpoint)
    process.stdin.write(b"one\n")
    process.stdin.flush()
    until(process.stdout, b"\n")
    other = put(stream, spool, server.endpoint, "two", code=1)
    assert other.stderr.decode() == (
        f"anabranch: cannot open the spool: another producer uses the spool path={spool}\n")
    process.stdin.close()
    process.stdin = None
    assert process.wait(20) == 0
    put(stream, spool, server.endpoint, "two")


def test_what_is_no_spool_or_too_small_is_refused(server, stream, spool):
    small = put(stream, spool, server.endpoint, "--spool-max", "1MiB", "x", code=1)
    assert b"--spool-max is too small: a spool for the largest record takes at least" in small.stderr
    assert b"--spool" in run_cli("put", stream, "--spool-max", "1GiB", "x").stderr
    spool.mkdir(exist_ok=True)
    (spool / "notes.txt").write_text("mine")
    foreign = put(stream, spool, server.endpoint, "x", code=1)
    assert foreign.stderr.decode() == (
        "anabranch: cannot open the spool: not a file of a spool that this version knows "
        f"path={spool}/notes.txt\n")
    assert (spool / "notes.txt").read_text() == "mine"
    file = put(stream, spool / "notes.txt", server.endpoint, "x", code=1)
    assert f"path={spool}/notes.txt" in file.stderr.decode()


def test_damage_is_said_and_all_else_is_sent(server, client, stream, spool, nobody):
    rows = [b"record-%03d" % number for number in range(100)]
    put(stream, spool, nobody, "--timeout", "1s", stdin=b"\n".join(rows), code=1)
    [file] = spool.glob("*.records")
    content = file.read_bytes()
    assert content.count(b"record-050") == 1
    file.write_bytes(content.replace(b"record-050", b"record-xxx"))
    failed = put(stream, spool, server.endpoint, code=1)
    text = failed.stderr.decode()
    at = f"path={file} offset={content.index(b'record-050') - 64 - len(stream) - 16} bytes="
    assert f"anabranch: a part of the spool cannot be read, its records are lost {at}" in text
    assert "99 sent, 99 of which an earlier run had left" in text
    assert "anabranch: the records in 1 damaged parts of the spool are lost\n" in text
    assert streams.data(streams.read(client, stream)) == rows[:50] + rows[51:]
    assert file.with_suffix(".damaged").exists()
    put(stream, spool, server.endpoint)


def test_a_record_that_is_refused_is_said_with_its_place(server, client, stream, spool):
    failed = put(stream, spool, server.endpoint, stdin=b"one\n" + b"x" * (1 << 21) + b"\nthree\n",
                 code=1)
    text = failed.stderr.decode()
    assert re.search(r"1 of [23] records were not stored, the first is record 2: "
                     "ValidationException", text), text
    assert "refused and are not in it" not in text
    put(stream, spool, server.endpoint)
    assert b"one" in streams.data(streams.read(client, stream))


def test_a_refused_record_of_an_earlier_run_is_counted(server, client, stream, spool, nobody):
    put(stream, spool, nobody, "--timeout", "1s", stdin=b"one\n" + b"x" * (1 << 21), code=1)
    failed = put(stream, spool, server.endpoint, code=1)
    assert (b"1 records of the spool were refused and are not in it any more: "
            b"ValidationException") in failed.stderr
    assert streams.data(streams.read(client, stream)) == [b"one"]


def test_a_full_volume_ends_it_and_what_it_took_is_sent(
        server, client, stream, nobody, make_volume):  # noqa: F811
    volume = make_volume("tmpfs")
    spool = volume / "spool"
    put(stream, spool, server.endpoint)
    fill(volume / "fill")
    os.truncate(volume / "fill", (volume / "fill").stat().st_size - (1 << 20))
    rows = [b"%05d " % number + b"x" * 10_000 for number in range(500)]
    failed = put(stream, spool, nobody, "--timeout", "1s", stdin=b"\n".join(rows), code=1)
    text = failed.stderr.decode()
    what = re.search(r"(\d+) of (\d+) records were not stored, the first is record (\d+): the spool "
                     "does not keep it: there is no room on its volume", text)
    assert what, text
    kept, before = int(what[2]) - int(what[1]), int(what[3]) - 1
    # All that came together may have been refused together.
    assert (f"{kept} records stay in the spool" in text) == (kept > 0)
    os.remove(volume / "fill")
    send_left(stream, spool, server)
    data = streams.data(streams.read(client, stream))
    # A few that came together with the refused ones may have found room.
    assert len(data) == kept and data[:before] == rows[:before]
    assert data == [row for row in rows if row in set(data)]
