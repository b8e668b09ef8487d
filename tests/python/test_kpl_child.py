"""The native child of the Kinesis Producer Library, over real named pipes, against a server with TLS."""

import hashlib
import itertools
import os
import pathlib
import random
import select
import shutil
import signal
import struct
import subprocess

import pytest

from support import credentials, streams
from support.cloudwatch import CloudWatch
from support.kpl import SET_CREDENTIALS, STREAM_METADATA, Child, configuration, set_credentials, settings_for
from support.protobuf import fields, message
from support.server import Server, binary, clean_environment, poll


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("kpl") / "data", "--tls-self-signed", "--limits", "off",
                    "--transition-ms", "0", "--durability", "memory")
    server.start()
    yield server
    server.stop()


def certificate(server):
    return str(server.data_dir / "tls-cert.pem")


@pytest.fixture(scope="module")
def kinesis(secure):
    return secure.client(verify=certificate(secure))


@pytest.fixture
def start(secure, tmp_path):
    """Starts children that know the server; all of them end with the test."""
    started = []

    def start(*flags, settings=None, server=secure, **options):
        directory = tmp_path / f"child{len(started)}"
        directory.mkdir()
        settings = {"record_max_buffered_time": 20, **(settings or {})}
        settings = settings_for(server) | settings
        started.append(Child(directory, *flags, settings=settings, **options))
        return started[-1]

    yield start
    for child in started:
        child.stop()


def stored(client, stream):
    """All user records, as (sequence number, partition key, data)."""
    found = []
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        for record in streams.read(client, stream, shard["ShardId"]):
            found += [(record["SequenceNumber"], key, data) for key, data in user_records(record)]
    return found


def user_records(record):
    """Those of an aggregate, or the record itself."""
    data = record["Data"]
    if data[:4] != b"\xf3\x89\x9a\xc2":
        return [(record["PartitionKey"], data)]
    assert hashlib.md5(data[4:-16]).digest() == data[-16:]
    aggregate = fields(data[4:-16])
    keys = [key.decode() for key in aggregate[1]]
    return [(keys[one[1][0]], one[3][0]) for one in map(fields, aggregate[3])]


def test_records_are_stored_and_each_has_a_result(start, kinesis):
    stream = streams.create(kinesis, 4)
    child = start()
    # Records are packed when the shards are known.
    first = child.put(stream, "first", b"")
    child.wait(first)
    put = {child.put(stream, f"k{i}", f"{i}".encode()): i for i in range(500)}
    child.flush()
    results = child.wait(*put)
    assert all(one.success and one.shard_id.startswith("shardId-") for one in results)
    assert all(one.attempts and one.attempts[-1][2] for one in results)
    expected = [(one.sequence_number, f"k{i}", f"{i}".encode())
                for one, i in zip(results, put.values())]
    expected.append((child.results[first].sequence_number, "first", b""))
    assert sorted(expected) == sorted(stored(kinesis, stream))
    assert len({one.sequence_number for one in results}) < 500, "nothing was aggregated"
    assert child.close() == 0


def test_an_explicit_hash_key_places_a_record(start, kinesis):
    stream = streams.create(kinesis, 2)
    child = start()
    low = child.put(stream, "k", b"1", "0")
    high = child.put(stream, "k", b"2", str(2**128 - 1))
    wrong = [child.put(stream, "k", b"3", text) for text in ("x", str(2**128))]
    empty = child.put(stream, "", b"4")
    one, other = child.wait(low, high)
    assert (one.shard_id, other.shard_id) == ("shardId-000000000000", "shardId-000000000001")
    for result in child.wait(*wrong, empty):
        assert not result.success and result.codes == ["ValidationException"]


def test_a_flush_does_not_wait_for_the_buffered_time(start, kinesis):
    first, second = streams.create(kinesis), streams.create(kinesis)
    child = start(settings={"record_max_buffered_time": 3_600_000, "record_ttl": 2**63 - 1})
    one, other = child.put(first, "k", b"1"), child.put(second, "k", b"2")
    child.flush(first)
    assert child.wait(one)[0].success
    assert other not in child.results
    child.flush()
    assert child.wait(other)[0].success


def test_credentials_by_argument(start, kinesis, tmp_path):
    """As up to 1.0.7: -k and -w, and then the same through the pipe."""
    stream = streams.create(kinesis)
    pair = set_credentials().hex()
    child = start("-k", pair, "-w", pair, "-t", "-l", "debug", credentials=False)
    assert child.wait(child.put(stream, "k", b"1"))[0].success


@pytest.fixture
def guarded(start_server, tmp_path):
    """A server that knows one key."""
    key = credentials.add(tmp_path / "keys.toml")
    server = start_server("--credentials", tmp_path / "keys.toml", "--tls-self-signed",
                          "--transition-ms", "0", "--durability", "memory")
    client = server.client(key.access_key, key.secret, verify=certificate(server))
    return server, client, key


