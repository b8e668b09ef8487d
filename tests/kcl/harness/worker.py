"""The Java KCL, unmodified: its MultiLangDaemon as a worker of one application."""

import os
import pathlib
import signal
import subprocess
import sys

import amazon_kclpy

from support.server import ACCOUNT, REGION, clean_environment

from . import log
from .journal import Journal

HERE = pathlib.Path(__file__).resolve().parent
PROCESSORS = HERE.parent / "processors"
JARS = pathlib.Path(amazon_kclpy.__file__).parent / "jars"

# The daemon splits these at blanks, so they are names and not paths: see `cwd` and PATH.
EXECUTABLES = {"python": "python recorder.py", "node": "node recorder.js"}

# The KCL's timers are made for clusters that run for months; these are for a run of seconds. Of
# them only the fail-over time is a promise that a slow machine could break, so it stays longer.
TIMERS = {
    "failoverTimeMillis": 5000,
    "leaseAssignmentIntervalMillis": 1000,
    "workerMetricsReporterFreqInMillis": 500,
    "shardSyncIntervalMillis": 1000,
    "parentShardPollIntervalMillis": 200,
    "taskBackoffTimeMillis": 200,
    "listShardsBackoffTimeInMillis": 200,
    "schedulerInitializationBackoffTimeMillis": 200,
    "idleTimeBetweenReadsInMillis": 250,
    "shutdownGraceMillis": 30000,
}

# A JVM that starts fast and small matters more here than one that gets fast.
JVM_FLAGS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]

LOG_TAIL_LINES = 60


class Worker:
    """One process of the KCL; stopped and started again it goes on from its leases."""

    def __init__(self, directory, *, application, stream, mode, language, kinesis, dynamodb):
        self.directory = directory
        self.application = application
        self.journal = Journal(directory / "journal.jsonl")
        self.log_path = directory / "kcl.log"
        self.process = None
        self.properties = {
            "executableName": EXECUTABLES[language],
            "processingLanguage": language,
            "applicationName": application,
            "streamName": stream,
            "AwsCredentialsProvider": "DefaultCredentialsProvider",
            "regionName": REGION,
            "kinesisEndpoint": kinesis,
            "dynamoDBEndpoint": dynamodb,
            "initialPositionInStream": "TRIM_HORIZON",
            "retrievalMode": mode,
            "metricsLevel": "NONE",
            **TIMERS,
        }

    def start(self):
        file = self.directory / "kcl.properties"
        file.write_text("".join(f"{key} = {value}\n" for key, value in self.properties.items()))
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        with open(self.log_path, "ab") as output:
            self.process = subprocess.Popen(
                ["java", *JVM_FLAGS, "-cp", f"{JARS}/*",
                 "software.amazon.kinesis.multilang.MultiLangDaemon",
                 "--properties-file", str(file),
                 "--log-configuration", str(HERE / "logback.xml")],
                stdout=output,
                stderr=output,
                cwd=PROCESSORS,
                env={**clean_environment(), "PATH": path, "AWS_ACCESS_KEY_ID": ACCOUNT,
                     "AWS_SECRET_ACCESS_KEY": "secret", "JOURNAL": str(self.journal.path)},
            )

    def assert_running(self):
        code = self.process.poll()
        assert code is None, f"the KCL has ended with {code}"

    def terminate(self, seconds=40):
        """Asks for an orderly end: the processors may checkpoint. Returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self):
        """The end of the log for a person to read."""
        return "\n".join(log.readable(self.log())[-LOG_TAIL_LINES:])
