"""Numbered records for a fixed set of keys, and what the server said about each."""

KEYS = [f"key-{number}" for number in range(24)]


class Producer:
    def __init__(self, client, stream):
        self.client = client
        self.stream = stream
        self.rounds = 0
        self.acknowledged = []

    def put(self, rounds=1):
        """Puts the next record of every key, `rounds` times, each after the one before."""
        for _ in range(rounds):
            data = str(self.rounds)
            answer = self.client.put_records(
                StreamName=self.stream,
                Records=[{"PartitionKey": key, "Data": data.encode()} for key in KEYS],
            )
            assert answer["FailedRecordCount"] == 0, answer
            self.acknowledged += [
                {"shard": entry["ShardId"], "sequence": entry["SequenceNumber"], "key": key,
                 "data": data}
                for key, entry in zip(KEYS, answer["Records"], strict=True)
            ]
            self.rounds += 1
