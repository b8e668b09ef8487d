"""Volumes that others fill under a server: real ones, which only root can make. Else they are skipped."""

import contextlib
import os
import re
import shutil
import socket
import subprocess

import pytest

from support import streams
from support.server import Server, poll

MIB = 1 << 20
# The smallest that hold two journal files and some; XFS is not made smaller.
SIZES = {"tmpfs": 120 * MIB, "ext4": 140 * MIB, "btrfs": 384 * MIB, "xfs": 310 * MIB}


def run(*command):
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@pytest.fixture
def make_volume(tmp_path):
    """Makes and mounts volumes, or skips the test and says why."""
    mounted = []

    def make(kind):
        path = tmp_path / "volume"
        path.mkdir()
        if os.geteuid() != 0:
            pytest.skip("only root can mount a volume")
        try:
            if kind == "tmpfs":
                run("mount", "-t", "tmpfs", "-o", f"size={SIZES[kind]}", "tmpfs", path)
            else:
                if not shutil.which(f"mkfs.{kind}"):
                    pytest.skip(f"there is no mkfs.{kind}")
                image = tmp_path / "image"
                with open(image, "wb") as file:
                    file.truncate(SIZES[kind])
                run(f"mkfs.{kind}", "-q", image)
                run("mount", "-o", "loop", image, path)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"cannot make a volume with {kind}: {error.stderr.decode().strip()}")
        mounted.append(path)
        return path

    yield make
    for path in mounted:
        run("umount", path)


def fill(path):
    """Takes all the space that others may have."""
    with open(path, "wb", buffering=0) as file:
        piece, end = 64 * MIB, 0
        while piece >= 4096:
            try:
                os.posix_fallocate(file.fileno(), end, piece)
                end += piece
            except OSError:
                piece //= 2
        file.seek(end)
        with contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass


class Puts:
    """Numbered records, and which of them were acknowledged."""

    def __init__(self, server):
        self.server, self.client = server, server.client()
        self.name = streams.create(self.client)
        self.sent, self.stored = 0, set()

    def put(self, size, count=1):
        """Whether so many records were stored, in one request and so with one sync."""
        numbers = range(self.sent, self.sent + count)
        self.sent += count
        records = [{"Data": number.to_bytes(8, "big") + os.urandom(size), "PartitionKey": "k"}
                   for number in numbers]
        answer = self.client.put_records(StreamName=self.name, Records=records)
        codes = {record.get("ErrorCode") for record in answer["Records"]}
        assert codes in ({None}, {"InternalFailure"}), "all or none"
        if codes == {None}:
            self.stored.update(numbers)
        return codes == {None}

    def found(self):
        client, found = self.server.client(), []
        iterator = streams.iterator(client, self.name)
        while True:
            answer = client.get_records(ShardIterator=iterator)
            found += [int.from_bytes(record["Data"][:8], "big") for record in answer["Records"]]
            if answer["MillisBehindLatest"] == 0:
                return found
            iterator = answer["NextShardIterator"]


@pytest.mark.parametrize("kind", ["tmpfs", "ext4", "xfs", "btrfs", "btrfs with a snapshot"])
def test_a_volume_that_others_fill_refuses_writes_at_most(make_volume, tmp_path, kind):
    file_system, _, has_snapshot = kind.partition(" ")
    volume = make_volume(file_system)
    data_dir = volume / "data"
    if has_snapshot:
        run("btrfs", "subvolume", "create", data_dir)
    server = Server(data_dir, "--transition-ms", "0", "--limits", "off",
                    "--journal-file-bytes", 16 * MIB)
    server.log_path = tmp_path / "log"
    try:
        check_full_volume(server.start(), volume, has_snapshot)
    finally:
        server.stop()


def check_full_volume(server, volume, has_snapshot):
    puts = Puts(server)
    assert all(puts.put(10_000) for _ in range(5))
    if has_snapshot:
        run("btrfs", "subvolume", "snapshot", "-r", server.data_dir, volume / "snapshot")
    fill(volume / "others")
    small = [puts.put(10_000) for _ in range(5)]
    # What is in a snapshot as well is written to another place.
    assert all(small) or has_snapshot
    # A sync and a file that it cannot make take Btrfs a second each: it looks for space everywhere.
    while puts.put(900_000, count=5):
        assert puts.sent < 200, "the volume is not full"
    assert server.health()["status"] == "full"
    (volume / "others").unlink()
    os.sync()
    poll(lambda: puts.put(900_000), what="writes without a restart")
    assert all(puts.put(900_000, count=5) for _ in range(4))
    assert server.health()["status"] == "ok"
    server.restart()
    assert puts.found() == sorted(puts.stored), "each once, and nothing that was refused"


def break_connections(server, count):
    """Has the server write so many lines."""
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
            sock.sendall(b"nonsense\r\n\r\n")
            while sock.recv(4096):
                pass


def lines_of_broken_connections(server):
    """How many the log has, and how many lines it says are lost."""
    log = server.log()
    lost = re.findall(r"^(\d+) lines of the log could not be written$", log, re.MULTILINE)
    return log.count("a connection ended with an error"), sum(map(int, lost))


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_log_on_the_volume_that_is_full_loses_lines_and_counts_them(make_volume, kind):
    """Data and log on one volume, as on most machines."""
    volume = make_volume(kind)
    server = Server(volume / "data", "--transition-ms", "0", "--limits", "off",
                    "--journal-file-bytes", 16 * MIB, "--log-level", "info,anabranch_server=debug")
    assert server.log_path.parent == volume
    server.start()
    try:
        puts = Puts(server)
        assert puts.put(10_000)
        fill(volume / "others")
        while puts.put(900_000, count=5):
            assert puts.sent < 200, "the volume is not full"
        broken = 0

        def lines_are_lost():
            # What the server gave up making meanwhile has left room.
            nonlocal broken
            fill(volume / f"others {broken}")
            before, _ = lines_of_broken_connections(server)
            break_connections(server, 200)
            broken += 200
            after, _ = lines_of_broken_connections(server)
            return after < before + 100
        poll(lines_are_lost, what="a log that cannot be written")
        assert server.process.poll() is None, "it goes on"
        assert server.health()["status"] == "full"
        assert puts.found() == sorted(puts.stored), "reads go on"
        for others in volume.glob("others*"):
            others.unlink()
        os.sync()
        poll(lambda: puts.put(900_000), what="writes without a restart")
        assert all(puts.put(900_000, count=5) for _ in range(4))
        assert server.health()["status"] == "ok"
        break_connections(server, 1)
        poll(lambda: sum(lines_of_broken_connections(server)) > broken, what="all lines are counted")
        assert lines_of_broken_connections(server)[1] > 100
        assert server.terminate() == 0
    finally:
        server.stop()
