// Aggregates between us and npm's aws-kinesis-agg, both ways.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";

import * as kinesis from "@aws-sdk/client-kinesis";
import agg from "aws-kinesis-agg";

import { binary, startServer } from "./server.js";

const ACCOUNT = "123456789012";
const EXPLICIT = (2n ** 127n + 12345n).toString();
// It swaps partition keys that are array indexes: none of those goes through its aggregator.
const KEYS = ["one", "schlüssel", "鍵".repeat(256), "k".repeat(256), "🙂", " ", "00", "1x"];

const bytes = (number, length) =>
  Buffer.concat([...Array(Math.ceil(length / 32)).keys()].map((part) =>
    createHash("sha256").update(`${number} ${part}`).digest())).subarray(0, length);

describe("aggregates", () => {
  let server;
  let client;

  const send = (operation, input = {}) => client.send(new kinesis[`${operation}Command`](input));

  function cli(input, ...flags) {
    const environment = { ...process.env, AWS_ACCESS_KEY_ID: ACCOUNT, AWS_SECRET_ACCESS_KEY: "any" };
    const out = execFileSync(binary(), [...flags, "--endpoint", server.endpoint], {
      input, env: environment, stdio: ["pipe", "pipe", "ignore"] });
    return out.toString().split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }

  async function created() {
    const StreamName = `js-${randomUUID()}`;
    await send("CreateStream", { StreamName, ShardCount: 1 });
    await kinesis.waitUntilStreamExists(
      { client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 }, { StreamName });
    return StreamName;
  }

  async function stored(StreamName) {
    const { ShardIterator } = await send("GetShardIterator", {
      StreamName, ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" });
    return (await send("GetRecords", { ShardIterator })).Records;
  }

  before(async () => {
    server = await startServer("--transition-ms", "0");
    client = new kinesis.KinesisClient({
      endpoint: server.endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: ACCOUNT, secretAccessKey: "any" },
      maxAttempts: 1,
    });
  });

  after(async () => {
    client.destroy();
    assert.equal(await server.stop(), 0);
  });

  for (const explicit of [undefined, EXPLICIT]) {
    test(`it reads ours, explicit hash key ${explicit}`, async () => {
      const StreamName = await created();
      const keys = [...KEYS, "12345", "0"];
      const lines = [...Array(60).keys()].map((number) =>
        JSON.stringify({ key: keys[number % keys.length], data: bytes(number, number * 7).toString("hex") }));
      const flags = explicit === undefined ? [] : ["--explicit-hash-key", explicit];
      const receipts = cli(lines.join("\n"), "put", StreamName, "--aggregate", "--key-field", "/key",
        "--json", "--linger", "5s", ...flags);
      const found = [];
      for (const { SequenceNumber, PartitionKey, Data } of await stored(StreamName)) {
        agg.deaggregateSync(
          { sequenceNumber: SequenceNumber, partitionKey: PartitionKey,
            data: Buffer.from(Data).toString("base64") },
          true,
          (error, users) => {
            assert.ifError(error);
            found.push(...users);
          });
      }
      assert.deepEqual(
        found.map((user) => [user.partitionKey, user.explicitPartitionKey,
          Buffer.from(user.data, "base64").toString()]),
        lines.map((line) => [JSON.parse(line).key, explicit, line]));
      assert.deepEqual(
        found.map((user) => [user.sequenceNumber, user.subSequenceNumber]),
        receipts.map((receipt) => [receipt.sequenceNumber, receipt.subSequenceNumber]));
    });
  }

  test("we read its aggregates", async () => {
    const StreamName = await created();
    // Some with an explicit hash key, and some without data.
    const records = [...Array(60).keys()].map((number) => ({
      partitionKey: KEYS[number % KEYS.length],
      explicitHashKey: number % 3 === 0 ? EXPLICIT : undefined,
      data: bytes(number, number % 5 === 4 ? 0 : number * 7),
    }));
    const aggregator = new agg.RecordAggregator();
    records.forEach((record) => aggregator.addUserRecord(record));
    const { partitionKey, data } = aggregator.build();
    const { SequenceNumber } = await send("PutRecord", {
      StreamName, PartitionKey: partitionKey, Data: data });
    const found = cli("", "tail", StreamName, "--from", "trim-horizon", "--no-follow", "--format", "json");
    assert.deepEqual(
      found.map((line) => [line.sequenceNumber, line.subSequenceNumber, line.partitionKey,
        line.explicitHashKey,
        (line.data === undefined ? Buffer.from(line.dataBase64, "base64") : Buffer.from(line.data)).toString("hex")]),
      records.map((record, place) => [SequenceNumber, place, record.partitionKey,
        record.explicitHashKey, record.data.toString("hex")]));
  });
});
