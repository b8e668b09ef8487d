"""The unmodified Java KCL reads a stream through splits, merges and a restart of its worker."""

import collections
import hashlib
import json
import signal

from support.server import run_cli

from harness import journal
from harness.life import FIRST, SECOND
from harness.producer import ENVIRONMENT, KEYS


def test_every_acknowledged_record_is_delivered_exactly_once(life):
    def comparable(records):
        return sorted((r["shard"], r["sequence"], r["key"], r["digest"]) for r in records)

    delivered = journal.records(life.events())
    assert comparable(delivered) == comparable(life.producer.acknowledged)


def test_user_records_of_our_aggregates_are_what_our_reader_says(resumed_life):
    """Keys, data and places of every user record. The KCL drops an aggregate with a hash key, explicit or not,
    of another shard."""
    life = resumed_life
    result = run_cli("tail", life.stream, "--from", "trim-horizon", "--no-follow", "--format", "json",
                     "--endpoint", life.server.endpoint, env=ENVIRONMENT)
    assert result.returncode == 0, result.stderr
    ours = [json.loads(line) for line in result.stdout.splitlines()]
    assert sum("explicitHashKey" in line for line in ours) == len(KEYS) // 2 * 3
    assert {line.get("subSequenceNumber") for line in ours} == {None, 0, 1, 2}
    found = [(r["shard"], r["sequence"], r["sub_sequence"], r["key"], r["digest"])
             for r in journal.records(life.events())]
    assert sorted(found) == sorted(
        (line["shard"], line["sequenceNumber"], line.get("subSequenceNumber", 0),
         line["partitionKey"], hashlib.sha256(line["data"].encode()).hexdigest()) for line in ours)


def test_records_of_a_key_come_in_their_order_over_all_shards(life):
    found = collections.defaultdict(list)
    for record in journal.records(life.events()):
        found[record["key"]].append(record["number"])
    assert found == {key: list(range(life.producer.rounds)) for key in KEYS}


def test_a_shard_begins_only_after_all_of_its_parents_have_ended(life):
    events = life.events()
    ends, begins = journal.ended(events), journal.begun(events)
    parents_seen = []
    for name, shard in life.shards().items():
        parents = [shard[role] for role in ("ParentShardId", "AdjacentParentShardId")
                   if role in shard]
        parents_seen.append(len(parents))
        first, position = begins[name][0]
        assert position == "TRIM_HORIZON"
        assert all(ends[parent] < first for parent in parents), (name, parents)
    assert sorted(parents_seen) == [0, 0, 1, 1, 1, 1, 2]


def test_closed_shards_end_once_and_open_ones_never(life):
    closed = {name for name, shard in life.shards().items()
              if "EndingSequenceNumber" in shard["SequenceNumberRange"]}
    assert len(closed) == 4
    ends = [event["shard"] for event in life.events() if event["event"] == "shard_ended"]
    assert sorted(ends) == sorted(closed)
    in_table = {shard for shard, checkpoint in life.checkpoints.items()
                if checkpoint == "SHARD_END"}
    assert in_table == closed


def test_a_worker_asked_to_end_lets_its_processors_checkpoint(resumed_life):
    assert resumed_life.exit_code == 128 + signal.SIGTERM
    events = resumed_life.first_events
    asked = [event["shard"] for event in events if event["event"] == "shutdown_requested"]
    assert sorted(asked) == [FIRST, SECOND]
    last = {record["shard"]: record["sequence"] for record in journal.records(events)}
    assert resumed_life.first_checkpoints == last


def test_a_resumed_worker_begins_at_its_checkpoints(resumed_life):
    positions = {shard: [position for _, position in places]
                 for shard, places in journal.begun(resumed_life.events()).items()}
    for shard in (FIRST, SECOND):
        assert positions.pop(shard) == ["TRIM_HORIZON", resumed_life.first_checkpoints[shard]]
    assert list(positions.values()) == [["TRIM_HORIZON"]] * 5
