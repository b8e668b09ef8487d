"""The Java half of the Kinesis Producer Library in miniature: starts the child, talks to it over
named pipes. Written from the protocol's tables."""

import os
import pathlib
import queue
import shlex
import struct
import subprocess
import threading

from .protobuf import fields, message
from .server import binary, clean_environment

SECONDS = 30
CREDENTIALS_ID = 9223372036854775807
PUT_RECORD, FLUSH, RESULT, CONFIGURATION, METRICS_REQUEST, METRICS = 3, 4, 5, 6, 7, 8
SET_CREDENTIALS, STREAM_METADATA = 9, 10

# What the Java half always sends, by the numbers of the fields.
DEFAULTS = {
    1: True, 2: 4294967295, 3: 51200, 4: "", 5: 443, 6: 500, 7: 5242880, 8: 6000, 9: False,
    10: False, 11: "", 12: 443, 13: "info", 14: 24, 15: "shard", 16: "detailed",
    17: "KinesisProducerLibrary", 18: 60000, 19: 1, 20: 150, 21: 100, 22: 30000, 23: "us-east-1",
    24: 6000, 25: True, 26: "", 27: 443, 28: "", 29: "", 30: 0, 31: 0,
}
NUMBERS = {
    "aggregation_enabled": 1, "collection_max_count": 6, "kinesis_endpoint": 11, "kinesis_port": 12,
    "metrics_level": 16, "rate_limit": 20, "record_max_buffered_time": 21, "record_ttl": 22,
    "region": 23, "request_timeout": 24, "verify_certificate": 25, "fail_if_throttled": 10,
    "cloudwatch_endpoint": 4, "metrics_namespace": 17, "metrics_upload_delay": 18, "additional_dimension": 128,
}


def configuration(**settings):
    """The value of `-c`."""
    values = DEFAULTS | {NUMBERS[name]: value for name, value in settings.items()}
    body = message(*sorted(values.items()))
    return message((1, 1), (CONFIGURATION, body)).hex()


def set_credentials(access_key="123456789012", secret="secret", token=None, for_metrics=False):
    pair = message((1, access_key), (2, secret), (3, token))
    return message((1, for_metrics), (2, pair))


def settings_for(server, **more):
    """Settings to reach a server with TLS, whose certificate is not checked."""
    return {"kinesis_endpoint": "127.0.0.1", "kinesis_port": server.port,
            "verify_certificate": False, **more}


def child_command():
    """Another build of the child, perhaps with the emulator before it, or the binary under test."""
    return shlex.split(os.environ.get("ANABRANCH_KPL_CHILD", "")) or [binary(), "kpl"]


class Result:
    """A put_record_result."""

    def __init__(self, body):
        found = fields(body)
        self.success = bool(found[2][0])
        self.shard_id = found.get(3, [b""])[0].decode()
        self.sequence_number = found.get(4, [b""])[0].decode()
        # Each as delay, duration, success, code, text. The first three are required.
        attempts = [fields(attempt) for attempt in found.get(1, [])]
        self.attempts = [(one[1][0], one[2][0], bool(one[3][0]), one.get(4, [b""])[0].decode(),
                          one.get(5, [b""])[0].decode()) for one in attempts]
        self.codes = [one[3] for one in self.attempts]


class Child:
    """A child process, with a thread that collects what it tells."""

    def __init__(self, directory, *flags, executable=None, settings=None, config=None,
                 credentials=True, env=None):
        directory = pathlib.Path(directory)
        self.ours, self.theirs = directory / "to-child", directory / "from-child"
        for path in (self.ours, self.theirs):
            path.unlink(missing_ok=True)
            os.mkfifo(path)
        command = [str(executable)] if executable else child_command()
        command += ["-o", self.ours, "-i", self.theirs,
                    "-c", config or configuration(**(settings or {})), *flags]
        self.log_path = directory / "child.log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**clean_environment(), "CA_DIR": "", "CA_FILE": "", **(env or {})})
        self.results, self.metrics = {}, queue.Queue()
        self.changed = threading.Condition()
        self.ended = False
        self.next_id = 1
        self.reader = self.writer = None
        self._open()
        if credentials:
            self.set_credentials()
            self.set_credentials(for_metrics=True)

    def _open(self):
        """In the order of the Java half: the pipe that it reads first, each waits for the child."""
        ends = {}

        def opening():
            ends["read"] = open(self.theirs, "rb")
            ends["write"] = open(self.ours, "wb", buffering=0)

        thread = threading.Thread(target=opening, daemon=True)
        thread.start()
        thread.join(SECONDS)
        assert not thread.is_alive(), f"the child does not open its pipes: {self.log()}"
        self.reader, self.writer = ends["read"], ends["write"]
        threading.Thread(target=self._collect, daemon=True).start()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def _collect(self):
        try:
            while header := self.reader.read(4):
                size = struct.unpack(">I", header)[0]
                found = fields(self.reader.read(size))
                with self.changed:
                    if METRICS in found:
                        self.metrics.put((found[2][0], found[METRICS][0]))
                    else:
                        assert found[2][0] not in self.results, "a second result"
                        self.results[found[2][0]] = Result(found[RESULT][0])
                    self.changed.notify_all()
        finally:
            with self.changed:
                self.ended = True
                self.changed.notify_all()

    def send_raw(self, data):
        view = memoryview(data)
        while view:
            view = view[self.writer.write(view):]

    def send(self, kind, body, number=None):
        if number is None:
            number, self.next_id = self.next_id, self.next_id + 1
        frame = message((1, number), (kind, body))
        self.send_raw(struct.pack(">I", len(frame)) + frame)
        return number

    def set_credentials(self, *arguments, **options):
        self.send(SET_CREDENTIALS, set_credentials(*arguments, **options), CREDENTIALS_ID)

    def put(self, stream, key, data, hash_key=None):
        return self.send(PUT_RECORD, message((1, stream), (2, key), (3, hash_key), (4, data)))

    def flush(self, stream=None):
        self.send(FLUSH, message((1, stream)))

    def ask_metrics(self, name=None, seconds=None):
        """The answer, as {(name, dimension values...): sum}."""
        number = self.send(METRICS_REQUEST, message((1, name), (2, seconds)))
        source, body = self.metrics.get(timeout=SECONDS)
        assert source == number
        found = {}
        for metric in map(fields, fields(body).get(1, [])):
            dimensions = [fields(one)[2][0].decode() for one in metric.get(2, [])]
            stats = fields(metric[3][0])
            assert len(stats) == 5 and metric[4][0] >= 1
            found[(metric[1][0].decode(), *dimensions)] = stats[2][0]
        return found

    def wait(self, *numbers, seconds=SECONDS):
        """The results of these messages."""
        with self.changed:
            done = self.changed.wait_for(
                lambda: self.ended or all(number in self.results for number in numbers), seconds)
            missing = [number for number in numbers if number not in self.results]
            assert done and not missing, f"no result of {missing[:5]}: {self.log()}"
            return [self.results[number] for number in numbers]

    def resident(self):
        """Bytes of memory that the child has."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def close(self):
        """Closes the pipe to the child, as a Java half that ends, and gives the exit code."""
        self.writer.close()
        return self.process.wait(SECONDS)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        for end in (self.writer, self.reader):
            try:
                if end:
                    end.close()
            except OSError:
                pass
