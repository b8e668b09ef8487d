"""`anabranch inspect --repair` saves what is intact into a directory that a server serves."""

import json

import pytest

from support import streams
from support.server import StartFailed, run_cli

FLAGS = ("--limits", "off", "--transition-ms", "0")


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def snapshot_of(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def repair(server, target, *flags):
    """Repairs the stopped server's directory, which must not change."""
    before = snapshot_of(server.data_dir)
    result = run_cli("inspect", server.data_dir, "--repair", target, "--json", *flags)
    assert snapshot_of(server.data_dir) == before, "the old directory was written to"
    return result, json.loads(result.stdout)


@pytest.fixture
def filled(start_server):
    """A stopped server with a stream of two shards and 40 records, each in a request of its own."""
    server = start_server(*FLAGS)
    client = server.client()
    name = streams.create(client, 2, Tags={"kept": "yes"})
    for number in range(40):
        client.put_record(StreamName=name, Data=b"record %d" % number, PartitionKey=str(number))
    found = streams.read_all(client, name)
    assert server.terminate() == 0
    return server, name, found


def journal(server):
    return next((server.data_dir / "journal").glob("*.journal"))


def numbers(found):
    return {shard: [r["SequenceNumber"] for r in records] for shard, records in found.items()}


def test_a_damaged_record_is_lost_alone_and_said_so(filled, start_server, tmp_path):
    server, name, found = filled
    at = journal(server).read_bytes().index(b"record 20")
    flip(journal(server), at)
    with pytest.raises(StartFailed) as refused:
        server.start()
    assert str(journal(server)) in refused.value.args[0]
    assert "offset=" in refused.value.args[0] and "--repair NEW_DIR" in refused.value.args[0]
    target = tmp_path / "saved"
    result, report = repair(server, target)
    assert result.returncode == 1 and b"findings=1" in result.stderr
    (finding,) = report["findings"]
    assert finding["path"] == str(journal(server)) and finding["records_max"] == 1
    assert finding["offset"] < at < finding["offset"] + finding["bytes"]
    (shard,) = [s for s, rs in found.items() if b"record 20" in streams.data(rs)]
    assert finding["shard"].endswith(f"{name} {shard}")
    lost = next(r for r in found[shard] if r["Data"] == b"record 20")["SequenceNumber"]
    low, high = finding["lost"].split("sequence numbers from ")[1].split(" up to ")
    assert int(low) <= int(lost) < int(high)
    client = start_server(*FLAGS, data_dir=target).client()
    saved = streams.read_all(client, name)
    expected = {s: [n for n in own if n != lost] for s, own in numbers(found).items()}
    assert numbers(saved) == expected
    assert client.list_tags_for_stream(StreamName=name)["Tags"] == [{"Key": "kept", "Value": "yes"}]
    put = client.put_record(StreamName=name, Data=b"after", PartitionKey="k")
    assert int(put["SequenceNumber"]) > max(int(n) for own in expected.values() for n in own)


def test_what_loses_nothing_is_repaired_with_success(filled, start_server, tmp_path):
    server, name, found = filled
    flip(journal(server), 3)
    flip(server.data_dir / "FORMAT", 0)
    with pytest.raises(StartFailed, match="FORMAT"):
        server.start()
    result, report = repair(server, tmp_path / "saved")
    assert result.returncode == 0 and report["ok"] and len(report["findings"]) == 2
    client = start_server(*FLAGS, data_dir=tmp_path / "saved").client()
    assert numbers(streams.read_all(client, name)) == numbers(found)


def test_records_whose_stream_is_forgotten_are_kept_and_named(filled, start_server, tmp_path):
    server, name, found = filled
    content = journal(server).read_bytes()
    # The name as CreateStream has it, the only place where it stands.
    flip(journal(server), content.index(name.encode()))
    result, report = repair(server, tmp_path / "saved")
    assert result.returncode == 1
    kept = {one["shard"].split(" ")[1]: one["records"] for one in report["unattributed"]}
    assert kept == {shard: len(records) for shard, records in found.items()}
    assert all(one["stream_number"] == 0 for one in report["unattributed"])
    client = start_server(*FLAGS, data_dir=tmp_path / "saved").client()
    assert client.list_streams()["StreamNames"] == ["salvaged-0"]
    saved = streams.read_all(client, "salvaged-0")
    assert {s: streams.data(rs) for s, rs in saved.items()} == {
        s: streams.data(rs) for s, rs in found.items()}
    again = streams.create(client)
    assert streams.read(client, again) == [], "a new stream has nothing of an old one"


def test_a_server_that_runs_and_a_full_target_are_refused(start_server, tmp_path):
    server = start_server(*FLAGS)
    refused = run_cli("inspect", server.data_dir, "--repair", tmp_path / "saved")
    assert refused.returncode == 1 and b"stop that first" in refused.stderr
    assert server.terminate() == 0
    full = run_cli("inspect", server.data_dir, "--repair", server.data_dir)
    assert full.returncode == 1 and b"not empty" in full.stderr
    text = run_cli("inspect", server.data_dir, "--repair", tmp_path / "saved")
    assert text.returncode == 0 and b"nothing is lost" in text.stdout
