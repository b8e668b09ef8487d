//! Errors that need another time or another disk than a test of the executable has, met on the
//! wire in JSON and CBOR.

mod wire;

use anabranch_engine::{ConsumerRef, ResourceName, Scope, ShardRates, StreamRef};
use anabranch_env::Fault;
use serde_json::{Value, json};
use std::sync::Arc;
use wire::{ACCOUNT, Codec, World};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const BROKEN: (u16, &str, Option<&str>) = (500, "InternalFailure", None);

fn arn(stream: &str) -> String {
    format!("arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{stream}")
}

/// Records of 2 KiB.
fn records(count: usize) -> Value {
    vec![json!({"PartitionKey": "k", "Data": "eHh4".repeat(700)}); count].into()
}

#[tokio::test]
async fn iterators_and_tokens_live_five_minutes() {
    let mut world = World::new().await;
    for name in ["one", "two"] {
        world.ok("CreateStream", json!({"StreamName": name, "ShardCount": 2})).await;
    }
    for name in ["a", "b"] {
        let request = json!({"StreamARN": arn("one"), "ConsumerName": name});
        world.ok("RegisterStreamConsumer", request).await;
    }
    let request = json!({
        "StreamName": "one", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = world.ok("GetShardIterator", request).await["ShardIterator"].clone();
    let token = |page: Value| page["NextToken"].as_str().expect("a token").to_owned();
    let streams = token(world.ok("ListStreams", json!({"Limit": 1})).await);
    let shards = token(world.ok("ListShards", json!({"StreamName": "one", "MaxResults": 1})).await);
    let request = json!({"StreamARN": arn("one"), "MaxResults": 1});
    let consumers = token(world.ok("ListStreamConsumers", request).await);
    let calls = [
        ("ListStreams", json!({"NextToken": streams})),
        ("ListShards", json!({"NextToken": shards})),
        ("ListStreamConsumers", json!({"NextToken": consumers, "StreamARN": arn("one")})),
    ];

    world.clock.advance_ms(5 * MINUTE_MS);
    world.ok("GetRecords", json!({"ShardIterator": iterator})).await;
    for (operation, request) in &calls {
        world.ok(operation, request.clone()).await;
    }
    world.clock.advance_ms(1);
    let text = "Iterator expired. The iterator was created at time Tue Nov 14 22:13:20 UTC 2023 \
                while right now it is Tue Nov 14 22:18:20 UTC 2023 which is further in the future \
                than the tolerated delay of 300000 milliseconds.";
    let expired = (400, "ExpiredIteratorException", Some(text));
    world.refused("GetRecords", json!({"ShardIterator": iterator}), expired).await;
    let expired = (400, "ExpiredNextTokenException", Some("NextToken has expired."));
    for (operation, request) in calls {
        world.refused(operation, request, expired).await;
    }
}

#[tokio::test]
async fn shards_are_listed_a_thousand_times_a_second() {
    let mut world = World::new().await;
    world.ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    for _ in 0..1000 {
        world.ok("ListShards", json!({"StreamName": "s"})).await;
    }
    let text = format!("Rate exceeded for stream s under account {ACCOUNT}.");
    let refusal = (400, "LimitExceededException", Some(&*text));
    world.refused("ListShards", json!({"StreamName": "s"}), refusal).await;
    world.clock.advance_ms(1000);
    world.ok("ListShards", json!({"StreamName": "s"})).await;
}

#[tokio::test]
async fn encryption_ends_twenty_five_times_in_a_day() {
    let mut world = World::new().await;
    world.ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    let request = json!({"StreamName": "s", "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"});
    // The first start is an hour older than the first stop, and leaves the day before it.
    world.ok("StartStreamEncryption", request.clone()).await;
    world.clock.advance_ms(HOUR_MS);
    world.ok("StopStreamEncryption", request.clone()).await;
    for _ in 1..25 {
        world.ok("StartStreamEncryption", request.clone()).await;
        world.clock.advance_ms(MINUTE_MS);
        world.ok("StopStreamEncryption", request.clone()).await;
    }
    let text = |operation| {
        format!(
            "Stream s under account {ACCOUNT} has had {operation} 25 times in the last 24 hours, \
             which is the limit."
        )
    };
    let starts = text("StartStreamEncryption");
    let refusal = (400, "LimitExceededException", Some(&*starts));
    world.refused("StartStreamEncryption", request.clone(), refusal).await;

    world.clock.advance_ms(24 * HOUR_MS - 60 * MINUTE_MS);
    world.ok("StartStreamEncryption", request.clone()).await;
    let stops = text("StopStreamEncryption");
    let refusal = (400, "LimitExceededException", Some(&*stops));
    world.refused("StopStreamEncryption", request.clone(), refusal).await;
    world.clock.advance_ms(HOUR_MS);
    world.ok("StopStreamEncryption", request).await;
}

#[tokio::test]
async fn nothing_is_confirmed_when_the_disk_has_failed() {
    let mut world = World::new().await;
    world.ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    world.ok("PutRecords", json!({"StreamName": "s", "Records": records(2)})).await;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Resource": arn("s"),
        "Action": "kinesis:DescribeStreamSummary"}]})
    .to_string();
    let put_policy = json!({"ResourceARN": arn("s"), "Policy": policy});
    world.ok("PutResourcePolicy", put_policy.clone()).await;
    world.ok("TagResource", json!({"ResourceARN": arn("s"), "Tags": {"a": "b"}})).await;
    let described = world.ok("DescribeStreamSummary", json!({"StreamName": "s"})).await;

    // Maintenance may be at work as well, and come first.
    (0..500).for_each(|operations| world.disk.fail_after(operations, Fault::Broken));
    let record = json!({"StreamName": "s", "PartitionKey": "k", "Data": ""});
    world.refused("PutRecord", record, BROKEN).await;
    world.clock.advance_ms(1000);
    for (operation, request) in [
        ("PutResourcePolicy", put_policy),
        ("DeleteResourcePolicy", json!({"ResourceARN": arn("s")})),
        ("TagResource", json!({"ResourceARN": arn("s"), "Tags": {"c": "d"}})),
        ("UntagResource", json!({"ResourceARN": arn("s"), "TagKeys": ["a"]})),
    ] {
        world.refused(operation, request, BROKEN).await;
    }
    let put = world.ok("PutRecords", json!({"StreamName": "s", "Records": records(2)})).await;
    let failed =
        json!({"ErrorCode": "InternalFailure", "ErrorMessage": "Internal Service Failure"});
    assert_eq!(put, json!({"FailedRecordCount": 2, "Records": [failed, failed]}));

    let now = world.ok("DescribeStreamSummary", json!({"StreamName": "s"})).await;
    assert_eq!(now, described);
    let tags = world.ok("ListTagsForResource", json!({"ResourceARN": arn("s")})).await;
    assert_eq!(tags, json!({"Tags": [{"Key": "a", "Value": "b"}]}));
    let iterator = world.ok(
        "GetShardIterator",
        json!({
        "StreamName": "s", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"}),
    );
    let request = json!({"ShardIterator": iterator.await["ShardIterator"]});
    let found = world.ok("GetRecords", request).await;
    assert_eq!(found["Records"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn records_that_cannot_be_read_are_no_empty_answer() {
    let mut world = World::new().await;
    world.ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    for _ in 0..60 {
        world.ok("PutRecords", json!({"StreamName": "s", "Records": records(4)})).await;
    }
    let is_segment = |path: &std::path::PathBuf| path.extension().is_some_and(|e| e == "segment");
    let segments = loop {
        let segments: Vec<_> = world.disk.paths().into_iter().filter(is_segment).collect();
        if segments.len() >= 5 {
            break segments;
        }
        world.server.cells.all()[0].store().nudge_maintenance();
        tokio::task::yield_now().await;
    };
    for segment in segments {
        world.disk.corrupt(&segment, |bytes| bytes[200] ^= 1);
    }
    let iterator = world.ok(
        "GetShardIterator",
        json!({
        "StreamName": "s", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"}),
    );
    let request = json!({"ShardIterator": iterator.await["ShardIterator"]});
    world.refused("GetRecords", request, BROKEN).await;

    let request = json!({"StreamARN": arn("s"), "ConsumerName": "c"});
    let consumer = world.ok("RegisterStreamConsumer", request).await;
    let request = json!({
        "ConsumerARN": consumer["Consumer"]["ConsumerARN"], "ShardId": "0",
        "StartingPosition": {"Type": "TRIM_HORIZON"}});
    world.begin(Codec::Json, "SubscribeToShard", &request).await;
    world.receive_until(b":exception-type\x07\x00\x18InternalFailureException").await;
}

#[tokio::test]
async fn a_large_reply_silences_the_shard_two_mebibytes_a_second() {
    let rates = ShardRates { read_bytes: ShardRates::AWS.read_bytes, ..ShardRates::OFF };
    let mut world = World::with(rates, 4 << 20).await;
    world.ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    let record = json!({"StreamName": "s", "PartitionKey": "k", "Data": "eHh4".repeat(1 << 18)});
    for _ in 0..15 {
        world.ok("PutRecord", record.clone()).await;
    }
    let iterator = world.ok(
        "GetShardIterator",
        json!({
        "StreamName": "s", "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"}),
    );
    let request = json!({"ShardIterator": iterator.await["ShardIterator"]});
    let found = world.ok("GetRecords", request.clone()).await;
    // 9.75 MiB: ten would take five seconds.
    assert_eq!(found["Records"].as_array().map(Vec::len), Some(13));
    let text = format!("Rate exceeded for Shard - {ACCOUNT}/s/shardId-000000000000");
    let refusal = (400, "ProvisionedThroughputExceededException", Some(&*text));
    for pause_ms in [0, 4800] {
        world.clock.advance_ms(pause_ms);
        world.refused("GetRecords", request.clone(), refusal).await;
    }
    world.clock.advance_ms(100);
    world.ok("GetRecords", request).await;
}

#[tokio::test]
async fn numbers_of_the_first_layout_fail_as_on_the_service() {
    let mut world = World::new().await;
    world.ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    let request = |number: &str| {
        json!({"StreamName": "s", "ShardId": "0", "ShardIteratorType": "AT_SEQUENCE_NUMBER",
               "StartingSequenceNumber": number})
    };
    world.refused("GetShardIterator", request("0"), BROKEN).await;
    let text = "Invalid StartingSequenceNumber. It encodes shardId-000000000005, while it was used \
                in a call to a shard with shardId-000000000000";
    let refusal = (400, "InvalidArgumentException", Some(text));
    world.refused("GetShardIterator", request("5"), refusal).await;
}

#[tokio::test]
async fn tags_that_no_version_takes_any_more_can_be_removed() {
    let mut world = World::new().await;
    world.ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    let request = json!({"StreamARN": arn("s"), "ConsumerName": "c"});
    let consumer = world.ok("RegisterStreamConsumer", request).await["Consumer"].clone();
    let consumer = consumer["ConsumerARN"].as_str().expect("an ARN").to_owned();
    let scope = Scope { account: Arc::from(ACCOUNT), region: Arc::from("us-east-1") };
    let control = world.server.cells.of(&scope, "s").control.clone();
    let stream = StreamRef { scope, name: Arc::from("s") };
    let created_secs = consumer.rsplit(':').next().expect("a time").parse().expect("seconds");
    let reference = ConsumerRef { stream: stream.clone(), name: Arc::from("c"), created_secs };
    let old = ["a\tb", "a\nb", "ab"].map(|key| (key.to_owned(), "v".to_owned()));
    for name in [ResourceName::Stream(stream), ResourceName::Consumer(reference)] {
        control.tag_resource(name, old.clone().into()).await.expect("tagged");
    }
    let left = json!({"Tags": [{"Key": "ab", "Value": "v"}]});
    let text = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, \
                white space, _ . / = + - % @.";
    let invalid = (400, "InvalidArgumentException", Some(text));
    for (operation, named, key) in [
        ("UntagResource", json!({"ResourceARN": consumer}), "a\tb"),
        ("UntagResource", json!({"ResourceARN": consumer}), "a\nb"),
        ("UntagResource", json!({"ResourceARN": arn("s")}), "a\tb"),
        ("RemoveTagsFromStream", json!({"StreamName": "s"}), "a\nb"),
    ] {
        let remove = |keys: &[&str]| {
            let mut request = named.clone();
            request["TagKeys"] = json!(keys);
            request
        };
        // The rate of calls.
        world.clock.advance_ms(1_000);
        world.refused(operation, remove(&[key, "a\rb"]), invalid).await;
        world.ok(operation, remove(&[key])).await;
        world.refused(operation, remove(&[key]), invalid).await;
    }
    for resource in [consumer, arn("s")] {
        let tags = world.ok("ListTagsForResource", json!({"ResourceARN": resource})).await;
        assert_eq!(tags, left);
    }
}
