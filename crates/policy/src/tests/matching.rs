//! Actions, resources and principals.

use super::*;

#[test]
fn actions() {
    let alice = Principal::user(OWNER, "alice");
    #[rustfmt::skip]
    let table = [
        ("a plain name", r#""kinesis:PutRecord""#, "kinesis:PutRecord", true),
        ("another name", r#""kinesis:PutRecord""#, "kinesis:PutRecords", false),
        ("a name that is longer", r#""kinesis:PutRecords""#, "kinesis:PutRecord", false),
        ("case does not matter in the name", r#""kinesis:putrecord""#, "kinesis:PutRecord", true),
        ("nor in the service", r#""Kinesis:PUTRECORD""#, "kinesis:PutRecord", true),
        ("a star alone", r#""*""#, "kinesis:PutRecord", true),
        ("every action of the service", r#""kinesis:*""#, "kinesis:DeleteStream", true),
        ("every action of another service", r#""dynamodb:*""#, "kinesis:PutRecord", false),
        ("a star at the end", r#""kinesis:Put*""#, "kinesis:PutRecords", true),
        ("a star at the end that fails", r#""kinesis:Put*""#, "kinesis:GetRecords", false),
        ("a star at the beginning", r#""kinesis:*Records""#, "kinesis:GetRecords", true),
        ("a star in the middle", r#""kinesis:Describe*Summary""#, "kinesis:DescribeStreamSummary", true),
        ("a star for nothing", r#""kinesis:PutRecord*""#, "kinesis:PutRecord", true),
        ("two stars", r#""kinesis:*Stream*""#, "kinesis:ListStreams", true),
        ("a question mark", r#""kinesis:PutRecor?""#, "kinesis:PutRecord", true),
        ("a question mark is one character", r#""kinesis:PutRecord?""#, "kinesis:PutRecord", false),
        ("a question mark is not two", r#""kinesis:PutReco?""#, "kinesis:PutRecord", false),
        ("one of a list", r#"["kinesis:GetRecords", "kinesis:PutRecord"]"#, "kinesis:PutRecord", true),
        ("none of a list", r#"["kinesis:GetRecords", "kinesis:PutRecord"]"#, "kinesis:MergeShards", false),
    ];
    for (name, actions, action, expected) in table {
        let asked = Request { action, ..request(&alice, None, RequestTags::None) };
        for (element, expected) in [("Action", expected), ("NotAction", !expected)] {
            let policy = format!(
                r#"{{"Statement": {{"Effect": "Allow", "{element}": {actions}, "Resource": "*"}}}}"#
            );
            assert_eq!(decided(&policy, &asked).is_ok(), expected, "{element}: {name}");
        }
    }
}

#[test]
fn resources() {
    let alice = Principal::user(OWNER, "alice");
    let consumer = format!("{STREAM}/consumer/app:1525898737");
    #[rustfmt::skip]
    let table = [
        ("the ARN", r#""arn:aws:kinesis:us-east-1:111111111111:stream/orders""#, STREAM, true),
        ("another stream", r#""arn:aws:kinesis:us-east-1:111111111111:stream/other""#, STREAM, false),
        ("another Region", r#""arn:aws:kinesis:eu-west-1:111111111111:stream/orders""#, STREAM, false),
        ("another account", r#""arn:aws:kinesis:us-east-1:222222222222:stream/orders""#, STREAM, false),
        ("another partition", r#""arn:aws-cn:kinesis:us-east-1:111111111111:stream/orders""#, STREAM, false),
        ("another service", r#""arn:aws:sqs:us-east-1:111111111111:stream/orders""#, STREAM, false),
        ("case matters", r#""arn:aws:kinesis:us-east-1:111111111111:stream/Orders""#, STREAM, false),
        ("a star alone", r#""*""#, STREAM, true),
        ("a star for the Region", r#""arn:aws:kinesis:*:111111111111:stream/orders""#, STREAM, true),
        ("a star for Region and account", r#""arn:aws:kinesis:*:*:stream/orders""#, STREAM, true),
        ("a star for the partition", r#""arn:*:kinesis:*:*:stream/orders""#, STREAM, true),
        ("a star for part of the Region", r#""arn:aws:kinesis:us-*:*:stream/orders""#, STREAM, true),
        ("a star does not cross a colon", r#""arn:aws:kinesis:*:stream/orders""#, STREAM, false),
        ("a prefix of the name", r#""arn:aws:kinesis:us-east-1:111111111111:stream/ord*""#, STREAM, true),
        ("another prefix", r#""arn:aws:kinesis:us-east-1:111111111111:stream/pay*""#, STREAM, false),
        ("a question mark", r#""arn:aws:kinesis:us-east-1:111111111111:stream/order?""#, STREAM, true),
        ("question marks count", r#""arn:aws:kinesis:us-east-1:111111111111:stream/orders?""#, STREAM, false),
        ("every stream", r#""arn:aws:kinesis:us-east-1:111111111111:stream/*""#, STREAM, true),
        ("every resource", r#""arn:aws:kinesis:us-east-1:111111111111:*""#, STREAM, true),
        ("missing fields match everything", r#""arn:aws:kinesis""#, STREAM, true),
        ("missing fields, the account given", r#""arn:aws:kinesis:*:222222222222""#, STREAM, false),
        ("a stream is not its consumers", r#""arn:aws:kinesis:us-east-1:111111111111:stream/orders""#, &*consumer, false),
        ("a star at the end has consumers, too", r#""arn:aws:kinesis:us-east-1:111111111111:stream/orders*""#, &*consumer, true),
        ("consumers of a stream", r#""arn:aws:kinesis:*:*:stream/orders/consumer/*""#, &*consumer, true),
        ("consumers are not their stream", r#""arn:aws:kinesis:*:*:stream/orders/consumer/*""#, STREAM, false),
        ("a consumer with any time of creation", r#""arn:aws:kinesis:*:*:stream/orders/consumer/app:*""#, &*consumer, true),
        ("one of a list", r#"["arn:aws:kinesis:*:*:stream/x", "arn:aws:kinesis:*:*:stream/orders"]"#, STREAM, true),
        ("none of a list", r#"["arn:aws:kinesis:*:*:stream/x", "arn:aws:kinesis:*:*:stream/y"]"#, STREAM, false),
        ("no resource: the star", r#""*""#, "*", true),
        ("no resource: an ARN is not enough", r#""arn:aws:kinesis:*:*:*""#, "*", false),
    ];
    for (name, resources, resource, expected) in table {
        let asked = Request { resource, ..request(&alice, None, RequestTags::None) };
        for (element, expected) in [("Resource", expected), ("NotResource", !expected)] {
            let policy = format!(
                r#"{{"Statement": {{"Effect": "Allow", "Action": "*", "{element}": {resources}}}}}"#
            );
            assert_eq!(decided(&policy, &asked).is_ok(), expected, "{element}: {name}");
        }
    }
}

#[test]
fn variables() {
    let alice = Principal::user(OWNER, "alice");
    let session = Principal::session(OWNER, "app", "one");
    let orders_of =
        |owner: &str| format!("arn:aws:kinesis:us-east-1:{OWNER}:stream/{owner}-orders");
    let (of_alice, of_bob, of_a_star) = (orders_of("alice"), orders_of("bob"), orders_of("*"));
    let of_text = orders_of("${aws:username}");
    #[rustfmt::skip]
    let table = [
        ("the user's name", "2012-10-17", &alice, "stream/${aws:username}-orders", &of_alice, true),
        ("another user's name", "2012-10-17", &alice, "stream/${aws:username}-orders", &of_bob, false),
        ("names of keys are of any case", "2012-10-17", &alice, "stream/${AWS:UserName}-orders", &of_alice, true),
        ("no name, no match", "2012-10-17", &session, "stream/${aws:username}-orders", &of_alice, false),
        ("no name, but a default", "2012-10-17", &session, "stream/${aws:username, 'alice'}-orders", &of_alice, true),
        ("a default is not for those with a name", "2012-10-17", &alice, "stream/${aws:username, 'bob'}-orders", &of_bob, false),
        ("the session's id", "2012-10-17", &session, "stream/${aws:userid}*", &"arn:aws:kinesis:us-east-1:111111111111:stream/app:one".to_owned(), true),
        ("a literal star", "2012-10-17", &alice, "stream/${*}-orders", &of_a_star, true),
        ("a literal star is no wildcard", "2012-10-17", &alice, "stream/${*}-orders", &of_alice, false),
        ("a literal dollar", "2012-10-17", &alice, "stream/${$}{aws:username}-orders", &of_text, true),
        ("the old version has no variables", "2008-10-17", &alice, "stream/${aws:username}-orders", &of_alice, false),
        ("the old version takes them as text", "2008-10-17", &alice, "stream/${aws:username}-orders", &of_text, true),
    ];
    for (name, version, principal, pattern, resource, expected) in table {
        let policy = format!(
            r#"{{"Statement": [{{"Effect": "Allow", "Action": "*",
                "Resource": "arn:aws:kinesis:*:*:{pattern}"}}], "Version": "{version}"}}"#
        );
        let asked = Request { resource, ..request(principal, None, RequestTags::None) };
        assert_eq!(decided(&policy, &asked).is_ok(), expected, "{name}");
    }
    // The value of a variable is text, whatever is in it.
    let star = Principal::user(OWNER, "*");
    let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*",
        "Resource": "arn:aws:kinesis:*:*:stream/${aws:username}-orders"}}"#;
    let asked = Request { resource: &of_alice, ..request(&star, None, RequestTags::None) };
    assert!(decided(policy, &asked).is_err(), "a name that is a star matches a star only");
}

#[test]
fn principals() {
    let alice = Principal::user(OTHER, "alice");
    let bob = Principal::user(OTHER, "bob");
    let root = Principal::root(OTHER);
    let session = Principal::session(OTHER, "app", "one");
    #[rustfmt::skip]
    let table = [
        ("everyone", r#""*""#, &alice, true),
        ("everyone, the long form", r#"{"AWS": "*"}"#, &alice, true),
        ("the account's id has its users", r#"{"AWS": "222222222222"}"#, &alice, true),
        ("the account's ARN has its users", r#"{"AWS": "arn:aws:iam::222222222222:root"}"#, &alice, true),
        ("the account has its sessions", r#"{"AWS": "222222222222"}"#, &session, true),
        ("the account has itself", r#"{"AWS": "arn:aws:iam::222222222222:root"}"#, &root, true),
        ("another account", r#"{"AWS": "333333333333"}"#, &alice, false),
        ("the user", r#"{"AWS": "arn:aws:iam::222222222222:user/alice"}"#, &alice, true),
        ("another user", r#"{"AWS": "arn:aws:iam::222222222222:user/alice"}"#, &bob, false),
        ("a user of that name elsewhere", r#"{"AWS": "arn:aws:iam::333333333333:user/alice"}"#, &alice, false),
        ("a user is not the account", r#"{"AWS": "arn:aws:iam::222222222222:user/alice"}"#, &root, false),
        ("the role of the session", r#"{"AWS": "arn:aws:iam::222222222222:role/app"}"#, &session, true),
        ("the role with a path", r#"{"AWS": "arn:aws:iam::222222222222:role/team/app"}"#, &session, true),
        ("another role", r#"{"AWS": "arn:aws:iam::222222222222:role/other"}"#, &session, false),
        ("a role is not a user of its name", r#"{"AWS": "arn:aws:iam::222222222222:role/alice"}"#, &alice, false),
        ("the session itself", r#"{"AWS": "arn:aws:sts::222222222222:assumed-role/app/one"}"#, &session, true),
        ("another session of the role", r#"{"AWS": "arn:aws:sts::222222222222:assumed-role/app/two"}"#, &session, false),
        ("one of a list", r#"{"AWS": ["333333333333", "arn:aws:iam::222222222222:user/alice"]}"#, &alice, true),
        ("none of a list", r#"{"AWS": ["333333333333", "arn:aws:iam::222222222222:user/alice"]}"#, &bob, false),
        ("a service is no caller", r#"{"Service": "firehose.amazonaws.com"}"#, &alice, false),
        ("a service beside an account", r#"{"Service": "firehose.amazonaws.com", "AWS": "222222222222"}"#, &alice, true),
        ("an identity provider is no caller", r#"{"Federated": "accounts.google.com"}"#, &alice, false),
    ];
    for (name, principals, caller, expected) in table {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Principal": {principals},
                "Action": "kinesis:*", "Resource": "{STREAM}"}}}}"#
        );
        let asked = request(caller, None, RequestTags::None);
        let found = decide(&asked, Identity::FullAccess, Some(&resource(&text)));
        let refusal = if expected { Ok(()) } else { Err(Refusal::NoResourcePolicy) };
        assert_eq!(found, refusal, "{name}");
    }
}

#[test]
fn excepted_principals() {
    let owner = Principal::user(OWNER, "alice");
    let bob = Principal::user(OWNER, "bob");
    let root = Principal::root(OWNER);
    #[rustfmt::skip]
    let table = [
        ("the excepted user is not denied", r#"{"AWS": "arn:aws:iam::111111111111:user/alice"}"#, &owner, true),
        ("everybody else is", r#"{"AWS": "arn:aws:iam::111111111111:user/alice"}"#, &bob, false),
        ("the account is, too", r#"{"AWS": "arn:aws:iam::111111111111:user/alice"}"#, &root, false),
        ("the excepted account itself is not", r#"{"AWS": "111111111111"}"#, &root, true),
        ("but its users are", r#"{"AWS": "111111111111"}"#, &owner, false),
        ("nobody is left", r#""*""#, &bob, true),
    ];
    for (name, principals, caller, expected) in table {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Deny", "NotPrincipal": {principals},
                "Action": "kinesis:*", "Resource": "{STREAM}"}}}}"#
        );
        let asked = request(caller, None, RequestTags::None);
        let found = decide(&asked, Identity::FullAccess, Some(&resource(&text)));
        let refusal = if expected { Ok(()) } else { Err(Refusal::DeniedByResource) };
        assert_eq!(found, refusal, "{name}");
    }
}
