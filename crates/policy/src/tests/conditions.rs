//! Conditions.

use super::*;

fn holds(condition: &str, request: &Request<'_>) -> bool {
    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "*",
            "Resource": "*", "Condition": {condition}}}}}"#
    );
    decided(&policy, request).is_ok()
}

#[test]
fn operators() {
    let alice = Principal::user(OWNER, "alice");
    let stream_tags = tags(&[
        ("Team", "Blue"),
        ("count", "7"),
        ("on", "true"),
        ("odd", "a*b"),
        ("since", "2025-06-01"),
        ("arn", "arn:aws:sns:us-east-1:1:topic"),
        ("raw", "aGk="),
    ]);
    let asked = request(&alice, Some(&stream_tags), RequestTags::None);
    #[rustfmt::skip]
    let table = [
        // Texts.
        ("equal", r#"{"StringEquals": {"aws:username": "alice"}}"#, true),
        ("not equal", r#"{"StringEquals": {"aws:username": "bob"}}"#, false),
        ("equal to one of several", r#"{"StringEquals": {"aws:username": ["bob", "alice"]}}"#, true),
        ("case matters in values", r#"{"StringEquals": {"aws:username": "Alice"}}"#, false),
        ("case does not matter in keys", r#"{"StringEquals": {"AWS:USERNAME": "alice"}}"#, true),
        ("no wildcards in StringEquals", r#"{"StringEquals": {"aws:username": "al*"}}"#, false),
        ("negated: another", r#"{"StringNotEquals": {"aws:username": "bob"}}"#, true),
        ("negated: the same", r#"{"StringNotEquals": {"aws:username": "alice"}}"#, false),
        ("negated: none of several", r#"{"StringNotEquals": {"aws:username": ["bob", "eve"]}}"#, true),
        ("negated: one of several", r#"{"StringNotEquals": {"aws:username": ["bob", "alice"]}}"#, false),
        ("case ignored", r#"{"StringEqualsIgnoreCase": {"aws:username": "ALICE"}}"#, true),
        ("case ignored, another text", r#"{"StringEqualsIgnoreCase": {"aws:username": "BOB"}}"#, false),
        ("case ignored, negated", r#"{"StringNotEqualsIgnoreCase": {"aws:username": "ALICE"}}"#, false),
        ("like", r#"{"StringLike": {"aws:username": "al*"}}"#, true),
        ("like, one character", r#"{"StringLike": {"aws:username": "?lic?"}}"#, true),
        ("unlike", r#"{"StringLike": {"aws:username": "b*"}}"#, false),
        ("not like", r#"{"StringNotLike": {"aws:username": ["b*", "e*"]}}"#, true),
        ("not like, one of several", r#"{"StringNotLike": {"aws:username": ["b*", "a*"]}}"#, false),
        ("an escaped star in StringLike", r#"{"StringLike": {"aws:ResourceTag/odd": "a${*}b"}}"#, true),
        ("an escaped star is only a star", r#"{"StringLike": {"aws:username": "a${*}e"}}"#, false),
        ("a variable on the right", r#"{"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}"}}"#, true),
        ("a variable without value", r#"{"StringEquals": {"aws:username": "${aws:SourceArn}"}}"#, false),
        ("a variable without value, negated", r#"{"StringNotEquals": {"aws:username": "${aws:SourceArn}"}}"#, true),
        // Numbers.
        ("equal numbers", r#"{"NumericEquals": {"aws:ResourceTag/count": "7.0"}}"#, true),
        ("a number that is not in quotes", r#"{"NumericEquals": {"aws:ResourceTag/count": 7}}"#, true),
        ("other numbers", r#"{"NumericEquals": {"aws:ResourceTag/count": 8}}"#, false),
        ("numbers, negated", r#"{"NumericNotEquals": {"aws:ResourceTag/count": [8, 9]}}"#, true),
        ("less", r#"{"NumericLessThan": {"aws:ResourceTag/count": 7.5}}"#, true),
        ("not less", r#"{"NumericLessThan": {"aws:ResourceTag/count": 7}}"#, false),
        ("less or equal", r#"{"NumericLessThanEquals": {"aws:ResourceTag/count": 7}}"#, true),
        ("greater", r#"{"NumericGreaterThan": {"aws:ResourceTag/count": -1}}"#, true),
        ("not greater", r#"{"NumericGreaterThan": {"aws:ResourceTag/count": 7}}"#, false),
        ("greater or equal", r#"{"NumericGreaterThanEquals": {"aws:ResourceTag/count": 7}}"#, true),
        ("what is no number is not equal to one", r#"{"NumericEquals": {"aws:username": 1}}"#, false),
        ("what is no number is unequal to one", r#"{"NumericNotEquals": {"aws:username": 1}}"#, true),
        ("what is no number is not less", r#"{"NumericLessThan": {"aws:username": 1}}"#, false),
        // Times.
        ("before", r#"{"DateLessThan": {"aws:CurrentTime": "2026-01-02"}}"#, true),
        ("not before", r#"{"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}"#, false),
        ("at the latest", r#"{"DateLessThanEquals": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}"#, true),
        ("after", r#"{"DateGreaterThan": {"aws:CurrentTime": "2025-12-31T23:59:59Z"}}"#, true),
        ("not after", r#"{"DateGreaterThan": {"aws:CurrentTime": "2026"}}"#, false),
        ("at the earliest", r#"{"DateGreaterThanEquals": {"aws:CurrentTime": "2026"}}"#, true),
        ("at that time", r#"{"DateEquals": {"aws:CurrentTime": "2026-01-01T01:00:00+01:00"}}"#, true),
        ("at another", r#"{"DateNotEquals": {"aws:CurrentTime": "2026-01-01T01:00:00Z"}}"#, true),
        ("epoch seconds", r#"{"DateEquals": {"aws:EpochTime": 1767225600}}"#, true),
        ("epoch seconds as a number", r#"{"NumericGreaterThan": {"aws:EpochTime": "1767225599"}}"#, true),
        ("epoch seconds and a date", r#"{"DateLessThan": {"aws:EpochTime": "2026-01-02"}}"#, true),
        ("a date in a tag", r#"{"DateLessThan": {"aws:ResourceTag/since": "2025-06-02"}}"#, true),
        ("what is no date", r#"{"DateLessThan": {"aws:username": "2026"}}"#, false),
        // Booleans.
        ("true", r#"{"Bool": {"aws:SecureTransport": "true"}}"#, true),
        ("false", r#"{"Bool": {"aws:SecureTransport": "false"}}"#, false),
        ("true without quotes", r#"{"Bool": {"aws:SecureTransport": true}}"#, true),
        ("a tag that is true", r#"{"Bool": {"aws:ResourceTag/on": "TRUE"}}"#, true),
        ("what is no boolean", r#"{"Bool": {"aws:username": "true"}}"#, false),
        // Bytes.
        ("equal bytes", r#"{"BinaryEquals": {"aws:ResourceTag/raw": "aGk="}}"#, true),
        ("other bytes", r#"{"BinaryEquals": {"aws:ResourceTag/raw": "aGo="}}"#, false),
        // Addresses.
        ("the address", r#"{"IpAddress": {"aws:SourceIp": "203.0.113.9"}}"#, true),
        ("in the range", r#"{"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}"#, true),
        ("the range by any of its addresses", r#"{"IpAddress": {"aws:SourceIp": "203.0.113.200/24"}}"#, true),
        ("not in the range", r#"{"IpAddress": {"aws:SourceIp": "203.0.113.0/29"}}"#, false),
        ("in one of the ranges", r#"{"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.8/30"]}}"#, true),
        ("every address", r#"{"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}"#, true),
        ("the other family", r#"{"IpAddress": {"aws:SourceIp": "::/0"}}"#, false),
        ("outside of the range", r#"{"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#, true),
        ("not outside", r#"{"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.0/24"]}}"#, false),
        ("what is no address", r#"{"IpAddress": {"aws:username": "0.0.0.0/0"}}"#, false),
        // ARNs.
        ("an ARN", r#"{"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111111111111:user/alice"}}"#, true),
        ("an ARN with wildcards", r#"{"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:user/al*"}}"#, true),
        ("the same by its other name", r#"{"ArnLike": {"aws:PrincipalArn": "arn:*:iam::111111111111:*"}}"#, true),
        ("a wildcard stays in its field", r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:*:user/alice"}}"#, false),
        ("another ARN", r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::222222222222:*"}}"#, false),
        ("ARNs, negated", r#"{"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::222222222222:*"}}"#, true),
        ("ARNs, negated, the same", r#"{"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::111111111111:*"}}"#, false),
        ("what is no ARN", r#"{"ArnLike": {"aws:username": "arn:*:*:*:*:*"}}"#, false),
        ("a variable in an ARN", r#"{"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::${aws:ResourceAccount}:user/*"}}"#, true),
        // Several at once.
        ("all operators must hold", r#"{"Bool": {"aws:SecureTransport": true}, "StringEquals": {"aws:username": "bob"}}"#, false),
        ("all keys must hold", r#"{"StringEquals": {"aws:username": "alice", "aws:RequestedRegion": "eu-west-1"}}"#, false),
        ("and do", r#"{"Bool": {"aws:SecureTransport": true}, "StringEquals": {"aws:username": "alice", "aws:RequestedRegion": "us-east-1"}}"#, true),
        ("no condition at all", "{}", true),
    ];
    for (name, condition, expected) in table {
        assert_eq!(holds(condition, &asked), expected, "{name}");
    }
}

#[test]
fn keys_that_are_not_there() {
    let alice = Principal::user(OWNER, "alice");
    let asked = request(&alice, None, RequestTags::None);
    #[rustfmt::skip]
    let table = [
        ("equal to nothing", r#"{"StringEquals": {"aws:SourceArn": "x"}}"#, false),
        ("like nothing", r#"{"StringLike": {"aws:SourceArn": "*"}}"#, false),
        ("unequal to everything", r#"{"StringNotEquals": {"aws:SourceArn": "x"}}"#, true),
        ("unlike everything", r#"{"StringNotLike": {"aws:SourceAccount": "*"}}"#, true),
        ("if it exists", r#"{"StringEqualsIfExists": {"aws:SourceArn": "x"}}"#, true),
        ("if it exists, negated", r#"{"StringNotEqualsIfExists": {"aws:SourceArn": "x"}}"#, true),
        ("it exists after all", r#"{"StringEqualsIfExists": {"aws:username": "bob"}}"#, false),
        ("it exists and is equal", r#"{"StringLikeIfExists": {"aws:username": "a*"}}"#, true),
        ("no number", r#"{"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}}"#, false),
        ("no number, if it exists", r#"{"NumericLessThanIfExists": {"aws:MultiFactorAuthAge": 3600}}"#, true),
        ("no number, negated", r#"{"NumericNotEquals": {"aws:MultiFactorAuthAge": 3600}}"#, true),
        ("no boolean", r#"{"Bool": {"aws:MultiFactorAuthPresent": "false"}}"#, false),
        ("no boolean, if it exists", r#"{"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}"#, true),
        ("no date", r#"{"DateGreaterThan": {"aws:TokenIssueTime": "2000"}}"#, false),
        ("no address", r#"{"NotIpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}"#, true),
        ("no ARN", r#"{"ArnLike": {"aws:SourceArn": "*"}}"#, false),
        ("no ARN, if it exists", r#"{"ArnLikeIfExists": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}"#, true),
        ("it is not there", r#"{"Null": {"aws:SourceArn": "true"}}"#, true),
        ("it ought to be there", r#"{"Null": {"aws:SourceArn": "false"}}"#, false),
        ("it is there", r#"{"Null": {"aws:username": false}}"#, true),
        ("it ought not to be there", r#"{"Null": {"aws:username": true}}"#, false),
        ("tags of principals do not exist", r#"{"StringEquals": {"aws:PrincipalTag/team": "x"}}"#, false),
        ("tags of a resource that is not there", r#"{"Null": {"aws:ResourceTag/team": "true"}}"#, true),
        ("all of no values", r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "x"}}"#, true),
        ("any of no values", r#"{"ForAnyValue:StringEquals": {"aws:TagKeys": "x"}}"#, false),
        ("any of no values, negated", r#"{"ForAnyValue:StringNotEquals": {"aws:TagKeys": "x"}}"#, false),
        ("any of no values, if it exists", r#"{"ForAnyValue:StringEqualsIfExists": {"aws:TagKeys": "x"}}"#, true),
    ];
    for (name, condition, expected) in table {
        assert_eq!(holds(condition, &asked), expected, "{name}");
    }
}

#[test]
fn keys() {
    let alice = Principal::user(OWNER, "alice");
    let session = Principal::session(OWNER, "app", "one");
    let root = Principal::root(OWNER);
    let (on_stream, in_request) =
        (tags(&[("Team", "Blue")]), tags(&[("Team", "Red"), ("cost", "1")]));
    let by_user = request(&alice, Some(&on_stream), RequestTags::Set(&in_request));
    let by_session = request(&session, None, RequestTags::None);
    let by_root = Request {
        source_ip: Some("::ffff:10.0.0.1".parse().expect("an address")),
        user_agent: None,
        is_secure: false,
        ..request(&root, None, RequestTags::None)
    };
    let nowhere = Request { source_ip: None, ..by_user.clone() };
    #[rustfmt::skip]
    let table = [
        ("the ARN of a user", "aws:PrincipalArn", &by_user, Some("arn:aws:iam::111111111111:user/alice")),
        ("the ARN of a session is the role's", "aws:PrincipalArn", &by_session, Some("arn:aws:iam::111111111111:role/app")),
        ("the ARN of an account", "aws:PrincipalArn", &by_root, Some("arn:aws:iam::111111111111:root")),
        ("the account of the caller", "aws:PrincipalAccount", &by_user, Some(OWNER)),
        ("the account of the resource", "aws:ResourceAccount", &by_user, Some(OWNER)),
        ("a user's type", "aws:PrincipalType", &by_user, Some("User")),
        ("a session's type", "aws:PrincipalType", &by_session, Some("AssumedRole")),
        ("an account's type", "aws:PrincipalType", &by_root, Some("Account")),
        ("a user's name", "aws:username", &by_user, Some("alice")),
        ("a session has no user name", "aws:username", &by_session, None),
        ("a session's id", "aws:userid", &by_session, Some("app:one")),
        ("a user's id", "aws:userid", &by_user, Some("alice")),
        ("an account's id", "aws:userid", &by_root, Some(OWNER)),
        ("an address", "aws:SourceIp", &by_user, Some("203.0.113.9")),
        ("an IPv4 address in IPv6", "aws:SourceIp", &by_root, Some("10.0.0.1")),
        ("an unknown address", "aws:SourceIp", &nowhere, None),
        ("the client", "aws:UserAgent", &by_user, Some("Boto3/1.40 md/Botocore")),
        ("no client", "aws:UserAgent", &by_root, None),
        ("TLS", "aws:SecureTransport", &by_user, Some("true")),
        ("no TLS", "aws:SecureTransport", &by_root, Some("false")),
        ("the Region", "aws:RequestedRegion", &by_user, Some("us-east-1")),
        ("the time", "aws:CurrentTime", &by_user, Some("2026-01-01T00:00:00Z")),
        ("the time in seconds", "aws:EpochTime", &by_user, Some("1767225600")),
        ("a tag of the resource", "aws:ResourceTag/Team", &by_user, Some("Blue")),
        ("its key in another case", "aws:resourcetag/TEAM", &by_user, Some("Blue")),
        ("another tag", "aws:ResourceTag/cost", &by_user, None),
        ("a tag of the request", "aws:RequestTag/Team", &by_user, Some("Red")),
        ("no tags in the request", "aws:RequestTag/Team", &by_session, None),
        ("never by a service", "aws:PrincipalIsAWSService", &by_user, Some("false")),
        ("never through a service", "aws:ViaAWSService", &by_user, Some("false")),
    ];
    for (name, key, asked, expected) in table {
        match expected {
            Some(value) => {
                let condition = format!(r#"{{"StringEquals": {{"{key}": "{value}"}}}}"#);
                assert!(holds(&condition, asked), "{name}");
                let condition = format!(r#"{{"StringEquals": {{"{key}": "{value}x"}}}}"#);
                assert!(!holds(&condition, asked), "{name}");
            }
            None => {
                assert!(holds(&format!(r#"{{"Null": {{"{key}": true}}}}"#), asked), "{name}");
            }
        }
    }
}

#[test]
fn keys_with_many_values() {
    let alice = Principal::user(OWNER, "alice");
    let two = tags(&[("team", "x"), ("cost", "y")]);
    let removed = ["team".to_owned(), "cost".to_owned()];
    let setting = request(&alice, None, RequestTags::Set(&two));
    let removing = request(&alice, None, RequestTags::Remove(&removed));
    #[rustfmt::skip]
    let table = [
        ("all in the list", r#"{"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost", "x"]}}"#, true),
        ("one not in the list", r#"{"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}"#, false),
        ("all like", r#"{"ForAllValues:StringLike": {"aws:TagKeys": ["t*", "c*"]}}"#, true),
        ("all in it, case ignored", r#"{"ForAllValues:StringEqualsIgnoreCase": {"aws:TagKeys": ["TEAM", "COST"]}}"#, true),
        ("none of the list", r#"{"ForAllValues:StringNotEquals": {"aws:TagKeys": ["a", "b"]}}"#, true),
        ("one of the list, negated for all", r#"{"ForAllValues:StringNotEquals": {"aws:TagKeys": ["a", "team"]}}"#, false),
        ("any in the list", r#"{"ForAnyValue:StringEquals": {"aws:TagKeys": ["team", "x"]}}"#, true),
        ("not any", r#"{"ForAnyValue:StringEquals": {"aws:TagKeys": ["x", "y"]}}"#, false),
        ("any not in the list", r#"{"ForAnyValue:StringNotEquals": {"aws:TagKeys": "team"}}"#, true),
        ("not any outside", r#"{"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["team", "cost"]}}"#, false),
        ("any, without quantifier", r#"{"StringEquals": {"aws:TagKeys": "team"}}"#, true),
        ("none, without quantifier", r#"{"StringNotEquals": {"aws:TagKeys": "team"}}"#, false),
        ("there are some", r#"{"Null": {"aws:TagKeys": "false"}}"#, true),
        ("all of a single value", r#"{"ForAllValues:StringEquals": {"aws:username": ["alice", "bob"]}}"#, true),
        ("any of a single value", r#"{"ForAnyValue:StringLike": {"aws:username": "b*"}}"#, false),
    ];
    for (name, condition, expected) in table {
        assert_eq!(holds(condition, &setting), expected, "setting: {name}");
        assert_eq!(holds(condition, &removing), expected, "removing: {name}");
    }
}
