//! Every kind of starting position, read in pages of every size, against a plain list: of an open and
//! a closed shard, in memory and in segments, encrypted or not, in JSON and in CBOR.

mod wire;

use anabranch_env::Clock;
use serde_json::{Value, json};
use wire::{CODECS, Codec, World};

/// A record, as the plain list has it.
struct Record {
    number: String,
    arrival_ms: u64,
    data: String,
}

/// What a shard is when it is read.
#[derive(Clone, Copy, Debug)]
struct State {
    is_encrypted: bool,
    is_closed: bool,
    is_cold: bool,
}

/// Puts records of one moment into the first shard of `s`.
async fn put(world: &mut World, records: &mut Vec<Record>, count: usize) {
    let data = |n: usize| base64_simd::STANDARD.encode_to_string(format!("record {n}"));
    let data: Vec<String> = (records.len()..).take(count).map(data).collect();
    let entry = |data: &String| json!({"PartitionKey": "k", "Data": data, "ExplicitHashKey": "1"});
    let entries: Vec<Value> = data.iter().map(entry).collect();
    let reply = world.ok("PutRecords", json!({"StreamName": "s", "Records": entries})).await;
    let arrival_ms = world.clock.now_ms();
    for (data, stored) in data.into_iter().zip(reply["Records"].as_array().expect("a list")) {
        let number = stored["SequenceNumber"].as_str().expect("stored").to_owned();
        records.push(Record { number, arrival_ms, data });
    }
}

async fn put_elsewhere(world: &mut World, bytes: usize) {
    let record = json!({"PartitionKey": "k", "Data": "eHh4".repeat(bytes / 3)});
    world.ok("PutRecords", json!({"StreamName": "other", "Records": [record]})).await;
}

async fn world_of(state: State) -> (World, Vec<Record>) {
    let mut world = World::new().await;
    for name in ["s", "other"] {
        world.ok("CreateStream", json!({"StreamName": name, "ShardCount": 1})).await;
    }
    if state.is_encrypted {
        let key = json!({
            "StreamName": "s", "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"});
        world.ok("StartStreamEncryption", key).await;
    }
    let mut records = Vec::new();
    // Some share a request, some a millisecond, some a second; others' records are between them.
    for (count, wait_ms) in [(2, 1), (1, 0), (1, 700), (3, 1500), (1, 1000)] {
        put(&mut world, &mut records, count).await;
        put_elsewhere(&mut world, 30).await;
        world.clock.advance_ms(wait_ms);
    }
    if state.is_closed {
        let middle = (1_u128 << 127).to_string();
        let split = json!({
            "StreamName": "s", "ShardToSplit": "0", "NewStartingHashKey": middle});
        world.ok("SplitShard", split).await;
    }
    if state.is_cold {
        // Several times what memory is kept for.
        for _ in 0..20 {
            put_elsewhere(&mut world, 12 << 10).await;
        }
        let is_segment = |path: &std::path::PathBuf| path.extension() == Some("segment".as_ref());
        while world.disk.paths().iter().filter(|path| is_segment(path)).count() < 8 {
            tokio::task::yield_now().await;
        }
    }
    (world, records)
}

/// Positions, with the place in the list of the first record that is wanted.
fn positions(records: &[Record]) -> Vec<(Value, usize)> {
    let mut positions = vec![
        (json!({"ShardIteratorType": "TRIM_HORIZON"}), 0),
        (json!({"ShardIteratorType": "LATEST"}), records.len()),
    ];
    for (place, record) in records.iter().enumerate() {
        let at_number =
            |kind| json!({"ShardIteratorType": kind, "StartingSequenceNumber": record.number});
        positions.push((at_number("AT_SEQUENCE_NUMBER"), place));
        positions.push((at_number("AFTER_SEQUENCE_NUMBER"), place + 1));
        // Whole seconds, for the client of these tests sends no fractions.
        for ms in [record.arrival_ms / 1000 * 1000, record.arrival_ms / 1000 * 1000 + 1000] {
            let first = records.iter().position(|record| record.arrival_ms >= ms);
            let at_time = json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": ms / 1000});
            positions.push((at_time, first.unwrap_or(records.len())));
        }
    }
    positions
}

