"""Numbered records for a fixed set of keys, and what the server said about each."""

import hashlib
import json

from support.server import run_cli

KEYS = [f"key-{number}" for number in range(24)]

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "secret",
               "AWS_REGION": "us-east-1"}

# A round of these is more than a connection's window in HTTP/2 for every shard of the stream.
LARGE_BYTES = 100_000


class Producer:
    def __init__(self, client, stream):
        self.client = client
        self.stream = stream
        self.rounds = 0
        self.acknowledged = []

    def put(self, rounds=1, size=0):
        """Puts the next record of every key, `rounds` times, each after the one before."""
        for _ in range(rounds):
            data = b"%d " % self.rounds
            data = data.ljust(size, b"x")
            answer = self.client.put_records(
                StreamName=self.stream,
                Records=[{"PartitionKey": key, "Data": data} for key in KEYS],
            )
            assert answer["FailedRecordCount"] == 0, answer
            self.acknowledged += [
                {"shard": entry["ShardId"], "sequence": entry["SequenceNumber"], "key": key,
                 "number": self.rounds, "digest": hashlib.sha256(data).hexdigest()}
                for key, entry in zip(KEYS, answer["Records"], strict=True)
            ]
            self.rounds += 1

    def put_aggregated(self, server, rounds=3):
        """The same rounds, those of a key in one aggregate by our own command. Half of the keys have an explicit
        hash key, which is of the other half of the ring."""
        data = [b"%d " % number for number in range(self.rounds, self.rounds + rounds)]
        for place, key in enumerate(KEYS):
            flags = ["--explicit-hash-key", str(opposite(key))] if place % 2 else []
            result = run_cli(
                "put", self.stream, "--aggregate", "--key", key, "--json", "--linger", "5s", *flags,
                "--endpoint", server.endpoint, stdin=b"\n".join(data) + b"\n", env=ENVIRONMENT)
            assert result.returncode == 0, result.stderr
            receipts = [json.loads(line) for line in result.stdout.splitlines()]
            assert [one["subSequenceNumber"] for one in receipts] == list(range(rounds))
            self.acknowledged += [
                {"shard": receipt["shard"], "sequence": receipt["sequenceNumber"], "key": key,
                 "number": self.rounds + number, "digest": hashlib.sha256(data[number]).hexdigest()}
                for number, receipt in enumerate(receipts)
            ]
        self.rounds += rounds


def opposite(key):
    """A hash key that is as far from the key's as one can be."""
    return int(hashlib.md5(key.encode()).hexdigest(), 16) ^ 1 << 127
