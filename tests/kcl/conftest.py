"""One server, one DynamoDB, and the applications of the KCL, which all live at the same time."""

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

    def __str__(self):
        return f"{self.mode}-{self.language}".lower()


KINDS = [Kind("POLLING", "python"), Kind("FANOUT", "python"), Kind("POLLING", "node")]


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """With its default settings: Amazon's limits hold for the KCL too."""
    server = Server(tmp_path_factory.mktemp("server") / "data").start()
    yield server
    alive = server.process.poll() is None
    server.stop()
    assert alive, f"the server has died:\n{server.log()[-4000:]}"


@pytest.fixture(scope="session")
def client(server):
    return server.client()


@pytest.fixture(scope="session")
def dynamodb(tmp_path_factory):
    dynamodb = DynamoDb(tmp_path_factory.mktemp("dynamodb") / "moto.log").start()
    yield dynamodb
    dynamodb.stop()


@pytest.fixture(scope="session")
def lives(request, server, dynamodb, tmp_path_factory):
    """The lives of all applications that chosen tests ask for, begun together: most of each is
    waiting for the KCL's timers."""
    wanted = {item.callspec.params["life"] for item in request.session.items
              if "life" in getattr(item, "fixturenames", ())}
    with concurrent.futures.ThreadPoolExecutor(len(KINDS)) as threads:
        yield {
            kind: threads.submit(live, kind, server, dynamodb, tmp_path_factory.mktemp(str(kind)))
            for kind in KINDS if kind in wanted
        }


def live(kind, server, dynamodb, directory):
    client = server.client()
    stream = streams.create(client, 2, name=f"stream-{kind}")
    worker = Worker(
        directory, application=f"application-{kind}", stream=stream, mode=kind.mode,
        language=kind.language, kinesis=server.endpoint, dynamodb=dynamodb.endpoint)
    return Life(client, dynamodb, worker, stream).live()


@pytest.fixture(params=KINDS, ids=str)
def life(request, lives):
    """The finished life of one application."""
    return lives[request.param].result()
