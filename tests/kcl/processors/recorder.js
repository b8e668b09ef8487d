'use strict';

// The same as recorder.py, over the KCL's library for Node.

const crypto = require('crypto');
const fs = require('fs');
const kcl = require('aws-kcl');

const journal = fs.openSync(process.env.JOURNAL, 'a');
let shard = null;

function note(event, facts) {
  fs.writeSync(journal, JSON.stringify({ shard, pid: process.pid, event, ...facts }) + '\n');
}

// An error must end the child, and with it the daemon, rather than skip a batch.
function sure(error) {
  if (error) throw new Error(error);
}

kcl({
  initialize(input, done) {
    shard = input.shardId;
    note('initialize', { position: input.sequenceNumber });
    done();
  },

  processRecords(input, done) {
    const records = input.records.map(({ sequenceNumber, partitionKey, data }) => {
      const bytes = Buffer.from(data, 'base64');
      return {
        sequence: sequenceNumber,
        key: partitionKey,
        number: parseInt(bytes.toString(), 10),
        digest: crypto.createHash('sha256').update(bytes).digest('hex'),
      };
    });
    note('records', { records });
    const position = records[records.length - 1].sequence;
    input.checkpointer.checkpoint(position, (error) => {
      sure(error);
      note('checkpoint', { position });
      done();
    });
  },

  leaseLost(input, done) {
    note('lease_lost');
    done();
  },

  shardEnded(input, done) {
    note('shard_ended');
    input.checkpointer.checkpoint((error) => {
      sure(error);
      note('checkpoint', { position: 'SHARD_END' });
      done();
    });
  },

  shutdownRequested(input, done) {
    note('shutdown_requested');
    input.checkpointer.checkpoint((error) => {
      sure(error);
      done();
    });
  },
}).run();
