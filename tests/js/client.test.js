// The JavaScript SDK against the server: over HTTP/2, which is its default for this service, and
// over HTTP/1.1.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
  ListTagsForStreamCommand,
  AddTagsToStreamCommand,
  PutRecordCommand,
  PutRecordsCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  paginateListStreams,
  waitUntilStreamExists,
  waitUntilStreamNotExists,
} from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

import { startServer } from "./server.js";

const text = (bytes) => Buffer.from(bytes).toString();

function newClient(endpoint, options = {}) {
  return new KinesisClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "123456789012", secretAccessKey: "any" },
    maxAttempts: 1,
    ...options,
  });
}

async function created(client, ShardCount = 1) {
  const StreamName = `js-${randomUUID()}`;
  await client.send(new CreateStreamCommand({ StreamName, ShardCount }));
  await waitUntilStreamExists(
    { client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 },
    { StreamName },
  );
  return StreamName;
}

async function readAll(client, StreamName, ShardId) {
  let { ShardIterator } = await client.send(
    new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" }),
  );
  const records = [];
  for (;;) {
    const answer = await client.send(new GetRecordsCommand({ ShardIterator }));
    records.push(...answer.Records);
    ShardIterator = answer.NextShardIterator;
    if (answer.MillisBehindLatest === 0) return records;
  }
}

const transports = {
  "HTTP/2, the default": () => ({}),
  "HTTP/1.1": () => ({ requestHandler: new NodeHttpHandler() }),
};

for (const [name, options] of Object.entries(transports)) {
  describe(name, () => {
    let server;
    let client;

    before(async () => {
      server = await startServer("--transition-ms", "0");
      client = newClient(server.endpoint, options());
    });

    after(async () => {
      client.destroy();
      assert.equal(await server.stop(), 0);
    });

    test("records come back in order, byte for byte", async () => {
      const StreamName = await created(client, 2);
      const Data = Uint8Array.from({ length: 256 }, (_, index) => index);
      const put = await client.send(
        new PutRecordCommand({ StreamName, Data, PartitionKey: "käse", ExplicitHashKey: "0" }),
      );
      assert.equal(put.ShardId, "shardId-000000000000");
      assert.equal(put.EncryptionType, undefined);
      const many = await client.send(
        new PutRecordsCommand({
          StreamName,
          Records: Array.from({ length: 500 }, (_, index) => ({
            Data: Buffer.from(`${index}`),
            PartitionKey: "k",
            ExplicitHashKey: "0",
          })),
        }),
      );
      assert.equal(many.FailedRecordCount, 0);
      const [first, ...rest] = await readAll(client, StreamName, put.ShardId);
      assert.deepEqual(Uint8Array.from(first.Data), Data);
      assert.equal(first.PartitionKey, "käse");
      assert.equal(first.SequenceNumber, put.SequenceNumber);
      assert.ok(Math.abs(first.ApproximateArrivalTimestamp - Date.now()) < 60_000);
      assert.deepEqual(rest.map((record) => Number(text(record.Data))), [...Array(500).keys()]);
      assert.deepEqual(
        rest.map((record) => record.SequenceNumber),
        many.Records.map((result) => result.SequenceNumber),
      );
    });

    test("a stream is described, tagged, listed and deleted", async () => {
      const StreamName = await created(client, 5);
      const { StreamDescriptionSummary: summary } = await client.send(
        new DescribeStreamSummaryCommand({ StreamName }),
      );
      assert.equal(summary.OpenShardCount, 5);
      assert.equal(summary.StreamId, undefined);
      assert.ok(summary.StreamCreationTimestamp instanceof Date);
      await client.send(new AddTagsToStreamCommand({ StreamName, Tags: { a: "1" } }));
      const { Tags } = await client.send(new ListTagsForStreamCommand({ StreamName }));
      assert.deepEqual(Tags, [{ Key: "a", Value: "1" }]);
      const { StreamNames } = await client.send(new ListStreamsCommand({ Limit: 100 }));
      assert.ok(StreamNames.includes(StreamName));
      await client.send(new DeleteStreamCommand({ StreamName }));
      await waitUntilStreamNotExists(
        { client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 },
        { StreamName },
      );
    });

    test("paginators read every page", async () => {
      const names = await Promise.all([1, 1, 1].map((count) => created(client, count)));
      const StreamName = await created(client, 7);
      const found = [];
      for await (const page of paginateListStreams({ client, pageSize: 1 }, {})) {
        found.push(...page.StreamNames);
      }
      for (const name of [...names, StreamName]) assert.ok(found.includes(name));
      const { Shards, NextToken } = await client.send(
        new ListShardsCommand({ StreamName, MaxResults: 3 }),
      );
      const rest = await client.send(new ListShardsCommand({ NextToken }));
      assert.equal(Shards.length + rest.Shards.length, 7);
    });

    test("errors arrive as their classes", async () => {
      const StreamName = await created(client);
      await assert.rejects(
        client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 })),
        (error) =>
          error instanceof ResourceInUseException &&
          error.message === `Stream ${StreamName} under account 123456789012 already exists.` &&
          error.$metadata.httpStatusCode === 400 &&
          /^[0-9a-f-]{36}$/.test(error.$metadata.requestId),
      );
      await assert.rejects(
        client.send(new DescribeStreamSummaryCommand({ StreamName: "not-there" })),
        ResourceNotFoundException,
      );
      await assert.rejects(
        client.send(
          new PutRecordCommand({ StreamName, Data: Buffer.from("x"), PartitionKey: "" }),
        ),
        { name: "ValidationException" },
      );
    });

    test("many requests at once", async () => {
      const StreamName = await created(client, 4);
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, index) =>
          client.send(
            new PutRecordCommand({
              StreamName,
              Data: Buffer.from(`${index}`),
              PartitionKey: `${index}`,
            }),
          ),
        ),
      );
      assert.equal(new Set(answers.map((answer) => answer.SequenceNumber)).size, 200);
      const { Shards } = await client.send(new ListShardsCommand({ StreamName }));
      const found = await Promise.all(
        Shards.map((shard) => readAll(client, StreamName, shard.ShardId)),
      );
      assert.equal(found.flat().length, 200);
    });

    test("a large record crosses the flow control window", async () => {
      const StreamName = await created(client);
      const Data = Buffer.alloc(1024 * 1024 - 1, "abc");
      await client.send(new PutRecordCommand({ StreamName, Data, PartitionKey: "k" }));
      const [record] = await readAll(client, StreamName, "shardId-000000000000");
      assert.ok(Buffer.from(record.Data).equals(Data));
    });
  });
}

