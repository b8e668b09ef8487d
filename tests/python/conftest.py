"""One open server for the whole run, and factories for servers with flags of their own."""

import os

import pytest

from support import seen, streams
from support.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Open, no rate limits, no visible transitions: for everything that is not about those."""
    server = Server(
        tmp_path_factory.mktemp("shared") / "data",
        "--limits", "off", "--shard-limit", "1000000", "--transition-ms", "0",
    )
    server.start()
    yield server
    alive = server.process.poll() is None
    server.stop()
    assert alive, f"the shared server has died:\n{server.log()[-4000:]}"


@pytest.fixture(scope="session")
def client(server):
    return server.client()


@pytest.fixture
def start_server(tmp_path):
    """Starts servers with flags; all of them end with the test."""
    started = []

    def start(*flags, data_dir=None, **options):
        directory = data_dir or tmp_path / f"data{len(started)}"
        server = Server(directory, *flags, **options)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def stream(client):
    """A new stream of one shard on the shared server."""
    name = streams.create(client)
    yield name
    client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


@pytest.fixture
def make_stream(client):
    """Makes streams on the shared server; all of them go with the test."""
    made = []

    def make(shards=1, **options):
        made.append(streams.create(client, shards, **options))
        return made[-1]

    yield make
    for name in made:
        try:
            client.delete_stream(StreamName=name)
        except client.exceptions.ResourceNotFoundException:
            pass


def pytest_sessionfinish(session):
    """Writes which errors of which operation were met, for those who look for gaps."""
    if path := os.environ.get("ANABRANCH_SEEN_ERRORS"):
        seen.write(path)
