// Every control operation with the JavaScript SDK, over HTTP/2.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";

import * as kinesis from "@aws-sdk/client-kinesis";

import { binary, startServer } from "./server.js";

const ACCOUNT = "123456789012";
const POLL = { maxWaitTime: 20, minDelay: 1, maxDelay: 1 };

describe("control operations", () => {
  let server;
  let client;

  // `send("SplitShard", {...})`
  const send = (operation, input = {}) => client.send(new kinesis[`${operation}Command`](input));
  const arn = (name) => `arn:aws:kinesis:us-east-1:${ACCOUNT}:stream/${name}`;

  async function created(input = { ShardCount: 1 }) {
    const StreamName = `js-${randomUUID()}`;
    await send("CreateStream", { StreamName, ...input });
    await kinesis.waitUntilStreamExists({ client, ...POLL }, { StreamName });
    return StreamName;
  }

  async function summary(StreamName) {
    return (await send("DescribeStreamSummary", { StreamName })).StreamDescriptionSummary;
  }

  async function active(StreamName) {
    await kinesis.waitUntilStreamExists({ client, ...POLL }, { StreamName });
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

  test("shards are split, merged and rescaled", async () => {
    const StreamName = await created();
    await send("SplitShard", {
      StreamName,
      ShardToSplit: "shardId-000000000000",
      NewStartingHashKey: (2n ** 127n).toString(),
    });
    await active(StreamName);
    await send("MergeShards", {
      StreamName,
      ShardToMerge: "shardId-000000000001",
      AdjacentShardToMerge: "shardId-000000000002",
    });
    await active(StreamName);
    const update = await send("UpdateShardCount", {
      StreamName,
      TargetShardCount: 2,
      ScalingType: "UNIFORM_SCALING",
    });
    assert.deepEqual([update.CurrentShardCount, update.TargetShardCount], [1, 2]);
    await active(StreamName);
    const { Shards } = await send("ListShards", { StreamName });
    assert.deepEqual(
      Shards.filter((shard) => !shard.SequenceNumberRange.EndingSequenceNumber).map(
        (shard) => [shard.ShardId, shard.ParentShardId],
      ),
      [
        ["shardId-000000000004", "shardId-000000000003"],
        ["shardId-000000000005", "shardId-000000000003"],
      ],
    );
    await assert.rejects(
      send("SplitShard", { StreamName, ShardToSplit: "shardId-000000000000", NewStartingHashKey: "5" }),
      kinesis.InvalidArgumentException,
    );
  });

  test("consumers are registered, tagged and deregistered", async () => {
    const StreamARN = arn(await created());
    const { Consumer } = await send("RegisterStreamConsumer", {
      StreamARN,
      ConsumerName: "reader",
      Tags: { team: "blue" },
    });
    const { ConsumerARN } = Consumer;
    assert.ok(Consumer.ConsumerCreationTimestamp instanceof Date);
    const { Consumers } = await send("ListStreamConsumers", { StreamARN });
    assert.deepEqual(Consumers.map((consumer) => consumer.ConsumerName), ["reader"]);
    const described = await send("DescribeStreamConsumer", { ConsumerARN });
    assert.equal(described.ConsumerDescription.StreamARN, StreamARN);
    await send("TagResource", { ResourceARN: ConsumerARN, Tags: { a: "1" } });
    await send("UntagResource", { ResourceARN: ConsumerARN, TagKeys: ["team"] });
    const { Tags } = await send("ListTagsForResource", { ResourceARN: ConsumerARN });
    assert.deepEqual(Tags, [{ Key: "a", Value: "1" }]);
    await assert.rejects(
      send("RegisterStreamConsumer", { StreamARN, ConsumerName: "reader" }),
      kinesis.ResourceInUseException,
    );
    await send("DeregisterStreamConsumer", { ConsumerARN });
  });

  test("modes and sizes change", async () => {
    const StreamName = await created();
    const StreamARN = arn(StreamName);
    await send("UpdateStreamMode", { StreamARN, StreamModeDetails: { StreamMode: "ON_DEMAND" } });
    await active(StreamName);
    await send("UpdateStreamRecordDistributionStrategy", {
      StreamARN,
      RecordDistributionStrategy: "AUTO",
    });
    await active(StreamName);
    await send("UpdateMaxRecordSize", { StreamARN, MaxRecordSizeInKiB: 2048 });
    await active(StreamName);
    const after = await summary(StreamName);
    assert.equal(after.StreamModeDetails.StreamMode, "ON_DEMAND");
    assert.equal(after.MaxRecordSizeInKiB, 2048);
    assert.equal(after.RecordDistributionStrategy, "AUTO");
    const put = await send("PutRecord", { StreamName, Data: new Uint8Array(2 << 20) });
    assert.match(put.ShardId, /^shardId-/);
  });

  test("the account's commitment unlocks warm throughput", async () => {
    const StreamName = await created({ StreamModeDetails: { StreamMode: "ON_DEMAND" } });
    const commitment = (Status) =>
      send("UpdateAccountSettings", { MinimumThroughputBillingCommitment: { Status } });
    const enabled = await commitment("ENABLED");
    assert.equal(enabled.MinimumThroughputBillingCommitment.Status, "ENABLED");
    const { WarmThroughput } = await send("UpdateStreamWarmThroughput", {
      StreamName,
      WarmThroughputMiBps: 5,
    });
    assert.equal(WarmThroughput.TargetMiBps, 5);
    await commitment("DISABLED");
    const settings = await send("DescribeAccountSettings");
    assert.equal(
      settings.MinimumThroughputBillingCommitment.Status,
      "ENABLED_UNTIL_EARLIEST_ALLOWED_END",
    );
  });

  test("shard-level metrics are switched on and off", async () => {
    const StreamName = await created();
    const on = await send("EnableEnhancedMonitoring", { StreamName, ShardLevelMetrics: ["ALL"] });
    assert.equal(on.DesiredShardLevelMetrics.length, 7);
    await active(StreamName);
    const off = await send("DisableEnhancedMonitoring", {
      StreamName,
      ShardLevelMetrics: ["IncomingBytes"],
    });
    assert.equal(off.CurrentShardLevelMetrics.length, 7);
    assert.equal(off.DesiredShardLevelMetrics.length, 6);
  });

  test("policies are put, read and deleted", async () => {
    const ResourceARN = arn(await created());
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { AWS: "111122223333" },
          Action: "kinesis:PutRecord",
          Resource: ResourceARN,
        },
      ],
    });
    assert.equal((await send("GetResourcePolicy", { ResourceARN })).Policy, "{}");
    await send("PutResourcePolicy", { ResourceARN, Policy });
    const read = await send("GetResourcePolicy", { ResourceARN });
    assert.deepEqual(JSON.parse(read.Policy), JSON.parse(Policy));
    await send("DeleteResourcePolicy", { ResourceARN });
    await assert.rejects(
      send("DeleteResourcePolicy", { ResourceARN }),
      kinesis.ResourceNotFoundException,
    );
  });

  test("records are encrypted while encryption is on", async () => {
    const StreamName = await created();
    const key = { StreamName, EncryptionType: "KMS", KeyId: "alias/aws/kinesis" };
    await send("StartStreamEncryption", key);
    await active(StreamName);
    assert.equal((await summary(StreamName)).KeyId, key.KeyId);
    const put = await send("PutRecord", {
      StreamName,
      Data: Buffer.from("secret"),
      PartitionKey: "k",
    });
    assert.equal(put.EncryptionType, "KMS");
    const { ShardIterator } = await send("GetShardIterator", {
      StreamName,
      ShardId: put.ShardId,
      ShardIteratorType: "TRIM_HORIZON",
    });
    const { Records } = await send("GetRecords", { ShardIterator });
    assert.equal(Buffer.from(Records[0].Data).toString(), "secret");
    assert.equal(Records[0].EncryptionType, "KMS");
    await send("StopStreamEncryption", key);
    await active(StreamName);
    assert.equal((await summary(StreamName)).EncryptionType, "NONE");
    await assert.rejects(
      send("StartStreamEncryption", { ...key, KeyId: "alias/not-there" }),
      (error) => error.name === "KMSNotFoundException",
    );
  });

  test("every operation that the server has is in the SDK", () => {
    const schema = JSON.parse(execFileSync(binary(), ["schema"], { maxBuffer: 64 << 20 }));
    for (const { name, supported } of schema.services["kinesis/2013-12-02"].operations) {
      if (supported === false) continue;
      assert.equal(typeof kinesis[`${name}Command`], "function", name);
    }
  });
});