def test_credentials_come_through_the_pipe_alone_and_may_change(start, guarded):
    server, client, key = guarded
    stream = streams.create(client)
    child = start(server=server, credentials=False)
    # Nothing is sent without credentials, and those for metrics are none.
    child.set_credentials(key.access_key, key.secret, for_metrics=True)
    early = child.put(stream, "k", b"1")
    child.flush()
    child.set_credentials(key.access_key, key.secret)
    assert child.wait(early)[0].success
    child.set_credentials(key.access_key, "another")
    late = child.put(stream, "k", b"2")
    poll(lambda: child.ask_metrics("UserRecordsReceived")[("UserRecordsReceived",)] == 2)
    child.set_credentials(key.access_key, key.secret)
    assert child.wait(late)[0].success


def test_wrong_credentials_fail_a_record_when_it_expires(start, guarded):
    server, _, key = guarded
    child = start(server=server, credentials=False, settings={"record_ttl": 500})
    child.set_credentials(key.access_key, "another")
    result, = child.wait(child.put("s", "k", b"1"))
    assert not result.success and result.codes[-1] == "Expired"
    assert len(result.codes) > 1 and not any(one[2] for one in result.attempts)


def test_the_certificate_is_checked_by_file_or_folder(start, secure, kinesis, tmp_path):
    stream = streams.create(kinesis)
    folder = tmp_path / "cacerts"
    folder.mkdir()
    shutil.copy(certificate(secure), folder / "ours.pem")
    (folder / "note.txt").write_text("no certificate")
    settings = {"verify_certificate": True, "record_ttl": 1_000}
    for env in ({"CA_FILE": certificate(secure)}, {"CA_DIR": str(folder)}):
        child = start(settings=settings, env=env)
        assert child.wait(child.put(stream, "k", b"1"))[0].success, env
    # The system knows it not.
    child = start(settings=settings)
    assert not child.wait(child.put(stream, "k", b"1"))[0].success


def test_plain_http_by_a_url(start, server, client, stream):
    child = start(settings={"kinesis_endpoint": server.endpoint})
    assert child.wait(child.put(stream, "k", b"1"))[0].success


def test_what_is_unknown_is_ignored(start, kinesis):
    stream = streams.create(kinesis)
    child = start("--new-flag", "value", "-z", "--other=1")
    child.send(STREAM_METADATA, message((1, stream), (2, "id")))
    child.send(99, b"new")
    child.send(SET_CREDENTIALS, message((1, False)))
    frame = message((1, 77), (200, "a field"), (3, message((1, stream), (2, "k"), (4, b"1"), (9, 9))))
    child.send_raw(struct.pack(">I", len(frame)) + frame)
    assert child.wait(77)[0].success


def test_under_the_name_of_the_original(start, kinesis, tmp_path):
    stream = streams.create(kinesis)
    executable = tmp_path / "kinesis_producer"
    os.symlink(binary(), executable)
    child = start(executable=executable)
    assert child.wait(child.put(stream, "k", b"1"))[0].success


def test_metrics_are_answered(start, kinesis):
    stream = streams.create(kinesis)
    child = start()
    child.wait(*[child.put(stream, "k", b"12345") for _ in range(3)])
    found = child.ask_metrics()
    assert found[("UserRecordsReceived",)] == found[("UserRecordsPut", stream)] == 3
    assert found[("UserRecordsDataPut", stream, "shardId-000000000000")] == 15
    assert found[("UserRecordsPerKinesisRecord", stream)] == found[("UserRecordsPerPutRecordsRequest",)] == 3
    assert found[("RequestTime", stream)] > 0 and ("AllErrors",) not in found
    assert child.ask_metrics("UserRecordsPut", 60)[("UserRecordsPut",)] == 3
    assert child.ask_metrics("NoSuchMetric") == {}


@pytest.fixture
def cloudwatch():
    cloudwatch = CloudWatch()
    yield cloudwatch
    cloudwatch.close()


def test_metrics_are_uploaded(start, kinesis, cloudwatch):
    stream = streams.create(kinesis)
    child = start(credentials=False,
                  settings={"cloudwatch_endpoint": cloudwatch.url, "metrics_upload_delay": 50,
                            "metrics_namespace": "Mine",
                            "additional_dimension": message((1, "Host"), (2, "h1"), (3, "stream"))})
    child.set_credentials()
    for _ in range(3):
        assert child.wait(child.put(stream, "k", b"12345"))[0].success
    # Without credentials for it nothing is sent.
    assert cloudwatch.requests == []
    child.set_credentials("metrics-key", "secret", for_metrics=True)
    poll(lambda: cloudwatch.sum("UserRecordsPut") == 3)
    # The last upload has what came after the one before.
    assert child.wait(child.put(stream, "k", b"123"))[0].success
    assert child.close() == 0
    shard = [("StreamName", stream), ("ShardId", "shardId-000000000000"), ("Host", "h1")]
    for dimensions in [], shard[:1], [shard[0], shard[2]], shard:
        assert cloudwatch.sum("UserRecordsPut", *dimensions) == 4
        assert cloudwatch.sum("UserRecordsDataPut", *dimensions) == 18
    for _, authorization, request in cloudwatch.requests:
        assert "Credential=metrics-key/" in authorization and request["Namespace"] == "Mine"
    datum = cloudwatch.data("UserRecordsDataPut", *shard)[0]
    assert (datum["Unit"], datum["StatisticValues"]["Minimum"]) == ("Bytes", 5.0)


