"""A local DynamoDB, where the KCL keeps its leases."""

import re
import subprocess
import sys
import threading

import boto3

from support.server import REGION, clean_environment

START_SECONDS = 60


class DynamoDb:
    """One moto server on a port of its own choosing."""

    def __init__(self, log_path):
        self.log_path = log_path
        self.endpoint = None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=clean_environment(),
            text=True,
        )
        listening = threading.Event()
        self.reader = threading.Thread(target=self._read, args=[listening], daemon=True)
        self.reader.start()
        assert listening.wait(START_SECONDS), f"moto does not listen: {self.log_path.read_text()}"
        return self

    def _read(self, listening):
        """Writes the log on, and takes the address from the line that names it."""
        with open(self.log_path, "w") as log, self.process.stderr as lines:
            for line in lines:
                log.write(line)
                log.flush()
                if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", line):
                    self.endpoint = found[1]
                    listening.set()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def checkpoints(self, application):
        """The checkpoint of every lease, by shard; empty until the KCL has made its table."""
        client = self._client()
        try:
            items = client.scan(TableName=application, ConsistentRead=True)["Items"]
        except client.exceptions.ResourceNotFoundException:
            return {}
        return {item["leaseKey"]["S"]: item["checkpoint"]["S"] for item in items}

    def _client(self):
        return boto3.session.Session().client(
            "dynamodb",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )
