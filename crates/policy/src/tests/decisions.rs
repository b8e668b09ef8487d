//! Who decides: the caller's policies and the resource's, within an account and across.

use super::*;
use Refusal::{DeniedByIdentity, DeniedByResource, NoIdentityPolicy, NoResourcePolicy};

const ALLOW: &str = r#"{"Statement": {"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"}}"#;
const DENY: &str = r#"{"Statement": {"Effect": "Deny", "Action": "kinesis:*", "Resource": "*"}}"#;
const SILENT: &str = r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#;
const BOTH: &str = r#"{"Statement": [{"Effect": "Deny", "Action": "kinesis:Put*", "Resource": "*"},
    {"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;

fn statement(effect: &str, principal: &str, action: &str) -> String {
    format!(
        r#"{{"Statement": {{"Effect": "{effect}", "Principal": {{"AWS": "{principal}"}},
            "Action": "{action}", "Resource": "{STREAM}"}}}}"#
    )
}

#[test]
fn within_and_across_accounts() {
    let own = Principal::user(OWNER, "alice");
    let other = Principal::user(OTHER, "alice");
    let everything = Some("full access");
    let ok = Ok(());
    // What the caller has; then, with a resource policy that is absent, silent, allows the user,
    // allows the account, denies: the decision for a caller of the owner's account, and for one
    // of another.
    #[rustfmt::skip]
    let table = [
        (everything,
         [ok, ok, ok, ok, Err(DeniedByResource)],
         [Err(NoResourcePolicy), Err(NoResourcePolicy), ok, ok, Err(DeniedByResource)]),
        (Some(ALLOW),
         [ok, ok, ok, ok, Err(DeniedByResource)],
         [Err(NoResourcePolicy), Err(NoResourcePolicy), ok, ok, Err(DeniedByResource)]),
        (Some(SILENT),
         [Err(NoIdentityPolicy), Err(NoIdentityPolicy), ok, Err(NoIdentityPolicy), Err(DeniedByResource)],
         [Err(NoIdentityPolicy), Err(NoIdentityPolicy), Err(NoIdentityPolicy), Err(NoIdentityPolicy), Err(DeniedByResource)]),
        (None,
         [Err(NoIdentityPolicy), Err(NoIdentityPolicy), ok, Err(NoIdentityPolicy), Err(DeniedByResource)],
         [Err(NoIdentityPolicy), Err(NoIdentityPolicy), Err(NoIdentityPolicy), Err(NoIdentityPolicy), Err(DeniedByResource)]),
        (Some(DENY), [Err(DeniedByIdentity); 5], [Err(DeniedByIdentity); 5]),
        (Some(BOTH), [Err(DeniedByIdentity); 5], [Err(DeniedByIdentity); 5]),
    ];
    let names = ["absent", "silent", "allows the user", "allows the account", "denies"];
    for (policy, within, across) in table {
        let policies: Vec<Arc<Policy>> =
            policy.filter(|text| text.starts_with('{')).map(identity).into_iter().collect();
        let has = match policy == everything {
            true => Identity::FullAccess,
            false => Identity::Policies(&policies),
        };
        for (caller, expected) in [(&own, within), (&other, across)] {
            let user = caller.arn();
            let resources = [
                None,
                Some(statement("Allow", user, "kinesis:GetRecords")),
                Some(statement("Allow", user, "kinesis:PutRecord")),
                Some(statement("Allow", caller.account(), "kinesis:PutRecord")),
                Some(statement("Deny", caller.account(), "kinesis:Put*")),
            ];
            for ((text, name), expected) in resources.iter().zip(names).zip(expected) {
                let policy_of_resource = text.as_deref().map(resource);
                let asked = request(caller, None, RequestTags::None);
                let found = decide(&asked, has, policy_of_resource.as_ref());
                assert_eq!(found, expected, "caller {user} has {policy:?}, resource policy {name}");
            }
        }
    }
}

#[test]
fn a_denial_wins_wherever_it_stands() {
    let alice = Principal::user(OWNER, "alice");
    let asked = request(&alice, None, RequestTags::None);
    let refused = Err(DeniedByIdentity);
    for (name, policies, expected) in [
        ("in the first of two policies", vec![DENY, ALLOW], refused),
        ("in the second", vec![ALLOW, DENY], refused),
        ("before an allowance", vec![BOTH], refused),
        (
            "not about this action",
            vec![
                ALLOW,
                r#"{"Statement": {"Effect": "Deny",
            "Action": "kinesis:Get*", "Resource": "*"}}"#,
            ],
            Ok(()),
        ),
        (
            "under a condition that does not hold",
            vec![
                ALLOW,
                r#"{"Statement": {"Effect": "Deny",
            "Action": "*", "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": false}}}}"#,
            ],
            Ok(()),
        ),
        (
            "under a condition that holds",
            vec![
                ALLOW,
                r#"{"Statement": {"Effect": "Deny",
            "Action": "*", "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": true}}}}"#,
            ],
            refused,
        ),
        ("one of two policies allows", vec![SILENT, ALLOW], Ok(())),
    ] {
        let policies: Vec<Arc<Policy>> = policies.into_iter().map(identity).collect();
        assert_eq!(decide(&asked, Identity::Policies(&policies), None), expected, "{name}");
    }
}

#[test]
fn who_administers_the_account_can_always_mend_a_resource_policy() {
    let alice = Principal::user(OWNER, "alice");
    let other = Principal::user(OTHER, "alice");
    let denies = resource(&statement("Deny", "*", "*"));
    let policies = [identity(ALLOW)];
    for action in
        ["kinesis:PutResourcePolicy", "kinesis:GetResourcePolicy", "kinesis:DeleteResourcePolicy"]
    {
        let own = Request { action, ..request(&alice, None, RequestTags::None) };
        assert_eq!(decide(&own, Identity::FullAccess, Some(&denies)), Ok(()));
        let restricted = decide(&own, Identity::Policies(&policies), Some(&denies));
        assert_eq!(restricted, Err(DeniedByResource));
        let foreign = Request { action, ..request(&other, None, RequestTags::None) };
        let foreign = decide(&foreign, Identity::FullAccess, Some(&denies));
        assert_eq!(foreign, Err(DeniedByResource));
    }
    let put = request(&alice, None, RequestTags::None);
    assert_eq!(decide(&put, Identity::FullAccess, Some(&denies)), Err(DeniedByResource));
}

#[test]
fn a_policy_that_cannot_be_read_denies_everything() {
    let alice = Principal::user(OWNER, "alice");
    let asked = Request { resource: "*", ..request(&alice, None, RequestTags::None) };
    let found = decide(&asked, Identity::FullAccess, Some(&Policy::deny_everything()));
    assert_eq!(found, Err(DeniedByResource));
}

#[test]
fn refusals_end_as_the_service_says() {
    for (refusal, text) in [
        (NoIdentityPolicy, "because no identity-based policy allows the kinesis:X action"),
        (NoResourcePolicy, "because no resource-based policy allows the kinesis:X action"),
        (DeniedByIdentity, "with an explicit deny in an identity-based policy"),
        (DeniedByResource, "with an explicit deny in a resource-based policy"),
    ] {
        assert_eq!(refusal.because("kinesis:X").to_string(), text);
    }
}