def test_metrics_wait_for_a_cloudwatch_that_fails_and_records_do_not(start, kinesis, cloudwatch):
    stream = streams.create(kinesis)
    # Who is not allowed may be so later.
    cloudwatch.statuses = [403]
    child = start(settings={"cloudwatch_endpoint": cloudwatch.url, "metrics_upload_delay": 50})
    assert all(one.success for one in child.wait(*[child.put(stream, "k", b"1") for _ in range(10)]))
    poll(lambda: cloudwatch.sum("UserRecordsPut") == 10)
    assert [status for status, *_ in cloudwatch.requests[:2]] == [403, 200]
    assert child.close() == 0


@pytest.mark.parametrize("flags,text", [
    (["-c", configuration(collection_max_count=501)], "CollectionMaxCount must be"),
    (["-c", "zz"], "-c is not hexadecimal"),
    (["-k", "zz"], "-k is not hexadecimal"),
])
def test_a_wrong_configuration_alone_is_final(tmp_path, flags, text):
    run = subprocess.run([binary(), "kpl", "-o", tmp_path / "a", "-i", tmp_path / "b", "-c",
                          configuration(kinesis_endpoint="localhost"), *flags],
                         capture_output=True, timeout=30, text=True)
    assert run.returncode == 1 and text in run.stderr
    # The pipes are not there: another child may find them.
    run = subprocess.run([binary(), "kpl", "-o", tmp_path / "a", "-i", tmp_path / "b", "-c",
                          configuration(kinesis_endpoint="localhost")],
                         capture_output=True, timeout=30, text=True)
    assert run.returncode not in (0, 1) and "cannot be opened" in run.stderr


@pytest.mark.parametrize("frame", [struct.pack(">I", (11 << 20) + 1), b"\0\0\0\1\xff"])
def test_a_broken_pipe_ends_the_child_after_what_was_there(start, kinesis, frame):
    stream = streams.create(kinesis)
    child = start(settings={"record_max_buffered_time": 3_600_000})
    put = child.put(stream, "k", b"1")
    child.send_raw(frame)
    assert child.wait(put)[0].success
    assert child.process.wait(30) == 3


def test_what_was_read_is_sent_when_the_pipe_is_closed(start, kinesis):
    stream = streams.create(kinesis)
    child = start(settings={"record_max_buffered_time": 3_600_000})
    put = [child.put(stream, f"k{i}", b"x" * 1000) for i in range(100)]
    child.send_raw(b"\0\0")
    assert child.close() == 0
    assert all(one.success for one in child.wait(*put))


def test_control_c_is_for_the_java_half(start, kinesis):
    stream = streams.create(kinesis)
    child = start()
    child.process.send_signal(signal.SIGINT)
    assert child.wait(child.put(stream, "k", b"1"))[0].success


def test_a_child_that_is_full_stops_reading_and_drops_nothing(start, start_server):
    """More than the child and the pipe hold, to a server that is stopped meanwhile."""
    server = start_server("--tls-self-signed", "--limits", "off", "--transition-ms", "0",
                          "--durability", "memory")
    client = server.client(verify=certificate(server))
    stream = streams.create(client)
    child = start(server=server, settings={"record_ttl": 2**63 - 1, "rate_limit": 10_000,
                                           "request_timeout": 60_000})
    server.process.send_signal(signal.SIGSTOP)
    try:
        os.set_blocking(child.writer.fileno(), False)
        body = message((1, stream), (2, "k"), (4, bytes(512 << 10)))
        sent, rest = [], b""
        while True:
            frame = message((1, 1000 + len(sent)), (3, body))
            rest = rest or struct.pack(">I", len(frame)) + frame
            written = child.writer.write(rest)
            if written is None:
                # Full: what does not move for a while waits for room.
                if not select.select([], [child.writer], [], 2)[1]:
                    break
                continue
            rest = rest[written:]
            if not rest:
                sent.append(1000 + len(sent))
            assert len(sent) < 1_000, "the child takes without bound"
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert len(sent) > 64, "less than the buffer holds"
    os.set_blocking(child.writer.fileno(), True)
    child.send_raw(rest)
    assert all(one.success for one in child.wait(*sent))


