// Fan-out with the JavaScript SDK: over HTTP/2, which is its default for this service, and over
// HTTP/1.1.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";

import {
  CreateStreamCommand,
  DeregisterStreamConsumerCommand,
  DescribeStreamConsumerCommand,
  KinesisClient,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  SplitShardCommand,
  SubscribeToShardCommand,
  paginateListStreamConsumers,
  waitUntilStreamExists,
} from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

import { startServer } from "./server.js";

const SHARD = "shardId-000000000000";

const transports = {
  "HTTP/2, the default": () => ({}),
  "HTTP/1.1": () => ({ requestHandler: new NodeHttpHandler() }),
};

for (const [name, options] of Object.entries(transports)) {
  describe(name, () => {
    let server;
    let client;
    let StreamName;
    let StreamARN;

    before(async () => {
      server = await startServer("--transition-ms", "0");
      client = new KinesisClient({
        endpoint: server.endpoint,
        region: "us-east-1",
        credentials: { accessKeyId: "123456789012", secretAccessKey: "any" },
        maxAttempts: 1,
        ...options(),
      });
      StreamName = `js-${randomUUID()}`;
      StreamARN = `arn:aws:kinesis:us-east-1:123456789012:stream/${StreamName}`;
      await client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
      await waitUntilStreamExists(
        { client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 },
        { StreamName },
      );
    });

    after(async () => {
      client.destroy();
      assert.equal(await server.stop(), 0);
    });

    async function registered(ConsumerName) {
      const { Consumer } = await client.send(
        new RegisterStreamConsumerCommand({ StreamARN, ConsumerName }),
      );
      const { ConsumerDescription } = await client.send(
        new DescribeStreamConsumerCommand({ ConsumerARN: Consumer.ConsumerARN }),
      );
      assert.equal(ConsumerDescription.ConsumerStatus, "ACTIVE");
      return Consumer.ConsumerARN;
    }

    async function* subscribed(ConsumerARN, StartingPosition = { Type: "TRIM_HORIZON" }) {
      const { EventStream } = await client.send(
        new SubscribeToShardCommand({ ConsumerARN, ShardId: SHARD, StartingPosition }),
      );
      for await (const event of EventStream) {
        yield event.SubscribeToShardEvent;
      }
    }

    async function put(from, count) {
      const Records = Array.from({ length: count }, (_, index) => ({
        Data: Buffer.from(`${from + index}`),
        PartitionKey: "k",
      }));
      await client.send(new PutRecordsCommand({ StreamName, Records }));
    }

    // Reads so many records and leaves.
    async function take(events, count) {
      const numbers = [];
      let last;
      while (numbers.length < count) {
        const { value, done } = await events.next();
        assert.ok(!done, "the stream ended");
        numbers.push(...value.Records.map((record) => Number(Buffer.from(record.Data))));
        last = value;
      }
      return { numbers, last };
    }

    test("records are pushed, and gone on from where they ended", async () => {
      const ConsumerARN = await registered("pushed");
      const events = subscribed(ConsumerARN, { Type: "LATEST" });
      const arriving = take(events, 1);
      // The subscription is asked for by the first read of its events.
      await new Promise((resolve) => setImmediate(resolve));
      let sent = 0;
      let found;
      while (!found) {
        await put(sent++, 1);
        found = await Promise.race([arriving, new Promise((r) => setImmediate(r))]);
      }
      const first = found.numbers[0];
      const { numbers, last } =
        sent - first > found.numbers.length
          ? await take(events, sent - first - found.numbers.length)
          : { numbers: [], last: found.last };
      const all = [...found.numbers, ...numbers];
      assert.deepEqual(all, Array.from({ length: sent - first }, (_, index) => first + index));
      assert.equal(last.MillisBehindLatest, 0);
      await events.return();

      await put(sent, 5);
      const SequenceNumber = last.ContinuationSequenceNumber;
      const resumed = subscribed(ConsumerARN, { Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber });
      const rest = await take(resumed, 5);
      assert.deepEqual(rest.numbers, Array.from({ length: 5 }, (_, index) => sent + index));
      await resumed.return();
    });

    test("consumers are listed in pages", async () => {
      const names = [];
      for (const number of [1, 2, 3]) await registered(`page-${number}`);
      for await (const page of paginateListStreamConsumers(
        { client, pageSize: 2 },
        { StreamARN },
      )) {
        names.push(...page.Consumers.map((consumer) => consumer.ConsumerName));
      }
      assert.deepEqual(
        names.filter((listed) => listed.startsWith("page-")),
        ["page-1", "page-2", "page-3"],
      );
    });

    test("an error ends a stream under its name", async () => {
      const ConsumerARN = await registered("gone");
      const events = subscribed(ConsumerARN, { Type: "LATEST" });
      // Waited for from the start: it may come before the answer to the deregistration.
      const refused = assert.rejects(events.next(), { name: "ResourceNotFoundException" });
      await new Promise((resolve) => setImmediate(resolve));
      await client.send(new DeregisterStreamConsumerCommand({ ConsumerARN }));
      await refused;
    });

    test("at the end of a shard there are its children", async () => {
      const ConsumerARN = await registered("end");
      await client.send(
        new SplitShardCommand({
          StreamName,
          ShardToSplit: SHARD,
          NewStartingHashKey: (2n ** 127n).toString(),
        }),
      );
      let last;
      for await (const event of subscribed(ConsumerARN)) last = event;
      assert.equal(last.ContinuationSequenceNumber, undefined);
      assert.deepEqual(
        last.ChildShards.map((child) => [child.ShardId, child.ParentShards]),
        [
          ["shardId-000000000001", [SHARD]],
          ["shardId-000000000002", [SHARD]],
        ],
      );
    });
  });
}
