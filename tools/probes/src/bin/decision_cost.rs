//! What a decision costs: `cargo run --release -p probes --bin decision_cost`.

use anabranch_policy::{Identity, Policy, Principal, Request, RequestTags, decide};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const STREAM: &str = "arn:aws:kinesis:us-east-1:111111111111:stream/orders-7";
const DECISIONS: u32 = 1_000_000;

const TYPICAL: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["kinesis:PutRecord", "kinesis:PutRecords", "kinesis:ListShards"],
     "Resource": "arn:aws:kinesis:*:111111111111:stream/orders-*"},
    {"Effect": "Deny", "Action": "kinesis:Delete*", "Resource": "*"}]}"#;
const CONDITIONS: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "kinesis:*", "Resource": "*", "Condition": {
        "IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.0/24"]},
        "StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/${aws:username}"},
        "DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}}]}"#;

fn main() {
    let other = Principal::user("222222222222", "alice");
    let own = Principal::user("111111111111", "alice");
    let identity = |text| [Arc::new(Policy::parse_identity(text).expect("a policy"))];
    let (typical, conditions) = (identity(TYPICAL), identity(CONDITIONS));
    let of_stream = format!(
        r#"{{"Statement": {{"Effect": "Allow", "Principal": {{"AWS": "222222222222"}},
            "Action": "kinesis:Put*", "Resource": "{STREAM}"}}}}"#
    );
    let of_stream = Policy::parse_resource(&of_stream, STREAM).expect("a policy");
    measure("two statements", &own, &typical, None);
    measure("three conditions", &own, &conditions, None);
    measure("across accounts", &other, &typical, Some(&of_stream));
    // What takes most: patterns that almost match everywhere, until the steps are used up.
    let almost = format!(r#""*?{}b""#, "a".repeat(250));
    let worst = format!(
        r#"{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {{"StringLike": {{"aws:UserAgent": [{}]}}}}}}}}"#,
        vec![almost; 70].join(",")
    );
    let worst = identity(&worst);
    let agent = "a".repeat(4096);
    let request = Request { user_agent: Some(&agent), ..request(&own) };
    let started = Instant::now();
    let decision = decide(&request, Identity::Policies(&worst), None);
    println!("worst document: {:?}, {:?}", started.elapsed(), decision);
}

fn request(principal: &Principal) -> Request<'_> {
    Request {
        principal,
        action: "kinesis:PutRecords",
        resource: STREAM,
        resource_account: "111111111111",
        resource_tags: None,
        request_tags: RequestTags::None,
        region: "us-east-1",
        source_ip: "203.0.113.9".parse().ok(),
        user_agent: Some("Boto3/1.40"),
        is_secure: false,
        now_ms: 1_767_225_600_000,
    }
}

fn measure(name: &str, caller: &Principal, policies: &[Arc<Policy>], resource: Option<&Policy>) {
    let started = Instant::now();
    for _ in 0..DECISIONS {
        let decision = decide(&request(caller), Identity::Policies(policies), resource);
        assert!(black_box(decision).is_ok());
    }
    println!("{name}: {} ns", started.elapsed().as_nanos() / u128::from(DECISIONS));
}
