"""Numbered records for a fixed set of keys, and what the server said about each."""

import hashlib

KEYS = [f"key-{number}" for number in range(24)]

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
