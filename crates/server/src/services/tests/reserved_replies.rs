//! Lists and descriptions have memory before they are made.

use super::{ask, connected, door_to, parts, post};
use crate::auth::AuthMode;
use crate::front_door::FrontDoor;
use anabranch_engine::EngineSettings;
use std::collections::BTreeMap;

const ARN: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/wide";
/// Replies up to this are not counted.
const UNCOUNTED_BYTES: usize = 16 << 10;

async fn call(door: &FrontDoor, operation: &str, body: &str) -> (u16, String) {
    let target = format!("Kinesis_20131202.{operation}");
    let request = post("/", "application/x-amz-json-1.1").header("x-amz-target", target);
    let (status, _, reply) = ask(door, &parts(request), body).await;
    (status, reply)
}

async fn set_up(door: &FrontDoor) {
    let done = async |operation, body: String| {
        let (status, reply) = call(door, operation, &body).await;
        assert_eq!(status, 200, "{operation}: {reply}");
    };
    done("CreateStream", r#"{"StreamName":"wide","ShardCount":100}"#.into()).await;
    for i in 0..99 {
        done("CreateStream", format!(r#"{{"StreamName":"one-{i:0>124}","ShardCount":1}}"#)).await;
    }
    let tag = |i| (format!("{i:Ж>128}"), "Щ".repeat(256));
    let tags: BTreeMap<_, _> = (0..50).map(tag).collect();
    let tags = serde_json::to_string(&tags).expect("JSON");
    done("TagResource", format!(r#"{{"ResourceARN":"{ARN}","Tags":{tags}}}"#)).await;
    let statement = serde_json::json!({
        "Sid": "x".repeat(17 << 10),
        "Effect": "Allow",
        "Principal": {"AWS": "123456789012"},
        "Action": "kinesis:PutRecord",
        "Resource": ARN,
    });
    let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let put = serde_json::json!({ "ResourceARN": ARN, "Policy": policy });
    done("PutResourcePolicy", put.to_string()).await;
}

#[tokio::test]
async fn lists_and_descriptions_reserve_memory_before_they_are_made() {
    let settings = EngineSettings {
        transition_ms: 0,
        shard_limit: 1_000,
        account_shard_limit: 1_000,
        limit_streams: false,
        ..EngineSettings::default()
    };
    let mode = AuthMode::Open { account_id: "123456789012".into() };
    let door = door_to(mode, settings).await;
    set_up(&door).await;
    let of_stream = r#"{"StreamName":"wide"}"#;
    let of_arn = format!(r#"{{"ResourceARN":"{ARN}"}}"#);
    let calls = [
        ("ListShards", of_stream),
        ("DescribeStream", of_stream),
        ("ListStreams", "{}"),
        ("ListTagsForStream", of_stream),
        ("ListTagsForResource", &of_arn),
        ("GetResourcePolicy", &of_arn),
    ];
    for (operation, body) in calls {
        let (status, reply) = call(&door, operation, body).await;
        assert_eq!(status, 200, "{operation}: {reply}");
        assert!(reply.len() > UNCOUNTED_BYTES, "{operation}: {}", reply.len());
    }
    assert_eq!(door.replies.taken_bytes(), 0);

    // Time stands still but for who waits.
    tokio::time::pause();
    let _all = door.replies.room(&connected()).take(usize::MAX).await.expect("all is free");
    for (operation, body) in calls {
        let (status, reply) = call(&door, operation, body).await;
        assert_eq!(status, 503, "{operation}: {reply}");
        assert!(reply.contains("ServiceUnavailable"), "{operation}: {reply}");
    }
    let (status, reply) =
        call(&door, "ListStreamConsumers", &format!(r#"{{"StreamARN":"{ARN}"}}"#)).await;
    assert_eq!(status, 200, "small replies pass: {reply}");
}
