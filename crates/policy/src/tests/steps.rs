//! What a decision may cost.

use super::*;
use crate::TEXT_BYTES_MAX;

const POLICIES: usize = 20;

/// A policy with as many of these values as fit into a document.
fn filled(before: &str, value: impl Fn(usize) -> String, behind: &str) -> String {
    let mut text = before.to_owned();
    for number in 0.. {
        let next = format!("{}\"{}\"", if number == 0 { "" } else { "," }, value(number));
        if text.len() + next.len() + behind.len() > TEXT_BYTES_MAX {
            break;
        }
        text.push_str(&next);
    }
    text + behind
}

/// A pattern that almost matches everywhere in a long name of the client.
fn almost() -> String {
    format!("*?{}b", "a".repeat(250))
}

/// What many policies like this one decide about a request with a long name of the client.
fn decided_by_many(text: &str) -> Result<(), Refusal> {
    let (alice, agent) = (Principal::user(OWNER, "alice"), "a".repeat(512));
    let asked = Request { user_agent: Some(&agent), ..request(&alice, None, RequestTags::None) };
    decide(&asked, Identity::Policies(&vec![identity(text); POLICIES]), None)
}

#[test]
fn the_longest_policies_of_resources_and_names_are_decided_about() {
    let arn = |number| format!("arn:aws:kinesis:*:{OWNER}:stream/orders-of-{number}-*");
    let refused =
        filled(r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": ["#, arn, "]}}");
    assert_eq!(decided_by_many(&refused), Err(Refusal::NoIdentityPolicy));
    let allowed =
        filled(r#"{"Statement": {"Effect": "Allow", "Action": "*", "NotResource": ["#, arn, "]}}");
    assert_eq!(decided_by_many(&allowed), Ok(()));
    let names = filled(
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*",
            "Resource": "*", "Condition": {"StringNotEquals": {"aws:username": ["#,
        |number| format!("${{aws:username}}-{number}"),
        "]}}}}",
    );
    assert_eq!(decided_by_many(&names), Ok(()));
}

#[test]
fn what_takes_too_many_steps_is_refused_whatever_it_says() {
    let condition = |effect: &str, operator: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "Action": "*",
                "Resource": "*", "Condition": {{"{operator}": {{"aws:UserAgent": ["#
        )
    };
    let pattern = |number| format!("*?a${{aws:username}}{number}*");
    for effect in ["Allow", "Deny"] {
        for operator in ["StringLike", "StringNotLike", "ForAllValues:StringNotLike"] {
            let text = filled(&condition(effect, operator), pattern, "]}}}}");
            assert_eq!(decided_by_many(&text), Err(Refusal::TooManySteps), "{effect} {operator}");
        }
    }
    let text = filled(&condition("Allow", "StringNotLike"), |_| almost(), "]}}}}");
    assert_eq!(decided_by_many(&text), Err(Refusal::TooManySteps));
}

#[test]
fn who_administers_the_account_can_mend_what_takes_too_many_steps() {
    let alice = Principal::user(OWNER, "alice");
    let agent = "a".repeat(512);
    let text = filled(
        &format!(
            r#"{{"Statement": {{"Effect": "Deny", "Principal": "*", "Action": "kinesis:*",
                "Resource": "{STREAM}", "Condition": {{"StringLike": {{"aws:UserAgent": ["#
        ),
        |_| almost(),
        "]}}}}",
    );
    let policy = resource(&text);
    let decided = |action| {
        let asked = request(&alice, None, RequestTags::None);
        let asked = Request { action, user_agent: Some(&agent), ..asked };
        decide(&asked, Identity::FullAccess, Some(&policy))
    };
    assert_eq!(decided("kinesis:PutRecord"), Err(Refusal::TooManySteps));
    assert_eq!(decided("kinesis:DeleteResourcePolicy"), Ok(()));
}
