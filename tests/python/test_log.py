"""A log that cannot be written: the server goes on."""

import os
import subprocess

import pytest

from support.server import binary, clean_environment, Server


class Logging(Server):
    """A server whose log goes to an open file."""

    def __init__(self, data_dir, log):
        super().__init__(data_dir)
        self.log_file = log

    def start(self):
        command = [binary(), "serve", "--listen", self.listen, "--data-dir", str(self.data_dir)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log_file,
                                        env=clean_environment())
        self.endpoint = self._first_line().removeprefix("listening on ")
        return self

    def log(self):
        return ""


@pytest.fixture(params=["full", "closed", "stalled"])
def log(request):
    """A full volume, a pipe that nobody reads any more, and one whose reader has stopped."""
    if request.param == "full":
        with open("/dev/full", "wb") as full:
            yield full
        return
    reader, writer = os.pipe()
    if request.param == "closed":
        os.close(reader)
        yield writer
        os.close(writer)
        return
    os.set_blocking(writer, False)
    try:
        while os.write(writer, bytes(4096)):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    yield writer
    os.close(writer)
    os.close(reader)


def test_a_server_starts_serves_and_ends_without_a_log(tmp_path, log):
    server = Logging(tmp_path / "data", log).start()
    try:
        client = server.client()
        client.create_stream(StreamName="s", ShardCount=1)
        client.get_waiter("stream_exists").wait(StreamName="s", WaiterConfig={"Delay": 1})
        client.put_record(StreamName="s", Data=b"x", PartitionKey="k")
        assert server.terminate() == 0
    finally:
        server.stop()