async fn call(world: &mut World, codec: Codec, operation: &str, request: &Value) -> Value {
    let mut request = request.clone();
    // Times are milliseconds in CBOR.
    if let (Codec::Cbor, Some(secs)) = (codec, request["Timestamp"].as_u64()) {
        request["Timestamp"] = (secs * 1000).into();
    }
    if request["Timestamp"].is_null() {
        request.as_object_mut().expect("a request").remove("Timestamp");
    }
    let reply = world.send(codec, operation, &request).await;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert_eq!(reply.status, 200, "{operation} {request}: {text}");
    reply.value()
}

/// Reads from an iterator to the end, page by page, and compares each with the rest of the list.
async fn read_pages(
    world: &mut World,
    codec: Codec,
    state: State,
    iterator: Value,
    mut wanted: &[Record],
    limit: usize,
) -> Result<(), String> {
    let mut request = json!({"ShardIterator": iterator, "Limit": limit});
    loop {
        let page = call(world, codec, "GetRecords", &request).await;
        let (now, rest) = wanted.split_at(limit.min(wanted.len()));
        let got: Vec<(&str, u64, &str, bool)> = page["Records"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|record| {
                let text = |name: &str| record[name].as_str().expect("a text");
                let arrival_ms = record["ApproximateArrivalTimestamp"].as_u64();
                let is_encrypted = record["EncryptionType"] == "KMS";
                let arrival_ms = arrival_ms.expect("a time");
                (text("SequenceNumber"), arrival_ms, text("Data"), is_encrypted)
            })
            .collect();
        let expected: Vec<(&str, u64, &str, bool)> = now
            .iter()
            .map(|record| (&*record.number, record.arrival_ms, &*record.data, state.is_encrypted))
            .collect();
        if got != expected {
            return Err(format!("{got:?} instead of {expected:?}"));
        }
        let behind_ms = page["MillisBehindLatest"].as_u64().expect("a number");
        // What is not in memory may be looked for once more before it is known that there is no more.
        let may_be_unknown = state.is_cold && rest.is_empty() && !now.is_empty();
        let is_behind_right = may_be_unknown || (behind_ms == 0) == rest.is_empty();
        let is_end = page["NextShardIterator"].is_null();
        let is_end_right = is_end == (state.is_closed && behind_ms == 0);
        let children = page["ChildShards"].as_array().map(Vec::len);
        if !is_behind_right || !is_end_right || children != is_end.then_some(2) {
            let left = rest.len();
            return Err(format!("{behind_ms} ms behind, end {is_end}, {children:?}, {left} left"));
        }
        wanted = rest;
        if behind_ms == 0 {
            return Ok(());
        }
        request["ShardIterator"] = page["NextShardIterator"].clone();
    }
}

async fn pages_are_those_of_the_list(state: State) {
    let (mut world, records) = world_of(state).await;
    for (position, first) in positions(&records) {
        for codec in CODECS {
            for limit in [1, 2, records.len(), 10_000] {
                let mut request = json!({"StreamName": "s", "ShardId": "0"});
                let members = position.as_object().expect("members").clone();
                request.as_object_mut().expect("a request").extend(members);
                let answer = call(&mut world, codec, "GetShardIterator", &request).await;
                let iterator = answer["ShardIterator"].clone();
                let wanted = &records[first..];
                let read = read_pages(&mut world, codec, state, iterator, wanted, limit).await;
                read.unwrap_or_else(|error| {
                    panic!("{state:?} {codec:?} {position} limit {limit}: {error}")
                });
            }
        }
    }
}

#[tokio::test]
async fn pages_of_what_is_in_memory_are_those_of_a_list() {
    for (is_encrypted, is_closed) in [(false, false), (false, true), (true, false), (true, true)] {
        pages_are_those_of_the_list(State { is_encrypted, is_closed, is_cold: false }).await;
    }
}

#[tokio::test]
async fn pages_of_what_is_in_segments_are_those_of_a_list() {
    for (is_encrypted, is_closed) in [(false, false), (false, true), (true, false), (true, true)] {
        pages_are_those_of_the_list(State { is_encrypted, is_closed, is_cold: true }).await;
    }
}
