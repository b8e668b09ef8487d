"""A copy of a running server's directory is a server with everything that was acknowledged before."""

import concurrent.futures
import json
import stat
import threading

import pytest

from support import streams
from support.server import poll, run_cli

FLAGS = ("--limits", "off", "--transition-ms", "0")
SMALL = ("--journal-file-bytes", "16MiB", "--tail-cache-bytes", "32MiB")
SIZE = 50_000


class Writer:
    """Puts batches until it is stopped, and keeps what was acknowledged, in order."""

    def __init__(self, server, stream, number):
        self.client = server.client()
        self.stream, self.number = stream, number
        self.acknowledged = []
        self.stop = threading.Event()

    def run(self):
        index = 0
        while not self.stop.is_set():
            batch = [b"%d %d " % (self.number, index + n) for n in range(20)]
            answer = self.client.put_records(StreamName=self.stream, Records=[
                {"Data": payload.ljust(SIZE, b"."), "PartitionKey": f"w{self.number}"}
                for payload in batch])
            assert answer["FailedRecordCount"] == 0
            self.acknowledged += [(r["ShardId"], r["SequenceNumber"], payload)
                                  for r, payload in zip(answer["Records"], batch, strict=True)]
            index += len(batch)


def check(found, before):
    """What was acknowledged before the copy is in it, once, and each shard is in order."""
    by_number = {}
    for shard, records in found.items():
        numbers = [int(record["SequenceNumber"]) for record in records]
        assert numbers == sorted(set(numbers)), f"{shard} is out of order"
        by_number.update({(shard, r["SequenceNumber"]): r["Data"] for r in records})
    payloads = [data.rstrip(b".") for data in by_number.values()]
    assert len(payloads) == len(set(payloads)), "a record is there twice"
    for shard, number, payload in before:
        assert by_number.get((shard, number), b"").rstrip(b".") == payload, (shard, number)


def test_backups_of_a_server_under_load_hold_what_was_acknowledged_before(start_server, tmp_path):
    server = start_server(*FLAGS, *SMALL)
    name = streams.create(server.client(), 3, Tags={"kept": "yes"})
    writers = [Writer(server, name, number) for number in range(3)]
    copies = []
    with concurrent.futures.ThreadPoolExecutor(len(writers)) as pool:
        running = [pool.submit(writer.run) for writer in writers]
        try:
            for copy in range(3):
                # More than a journal file: what is copied is being retired meanwhile.
                goal = (copy + 1) * 400
                poll(lambda: sum(len(w.acknowledged) for w in writers) > goal, 120, "records")
                before = [one for writer in writers for one in list(writer.acknowledged)]
                target = tmp_path / f"copy{copy}"
                result = run_cli("backup", server.data_dir, "--to", target, "--json", seconds=120)
                assert result.returncode == 0, result.stderr
                report = json.loads(result.stdout)
                assert report["ok"] and report["bytes"] > len(before) * SIZE
                copies.append((target, before))
        finally:
            for writer in writers:
                writer.stop.set()
        for future in running:
            future.result(60)
    last = [one for writer in writers for one in writer.acknowledged]
    for target, before in copies:
        restored = start_server(*FLAGS, data_dir=target)
        client = restored.client()
        check(streams.read_all(client, name), before)
        assert client.list_tags_for_stream(StreamName=name)["Tags"] == [
            {"Key": "kept", "Value": "yes"}]
        newest = max(int(number) for _, number, _ in before)
        put = client.put_record(StreamName=name, Data=b"after", PartitionKey="after")
        assert int(put["SequenceNumber"]) > newest or put["ShardId"] != before[-1][0]
        assert restored.terminate() == 0
    check(streams.read_all(server.client(), name), last)


def test_a_copy_has_the_keyring_and_its_modes(start_server, tmp_path):
    server = start_server(*FLAGS, "--tls-self-signed")
    client = server.client(verify=str(server.data_dir / "tls-cert.pem"))
    name = streams.create(client)
    client.start_stream_encryption(StreamName=name, EncryptionType="KMS",
                                   KeyId="alias/aws/kinesis")
    streams.wait_active(client, name)
    client.put_record(StreamName=name, Data=b"secret", PartitionKey="k")
    target = tmp_path / "copy"
    result = run_cli("backup", server.data_dir, "--to", target)
    assert result.returncode == 0, result.stderr
    assert b"intact" in result.stdout
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    for path in target.rglob("*"):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path
    restored = start_server(*FLAGS, "--tls-self-signed", data_dir=target)
    client = restored.client(verify=str(server.data_dir / "tls-cert.pem"))
    assert streams.data(streams.read(client, name)) == [b"secret"]
    bare = tmp_path / "bare"
    result = run_cli("backup", server.data_dir, "--to", bare, "--without-keyring")
    assert result.returncode == 0, result.stderr
    assert not (bare / "keyring.toml").exists() and (bare / "tls-key.pem").exists()


def test_a_stopped_server_is_copied_too_and_full_targets_are_refused(start_server, tmp_path):
    server = start_server(*FLAGS)
    name = streams.create(server.client())
    server.client().put_record(StreamName=name, Data=b"x", PartitionKey="k")
    assert server.terminate() == 0
    target = tmp_path / "copy"
    assert run_cli("backup", server.data_dir, "--to", target).returncode == 0
    again = run_cli("backup", server.data_dir, "--to", target)
    assert again.returncode == 1 and b"not empty" in again.stderr
    itself = run_cli("backup", server.data_dir, "--to", server.data_dir)
    assert itself.returncode == 1 and b"not empty" in itself.stderr
    nothing = run_cli("backup", tmp_path / "none", "--to", tmp_path / "other")
    assert nothing.returncode == 1 and str(tmp_path / "none").encode() in nothing.stderr
    assert not (tmp_path / "other" / "FORMAT").exists()
    restored = start_server(*FLAGS, data_dir=target)
    assert streams.data(streams.read(restored.client(), name)) == [b"x"]


@pytest.mark.parametrize("durability", ["interval=50"])
def test_the_last_numbers_are_not_given_again_by_a_copy_of_weaker_durability(
        start_server, tmp_path, durability):
    server = start_server(*FLAGS, "--durability", durability)
    client = server.client()
    name = streams.create(client)
    put = client.put_record(StreamName=name, Data=b"x", PartitionKey="k")
    target = tmp_path / "copy"
    assert run_cli("backup", server.data_dir, "--to", target).returncode == 0
    restored = start_server(*FLAGS, "--durability", durability, data_dir=target)
    client = restored.client()
    after = client.put_record(StreamName=name, Data=b"y", PartitionKey="k")
    assert int(after["SequenceNumber"]) > int(put["SequenceNumber"])
    assert streams.data(streams.read(client, name)) == [b"x", b"y"]
