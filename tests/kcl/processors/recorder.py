"""A record processor that writes down all it is given, and checkpoints after every batch.

Every process appends whole lines to one file, so that the lines of all shards have one order.
"""

import hashlib
import json
import os

from amazon_kclpy import kcl
from amazon_kclpy.v3 import processor


class Recorder(processor.RecordProcessorBase):
    def __init__(self):
        self.journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.shard = None

    def initialize(self, initialize_input):
        self.shard = initialize_input.shard_id
        self.note("initialize", position=initialize_input.sequence_number)

    def process_records(self, process_records_input):
        records = [
            {
                "sequence": record.sequence_number,
                "sub_sequence": record.sub_sequence_number,
                "key": record.partition_key,
                "number": int(record.binary_data.split(b" ")[0]),
                "digest": hashlib.sha256(record.binary_data).hexdigest(),
            }
            for record in process_records_input.records
        ]
        self.note("records", records=records)
        process_records_input.checkpointer.checkpoint()
        self.note("checkpoint", position=records[-1]["sequence"])

    def lease_lost(self, lease_lost_input):
        self.note("lease_lost")

    def shard_ended(self, shard_ended_input):
        self.note("shard_ended")
        shard_ended_input.checkpointer.checkpoint()
        self.note("checkpoint", position="SHARD_END")

    def shutdown_requested(self, shutdown_requested_input):
        self.note("shutdown_requested")
        shutdown_requested_input.checkpointer.checkpoint()

    def note(self, event, **facts):
        line = json.dumps({"shard": self.shard, "pid": os.getpid(), "event": event, **facts})
        os.write(self.journal, (line + "\n").encode())


if __name__ == "__main__":
    kcl.KCLProcess(Recorder()).run()