describe("transports", () => {
  test("the default really is HTTP/2 with prior knowledge, on the same port as HTTP/1.1", async () => {
    const server = await startServer();
    const session = http2.connect(server.endpoint);
    try {
      const status = await new Promise((resolve, reject) => {
        session.once("error", reject);
        const request = session.request({ ":path": "/_anabranch/health" });
        request.once("response", (headers) => resolve(headers[":status"]));
        request.once("error", reject);
        request.resume();
        request.end();
      });
      assert.equal(status, 200);
      await new Promise((resolve, reject) =>
        session.ping((error) => (error ? reject(error) : resolve())),
      );
      const { StreamNames } = await newClient(server.endpoint, {
        requestHandler: new NodeHttpHandler(),
      }).send(new ListStreamsCommand({}));
      assert.deepEqual(StreamNames, []);
    } finally {
      session.close();
      await server.stop();
    }
  });

  test("TLS with the server's own certificate", async () => {
    const server = await startServer("--tls-self-signed", "--transition-ms", "0");
    const ca = readFileSync(path.join(server.dataDir, "tls-cert.pem"));
    const client = newClient(server.endpoint, {
      requestHandler: new NodeHttpHandler({ httpsAgent: new https.Agent({ ca }) }),
    });
    try {
      const StreamName = await created(client);
      await client.send(
        new PutRecordCommand({ StreamName, Data: Buffer.from("x"), PartitionKey: "k" }),
      );
      const [record] = await readAll(client, StreamName, "shardId-000000000000");
      assert.equal(text(record.Data), "x");
    } finally {
      client.destroy();
      await server.stop();
    }
  });
});
