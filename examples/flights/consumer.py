#!/usr/bin/env python3
"""Reads the whole stream from TRIM_HORIZON and compares it with the data set and the journal.

Holds when: every flight was acknowledged, and is there exactly once under the number that was
acknowledged, byte for byte; the flights of a carrier come in their order; anything else that is
there belongs to a request that was never answered.
"""

import argparse
import collections
import concurrent.futures
import json
import pathlib
import sys
import time

import boto3
import botocore.config

import events
from journal import Journal


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint-url", help="for example http://127.0.0.1:4567")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--stream", default="flights")
    parser.add_argument("--journal", type=pathlib.Path, default=pathlib.Path("flights-journal"))
    return parser.parse_args()


def list_shards(client, stream):
    answer = client.list_shards(StreamName=stream)
    shards = answer["Shards"]
    while "NextToken" in answer:
        answer = client.list_shards(NextToken=answer["NextToken"])
        shards += answer["Shards"]
    return [shard["ShardId"] for shard in shards]


def read_shard(client, stream, shard):
    """Every record of a shard up to its tip, or to its end when it is closed."""
    position = client.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records = []
    while position:
        try:
            answer = client.get_records(ShardIterator=position, Limit=10000)
        except client.exceptions.ProvisionedThroughputExceededException:
            time.sleep(0.25)
            continue
        records += [(r["SequenceNumber"], r["PartitionKey"], r["Data"]) for r in answer["Records"]]
        position = answer.get("NextShardIterator")
        if not answer["Records"] and answer["MillisBehindLatest"] == 0:
            break
    print(f"{shard}: {len(records):,} records", flush=True)
    return records


class Check:
    """Collects what is wrong instead of stopping at the first."""

    def __init__(self):
        self.faults = []

    def that(self, holds, text):
        if not holds:
            self.faults.append(text)


def verify(flights, journals, found):
    check = Check()
    acknowledged = {}
    for journal in journals:
        for row, place in journal.acknowledged.items():
            check.that(row not in acknowledged, f"row {row} was acknowledged to two workers")
            acknowledged[row] = place
    check.that(len(acknowledged) == len(flights),
               f"{len(flights) - len(acknowledged)} rows were never acknowledged")
    row_at = {place: row for row, place in acknowledged.items()}
    check.that(len(row_at) == len(acknowledged), "two rows were given one sequence number")

    lost = collections.Counter(
        flights[row] for journal in journals for rows in journal.lost for row in rows)
    seen, unanswered = set(), 0
    last_row, shard_of = {}, {}
    for shard, records in found.items():
        last_number = -1
        for number, key, data in records:
            check.that(int(number) > last_number, f"{shard}: {number} is not above {last_number}")
            last_number = int(number)
            check.that(shard_of.setdefault(key, shard) == shard, f"{key} is on two shards")
            row = row_at.get((shard, number))
            if row is None:
                unanswered += 1
                check.that(lost[key, data] > 0, f"{shard} {number} was sent by nobody")
                lost[key, data] -= 1
                continue
            check.that(row not in seen, f"row {row} was read twice")
            seen.add(row)
            check.that((key, data) == flights[row], f"row {row} differs: {data!r}")
            check.that(row > last_row.get(key, -1), f"row {row} of {key} is out of order")
            last_row[key] = row
    check.that(len(seen) == len(acknowledged),
               f"{len(acknowledged) - len(seen)} acknowledged records are missing")
    return check.faults, {"verified": len(seen), "carriers": len(last_row),
                          "shards": len(found), "stored_unanswered": unanswered}


def main():
    options = arguments()
    client = boto3.client(
        "kinesis", endpoint_url=options.endpoint_url, region_name=options.region,
        config=botocore.config.Config(max_pool_connections=32))
    flights = events.load()
    journals = [Journal(path) for path in sorted(options.journal.glob("*.jsonl"))]
    shards = list_shards(client, options.stream)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        records = pool.map(lambda shard: read_shard(client, options.stream, shard), shards)
        found = dict(zip(shards, records, strict=True))
    faults, summary = verify(flights, journals, found)
    for fault in faults[:20]:
        print(fault, file=sys.stderr)
    print(json.dumps({**summary, "faults": len(faults)}), flush=True)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