def test_a_stream_that_is_not_there_fails_attempts_until_it_is_made_or_records_expire(start, kinesis):
    child, hasty = start(), start(settings={"record_ttl": 500})
    expired, = hasty.wait(hasty.put("not-there-yet", "k", b"1"))
    assert not expired.success and expired.codes[-1] == "Expired"
    assert "ResourceNotFoundException" in expired.codes
    put = child.put("not-there-yet", "k", b"2")
    poll(lambda: child.ask_metrics("AllErrors").get(("AllErrors",), 0) > 1)
    assert put not in child.results
    kinesis.create_stream(StreamName="not-there-yet", ShardCount=1)
    result, = child.wait(put)
    assert result.success and [one[2] for one in result.attempts][-2:] == [False, True]
    assert [data for *_, data in stored(kinesis, "not-there-yet")] == [b"2"]


# `cargo xtask long kpl-load` takes more.
LOAD = int(os.environ.get("ANABRANCH_KPL_RECORDS", 20_000))
MAX_GROWTH_BYTES = 24 << 20


def test_records_that_come_without_pause(start, kinesis):
    """Each has one result, everything else is answered beside them, and memory stays flat."""
    stream = streams.create(kinesis, 4)
    child = start(settings={"record_ttl": 300_000})
    step = LOAD // 20
    resident, unanswered, received = [], [], 0
    for first in range(0, LOAD, step):
        for i in range(first, first + step):
            unanswered.append(child.put(stream, f"k{i % 97}", b"%d" % i))
            if i % 500 == 0:
                child.set_credentials()
                child.set_credentials(for_metrics=True)
                before = received
                received = child.ask_metrics("UserRecordsReceived").get(("UserRecordsReceived",), 0)
                assert before <= received <= i + 1
            if i % 700 == 0:
                child.flush()
        # The newest are still in the child: it never has nothing to do.
        resident.append(child.resident())
        old, unanswered = unanswered[:-step // 2], unanswered[-step // 2:]
        assert all(one.success for one in child.wait(*old, seconds=120))
        for number in old:
            del child.results[number]
    assert not child.ended
    # The last ones are answered while it ends.
    assert child.close() == 0
    assert all(one.success for one in child.wait(*unanswered))
    assert child.results.keys() == set(unanswered), "a second result"
    assert max(resident[10:]) < max(resident[5:10]) + MAX_GROWTH_BYTES, resident
    assert sorted(int(data) for *_, data in stored(kinesis, stream)) == list(range(LOAD))


@pytest.mark.parametrize("seed", range(4))
def test_either_side_dies_at_any_point(start, kinesis, seed):
    """Every put has a result or the child is gone; what was acknowledged is in the stream."""
    chance = random.Random(seed)
    stream = streams.create(kinesis, 2)
    child = start(settings={"record_max_buffered_time": chance.choice([1, 100])})
    after, put = chance.randrange(1, 400), {}
    for i in itertools.count():
        try:
            data = f"{i}".encode() * chance.randrange(1, 200)
            put[child.put(stream, f"k{i % 7}", data)] = data
        except BrokenPipeError:
            break
        if i == after:
            if seed % 2:
                child.process.kill()
            else:
                break
    if seed % 2:
        assert child.process.wait(30) == -signal.SIGKILL
    else:
        # Java is killed: half of a message, and both ends are closed at once.
        child.send_raw(struct.pack(">I", 100) + b"half")
        assert child.close() == 0
    with child.changed:
        assert child.changed.wait_for(lambda: child.ended, 30)
    if seed % 2 == 0:
        assert set(child.results) == set(put)
    in_stream = {(number, data) for number, _, data in stored(kinesis, stream)}
    for number, result in child.results.items():
        assert result.success
        assert (result.sequence_number, put[number]) in in_stream


@pytest.mark.skipif(not shutil.which("java"), reason="there is no java")
def test_a_java_program_that_does_the_same_dance(secure, kinesis, tmp_path):
    stream = streams.create(kinesis, 2)
    executable = tmp_path / "kinesis_producer"
    os.symlink(binary(), executable)
    source = pathlib.Path(__file__).parent / "support" / "KplHalf.java"
    run = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", source, executable, tmp_path,
         configuration(**settings_for(secure)), stream, "100"],
        capture_output=True, text=True, timeout=60, env=clean_environment())
    assert run.returncode == 0, run.stderr
    *results, end = map(str.split, run.stdout.splitlines())
    assert end == ["exit", "0"] and all(one[1] == "1" for one in results)
    expected = sorted((one[3], f"k{int(one[0]) - 1000}", f"{int(one[0]) - 1000}".encode())
                      for one in results)
    assert len(expected) == 100 and sorted(stored(kinesis, stream)) == expected
