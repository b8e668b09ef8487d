"""Applications of the KCL, each with a server of its own, and the DynamoDB that they share."""

import concurrent.futures
import dataclasses

import pytest

from support import streams
from support.server import Server

from harness.dynamodb import DynamoDb
from harness.life import Life
from harness.worker import Worker


@dataclasses.dataclass(frozen=True)
class Kind:
    mode: str
    language: str
    # Whether its first worker starts when the stream has been resharded already.
    begins_late: bool = False

    def __str__(self):
        return f"{self.mode}-{self.language}".lower()


KINDS = [
    Kind("POLLING", "python"),
    Kind("FANOUT", "python"),
    Kind("POLLING", "node", begins_late=True),
]


@pytest.fixture(scope="session")
def dynamodb(tmp_path_factory):
    dynamodb = DynamoDb(tmp_path_factory.mktemp("dynamodb") / "moto.log").start()
    yield dynamodb
    dynamodb.stop()


@pytest.fixture(scope="session")
def lives(request, dynamodb, tmp_path_factory):
    """The lives of all applications that the chosen tests ask for, by kind. They are begun
    together: most of each is waiting for the KCL's timers."""
    wanted = {item.callspec.params[fixture] for item in request.session.items
              for fixture in ("life", "resumed_life") if fixture in item.fixturenames}
    directories = {kind: tmp_path_factory.mktemp(str(kind)) for kind in KINDS if kind in wanted}
    # Amazon's limits hold for calls, but not for bytes: waiting for those would only take time.
    flags = ["--limit-shard-write-bytes", "0", "--limit-shard-read-bytes", "0"]
    servers = {kind: Server(directory / "data", *flags) for kind, directory in directories.items()}
    try:
        with concurrent.futures.ThreadPoolExecutor(len(KINDS)) as threads:
            yield {kind: threads.submit(live, kind, servers[kind], dynamodb, directory)
                   for kind, directory in directories.items()}
        died = [str(kind) for kind, server in servers.items() if server.process.poll() is not None]
    finally:
        for server in servers.values():
            server.stop()
    assert not died, f"servers that have died: {died}"


def live(kind, server, dynamodb, directory):
    server.start()
    stream = streams.create(server.client(), 2, name=f"stream-{kind}")
    worker = Worker(
        directory, application=f"application-{kind}", stream=stream, mode=kind.mode,
        language=kind.language, kinesis=server.endpoint, dynamodb=dynamodb.endpoint)
    return Life(server, dynamodb, worker, stream).live(kind.begins_late)


@pytest.fixture(params=KINDS, ids=str)
def life(request, lives):
    """The finished life of one application."""
    return lives[request.param].result()


@pytest.fixture(params=[kind for kind in KINDS if not kind.begins_late], ids=str)
def resumed_life(request, lives):
    """The same, of one whose worker was asked to end and started again."""
    return lives[request.param].result()
