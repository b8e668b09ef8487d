"""The life of one application: shards are split and merged, worker and server start again.

It is lived once and then looked at from several sides. The KCL promises every record at least
once; here every record must come exactly once, for no lease is lost, the worker ends in order, and
a reader's position outlives the server's process.
"""

from support import streams
from support.server import poll

from . import journal
from .producer import LARGE_BYTES, Producer

# The KCL waits up to 30 s before it makes leases for a new application, and starting two JVMs on a
# busy machine takes its time.
SECONDS = 120

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"


class LifeFailed(AssertionError):
    """The life of an application did not come to its end."""


class Life:
    def __init__(self, server, dynamodb, worker, stream):
        self.server = server
        self.client = client = server.client()
        self.dynamodb = dynamodb
        self.worker = worker
        self.stream = stream
        self.producer = Producer(client, stream)
        # Of the worker that was asked to end: its exit code, its events, what it left.
        self.exit_code = None
        self.first_events = []
        self.first_checkpoints = {}
        # What the worker had logged before its server was killed, and its leases at the end.
        self.undisturbed_log = None
        self.checkpoints = None

    def live(self, begins_late):
        try:
            self.producer.put(5)
            self.producer.put(size=LARGE_BYTES)
            if not begins_late:
                self.begin()
            self.go_on()
        except Exception as error:
            raise LifeFailed(f"{error!r}\nend of {self.worker.log_path}:\n"
                             f"{self.worker.log_tail()}") from error
        finally:
            self.worker.stop()
        return self

    def begin(self):
        """A worker reads the stream and is asked to end. No shard is closed yet: the KCL does not
        end within its time while it still holds the lease of a finished shard."""
        self.worker.start()
        self.wait_for_all_records()
        self.producer.put_aggregated(self.server)
        self.wait_for_all_records()
        self.exit_code = self.worker.terminate()
        self.first_events = self.events()
        self.first_checkpoints = self.checkpoints_now()

    def go_on(self):
        # Nobody reads: what starts next must begin with the parent and find the children itself.
        self.producer.put(5)
        lower, upper = self.split(FIRST)
        self.worker.start()
        self.wait_for_all_records()
        self.wait_for_ends([FIRST])

        # While it reads: shards of two generations into one, and another into two.
        self.producer.put(size=LARGE_BYTES)
        self.merge(upper, SECOND)
        self.split(lower)
        self.wait_for_ends([upper, SECOND, lower])
        self.wait_for_all_records()

        self.undisturbed_log = self.worker.log()
        self.producer.put(5)
        self.kill_server()
        self.producer.put(5)
        self.wait_for_all_records()
        self.checkpoints = self.checkpoints_now()

    def checkpoints_now(self):
        return self.dynamodb.checkpoints(self.worker.application)

    def kill_server(self):
        """Its successor takes over data and address."""
        self.server.kill()
        self.server.listen = f"127.0.0.1:{self.server.port}"
        self.server.start()

    def events(self):
        return self.worker.journal.events()

    def shards(self):
        return {shard["ShardId"]: shard
                for shard in self.client.list_shards(StreamName=self.stream)["Shards"]}

    def split(self, shard):
        """Splits a shard in its middle, and returns the children, the lower one first."""
        before = self.shards()
        middle = sum(int(key) for key in before[shard]["HashKeyRange"].values()) // 2 + 1
        self.client.split_shard(
            StreamName=self.stream, ShardToSplit=shard, NewStartingHashKey=str(middle))
        self.write_until_active()
        return sorted(self.shards().keys() - before.keys())

    def merge(self, shard, adjacent):
        self.client.merge_shards(
            StreamName=self.stream, ShardToMerge=shard, AdjacentShardToMerge=adjacent)
        self.write_until_active()

    def write_until_active(self):
        """Writes before, during and after the change, so that every shard has records."""
        while streams.status(self.client, self.stream) != "ACTIVE":
            self.producer.put()
        self.producer.put(5)

    def wait_for_all_records(self):
        def all_came():
            self.worker.assert_running()
            return len(journal.records(self.events())) >= len(self.producer.acknowledged)

        poll(all_came, SECONDS, f"delivery of {len(self.producer.acknowledged)} records")

    def wait_for_ends(self, shards):
        def all_ended():
            self.worker.assert_running()
            return set(shards) <= journal.ended(self.events()).keys()

        poll(all_ended, SECONDS, f"end of {shards}")
