//! Tables of decisions. Each line has a name that says what it shows.

mod conditions;
mod decisions;
mod documents;
mod matching;
mod steps;

use crate::{Identity, Policy, Principal, Refusal, Request, RequestTags, decide};
use std::collections::BTreeMap;
use std::sync::Arc;

const OWNER: &str = "111111111111";
const OTHER: &str = "222222222222";
const STREAM: &str = "arn:aws:kinesis:us-east-1:111111111111:stream/orders";
/// 2026-01-01T00:00:00Z.
const NOW_MS: u64 = 1_767_225_600_000;

/// alice of the owner's account puts a record, over TLS, from 203.0.113.9.
pub(crate) fn request<'a>(
    principal: &'a Principal,
    resource_tags: Option<&'a BTreeMap<String, String>>,
    request_tags: RequestTags<'a>,
) -> Request<'a> {
    Request {
        principal,
        action: "kinesis:PutRecord",
        resource: STREAM,
        resource_account: OWNER,
        resource_tags,
        request_tags,
        region: "us-east-1",
        source_ip: Some("203.0.113.9".parse().expect("an address")),
        user_agent: Some("Boto3/1.40 md/Botocore"),
        is_secure: true,
        now_ms: NOW_MS,
    }
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn identity(text: &str) -> Arc<Policy> {
    Arc::new(Policy::parse_identity(text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

fn resource(text: &str) -> Policy {
    Policy::parse_resource(text, STREAM).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What one policy of the caller decides about a request for its own account's stream.
fn decided(policy: &str, request: &Request<'_>) -> Result<(), Refusal> {
    decide(request, Identity::Policies(&[identity(policy)]), None)
}
