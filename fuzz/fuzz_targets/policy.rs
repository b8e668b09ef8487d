//! Policy documents: read as a caller's and as a resource's, and asked about a request.
#![no_main]

use anabranch_policy::{Identity, Policy, Principal, Request, RequestTags, decide};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::sync::Arc;

const STREAM: &str = "arn:aws:kinesis:us-east-1:111111111111:stream/orders";

fuzz_target!(|text: &str| {
    let tags = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
    let principal = Principal::user("111111111111", "alice");
    let request = Request {
        principal: &principal,
        action: "kinesis:PutRecord",
        resource: STREAM,
        resource_account: "111111111111",
        resource_tags: Some(&tags),
        request_tags: RequestTags::Set(&tags),
        region: "us-east-1",
        source_ip: "203.0.113.9".parse().ok(),
        user_agent: Some("client"),
        is_secure: true,
        now_ms: 1_767_225_600_000,
    };
    match Policy::parse_identity(text) {
        Ok(policy) => drop(decide(&request, Identity::Policies(&[Arc::new(policy)]), None)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(policy) = Policy::parse_resource(text, STREAM) {
        let _ = decide(&request, Identity::FullAccess, Some(&policy));
    }
});
