//! Documents that are policies, and documents that are not.

use super::*;
use crate::TEXT_BYTES_MAX;
use proptest::prelude::*;

const HEAD: &str = r#""Effect": "Allow", "Action": "kinesis:*""#;

fn identity_problem(text: &str) -> String {
    Policy::parse_identity(text).expect_err(text).problem
}

#[test]
fn good_documents() {
    for text in [
        r#"{"Version": "2012-10-17", "Id": "x", "Statement": [{"Sid": "A", "Effect": "Allow",
            "Action": ["kinesis:*"], "Resource": ["*"]}]}"#,
        r#"{"Statement": {"Effect": "Deny", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::b/*"}}"#,
        r#"{"Statement": [{"Sid": "", "Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Sid": "", "Effect": "Allow", "Action": "*", "Resource": "*"}]}"#,
    ] {
        identity(text);
    }
    resource(&format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Sid": "one", "Effect": "Allow",
            "Principal": {{"AWS": ["222222222222", "arn:aws:iam::333333333333:role/a/b"]}},
            "Action": ["kinesis:DescribeStreamSummary", "kinesis:PutRecord*"],
            "Resource": "{STREAM}"}}]}}"#
    ));
}

#[test]
fn bad_documents_are_refused_with_the_reason() {
    #[rustfmt::skip]
    let table = [
        ("", "EOF while parsing a value"),
        ("[]", "invalid type: sequence, expected a policy, which is a JSON object"),
        ("{", "EOF while parsing an object"),
        (r#"{"Statement": []} x"#, "trailing characters"),
        ("{}", "a policy needs a statement"),
        (r#"{"Statement": []}"#, "a policy needs a statement"),
        (r#"{"Version": "2013-01-01"}"#, "unknown version `2013-01-01`"),
        (r#"{"Statment": []}"#, "unknown element `Statment`"),
        ("{\"Statement\": {\n\"Effect\": \"allow\"}}", "unknown effect `allow`"),
        (r#"{"Statement": {"Action": "*", "Resource": "*"}}"#, "a statement needs Effect"),
        (r#"{"Statement": {"Effect": "Allow", "Resource": "*"}}"#, "a statement needs Action or NotAction"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "*"}}"#, "a statement needs Resource or NotResource"),
        (r#"{"Statement": {"Effect": "Allow", "Effect": "Deny"}}"#, "`Effect` is there twice"),
        (r#"{"Statement": {}, "Statement": {}}"#, "a statement needs Effect"),
        (r#"{"Statement": "x"}"#, "invalid type: string \"x\", expected a statement or a list of statements"),
        (r#"{"Statement": [["x"]]}"#, "invalid type: sequence, expected a statement, which is a JSON object"),
        (r#"{"Statement": {"Effect": "Allow", "Principal": "*"}}"#, "a caller's policy has no Principal"),
        (r#"{"Statement": {"Action": []}}"#, "the list is empty"),
        (r#"{"Statement": {"Action": [["kinesis:*"]]}}"#, "invalid type: sequence, expected a string"),
        (r#"{"Statement": {"Action": 7}}"#, "`7` is not a string"),
        (r#"{"Statement": {"Action": "PutRecord"}}"#, "`PutRecord` is not an action"),
        (r#"{"Statement": {"Action": "k*:PutRecord"}}"#, "`k*:PutRecord` is not an action"),
        (r#"{"Statement": {"Action": "kinesis:"}}"#, "`kinesis:` is not an action"),
        (r#"{"Statement": {"Action": "*", "NotAction": "*"}}"#, "Action and NotAction exclude each other"),
        (r#"{"Statement": {"Resource": "stream/x"}}"#, "`stream/x` must be `*` or an ARN"),
        (r#"{"Statement": {"Resource": "arn:aws"}}"#, "`arn:aws` must be `*` or an ARN"),
        (r#"{"Statement": {"Resource": "arn:aws:k*:::x"}}"#, "the service in `arn:aws:k*:::x` must be plain text"),
        (r#"{"Version": "2012-10-17", "Statement": {"Resource": "arn:aws:kinesis:*:*:${a"}}"#, "a policy variable in `${a` has no end"),
        (r#"{"Version": "2012-10-17", "Statement": {"Resource": "arn:aws:kinesis:*:*:${a:b, c}"}}"#, "the default in policy variable `${a:b, c}` is not in single quotes"),
        (r#"{"Version": "2012-10-17", "Statement": {"Resource": "arn:aws:kinesis:*:*:${name}"}}"#, "`name` is not a condition key"),
        (r#"{"Version": "2012-10-17", "Statement": {"Resource": "arn:aws:kinesis:*:*:${aws:TagKeys}"}}"#, "`aws:TagKeys` has many values and cannot be a policy variable"),
        (r#"{"Statement": {"Condition": {"StringSame": {}}}}"#, "`StringSame` is not a condition operator"),
        (r#"{"Statement": {"Condition": {"ForSomeValues:StringEquals": {}}}}"#, "`ForSomeValues:StringEquals` is not a condition operator"),
        (r#"{"Statement": {"Condition": {"NullIfExists": {}}}}"#, "`NullIfExists` is not a condition operator"),
        (r#"{"Statement": {"Condition": {"Bool": {"secure": true}}}}"#, "`secure` is not a condition key"),
        (r#"{"Statement": {"Condition": {"Bool": {"aws:RequestTag/": true}}}}"#, "`aws:RequestTag/` is not a condition key"),
        (r#"{"Statement": {"Condition": {"Bool": {"aws:SecureTransport": "maybe"}}}}"#, "`maybe` is not true or false"),
        (r#"{"Statement": {"Condition": {"Bool": {"aws:x": true, "AWS:X": true}}}}"#, "`aws:x` is there twice"),
        (r#"{"Statement": {"Condition": {"NumericEquals": {"aws:x": "seven"}}}}"#, "`seven` is not a number"),
        (r#"{"Statement": {"Condition": {"NumericEquals": {"aws:x": "inf"}}}}"#, "`inf` is not a number"),
        (r#"{"Statement": {"Condition": {"DateEquals": {"aws:x": "now"}}}}"#, "`now` is not a time in ISO 8601 or epoch seconds"),
        (r#"{"Statement": {"Condition": {"IpAddress": {"aws:x": "10.0.0.0/33"}}}}"#, "`10.0.0.0/33` is not an IP address or a range of them"),
        (r#"{"Statement": {"Condition": {"IpAddress": {"aws:x": "10.0.0.*"}}}}"#, "`10.0.0.*` is not an IP address or a range of them"),
        (r#"{"Statement": {"Condition": {"ArnLike": {"aws:x": "topic"}}}}"#, "`topic` must be `*` or an ARN"),
        (r#"{"Statement": {"Condition": {"BinaryEquals": {"aws:x": "a"}}}}"#, "`a` is not base64"),
        (r#"{"Statement": {"Condition": {"StringEquals": {"aws:x": {}}}}}"#, "invalid type: map, expected a string or a list of strings"),
        (r#"{"Statement": {"Condition": {"StringEquals": {"aws:x": []}}}}"#, "the list is empty"),
    ];
    for (text, expected) in table {
        assert_eq!(identity_problem(text), expected, "{text}");
    }
    let two = format!(
        r#"{{"Statement": [{{"Sid": "A", {HEAD}, "Resource": "*"}}, {{"Sid": "A", {HEAD}}}]}}"#
    );
    assert!(identity_problem(&two).starts_with("two statements have the Sid `A`"));
}

#[test]
fn condition_keys_that_do_not_exist_are_refused() {
    let policy = |actions: &str, condition: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Deny", "Action": {actions},
                "Resource": "*", "Condition": {{{condition}}}}}}}"#
        )
    };
    #[rustfmt::skip]
    let table = [
        (r#""kinesis:*""#, r#""Bool": {"aws:SecureTransport": "false"}"#, None),
        (r#""kinesis:*""#, r#""Bool": {"AWS:securetransport": "false"}"#, None),
        (r#""kinesis:*""#, r#""Bool": {"aws:SecureTransprot": "false"}"#, Some("aws:SecureTransprot")),
        (r#""kinesis:*""#, r#""Bool": {"asw:SecureTransport": "false"}"#, Some("asw:SecureTransport")),
        (r#""kinesis:*""#, r#""StringLike": {"aws:SourceVpce": "x"}"#, None),
        (r#""kinesis:*""#, r#""StringLike": {"aws:PrincipalTag/team": "x"}"#, None),
        (r#""kinesis:*""#, r#""StringLike": {"aws:PrincipalTag": "x"}"#, Some("aws:PrincipalTag")),
        (r#""kinesis:*""#, r#""StringLike": {"aws:PrincipalTags/team": "x"}"#, Some("aws:PrincipalTags/team")),
        (r#""kinesis:*""#, r#""StringLike": {"aws:username": "${aws:usernam}"}"#, Some("aws:usernam")),
        (r#""kinesis:*""#, r#""ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/${aws:user}"}"#, Some("aws:user")),
        (r#""kinesis:*""#, r#""StringLike": {"kinesis:Stream": "x"}"#, Some("kinesis:Stream")),
        (r#""kinesis:*""#, r#""StringLike": {"s3:prefix": "x"}"#, Some("s3:prefix")),
        (r#"["kinesis:*", "s3:List*"]"#, r#""StringLike": {"s3:prefix": "x"}"#, None),
        (r#"["s3:List?"]"#, r#""StringLike": {"S3:prefix": "x"}"#, None),
        (r#""s3:ListBucket""#, r#""StringLike": {"s3:prefix": "x"}"#, None),
        (r#""s3express:ListBucket""#, r#""StringLike": {"s3:prefix": "x"}"#, Some("s3:prefix")),
        (r#""*""#, r#""StringLike": {"s3:prefix": "x"}"#, Some("s3:prefix")),
        (r#""*""#, r#""StringLike": {"accounts.google.com:aud": "x"}"#, None),
        (r#""*""#, r#""StringLike": {"lambda:SourceFunctionArn": "x"}"#, None),
    ];
    for (actions, condition, unknown) in table {
        let text = policy(actions, condition);
        let expected = unknown.map(|name| {
            format!("there is no condition key `{name}`, so that it would never have a value")
        });
        let found = Policy::parse_identity(&text).err().map(|error| error.problem);
        assert_eq!(found, expected, "{actions} {condition}");
        assert!(Policy::read_identity(&text).is_ok(), "what was accepted once is read");
    }
    let text = "{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Deny\",\n\
        \"Action\": \"*\", \"Resource\": \"arn:aws:kinesis:*:*:stream/${aws:name}\"}}";
    let error = Policy::parse_identity(text).expect_err("a key that does not exist");
    assert_eq!((error.line, error.column), (2, 58));
}

#[test]
fn errors_say_where() {
    let text = "{\n  \"Statement\": {\n    \"Effect\": \"allow\"\n  }\n}";
    let error = Policy::parse_identity(text).expect_err("a bad effect");
    assert_eq!(error.to_string(), "unknown effect `allow` at line 3 column 21");
    let error = Policy::parse_identity("{\n\"Statement\": x").expect_err("no JSON");
    assert_eq!((error.line, error.column), (2, 14));
}

#[test]
fn policies_of_resources_are_about_their_resource() {
    let error = |statement: &str| {
        let text = format!(r#"{{"Statement": {{{statement}}}}}"#);
        Policy::parse_resource(&text, STREAM).expect_err(statement).problem
    };
    #[rustfmt::skip]
    let table = [
        (format!(r#"{HEAD}, "Resource": "*""#), "a statement needs Principal or NotPrincipal"),
        (format!(r#"{HEAD}, "Principal": "x", "Resource": "*""#), "`x` is not `*` or an object of principals"),
        (format!(r#"{HEAD}, "Principal": {{}}, "Resource": "*""#), "no principal is named"),
        (format!(r#"{HEAD}, "Principal": {{"User": "*"}}, "Resource": "*""#), "unknown principals `User`"),
        (format!(r#"{HEAD}, "Principal": {{"AWS": "alice"}}, "Resource": "*""#), "`alice` is not a principal"),
        (format!(r#"{HEAD}, "Principal": {{"AWS": "arn:aws:iam::222222222222:user/*"}}, "Resource": "*""#), "`arn:aws:iam::222222222222:user/*` is not a principal"),
        (format!(r#"{HEAD}, "Principal": {{"AWS": "arn:aws:iam::222222222222:user/"}}, "Resource": "*""#), "`arn:aws:iam::222222222222:user/` is not a principal"),
        (format!(r#"{HEAD}, "Principal": {{"AWS": "arn:aws:s3::222222222222:root"}}, "Resource": "*""#), "`arn:aws:s3::222222222222:root` is not a principal"),
        (format!(r#"{HEAD}, "NotPrincipal": "*", "Resource": "*""#), "NotPrincipal is only possible with the effect Deny"),
        (format!(r#"{HEAD}, "Principal": "*", "Resource": "{STREAM}x""#), "`arn:aws:kinesis:us-east-1:111111111111:stream/ordersx` is not the resource arn:aws:kinesis:us-east-1:111111111111:stream/orders"),
        (r#""Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*""#.to_owned(), "`s3:GetObject` is not an action of the resource's service"),
    ];
    for (statement, problem) in table {
        assert_eq!(error(&statement), problem, "{statement}");
    }
}

#[test]
fn a_resources_policy_is_about_actions_of_the_service_that_has_it() {
    let table = "arn:aws:dynamodb:us-east-1:111111111111:table/leases";
    let text = |action: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": "*",
                "Action": "{action}", "Resource": "{table}"}}}}"#
        )
    };
    let is_good = |action: &str| Policy::parse_resource(&text(action), table).is_ok();
    assert!(is_good("dynamodb:GetItem") && is_good("DynamoDB:*") && is_good("*"));
    assert!(!is_good("kinesis:GetRecords") && !is_good("dynamodb-streams:GetRecords"));
}

#[test]
fn long_documents_are_refused() {
    let policy = format!(r#"{{"Statement": {{{HEAD}, "Resource": "*"}}}}"#);
    let padded = |len: usize| policy.clone() + &" ".repeat(len - policy.len());
    identity(&padded(TEXT_BYTES_MAX));
    let expected = "the policy is longer than 20480 bytes";
    assert_eq!(identity_problem(&padded(TEXT_BYTES_MAX + 1)), expected);
    assert!(identity_problem(&"[".repeat(TEXT_BYTES_MAX)).contains("invalid type"));
    let nested = format!(r#"{{"Statement": {}"#, r#"{"Condition": "#.repeat(1000));
    assert!(!identity_problem(&nested).is_empty());
}

/// JSON that looks like a policy, more or less.
fn json() -> impl Strategy<Value = String> {
    let words = [
        "Version",
        "Statement",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "Principal",
        "AWS",
        "Condition",
        "StringLike",
        "ForAllValues:StringEquals",
        "Null",
        "aws:TagKeys",
        "Allow",
        "Deny",
        "*",
        "kinesis:*",
        "arn:aws:kinesis:*:*:stream/*",
        "2012-10-17",
        "${aws:username}",
        "aws:username",
        "DateLessThan",
        "2026-01-01",
        "IpAddress",
        "10.0.0.0/8",
        "x",
    ];
    let word = proptest::sample::select(words.to_vec());
    let leaf = prop_oneof![
        word.clone().prop_map(|word| format!("{word:?}")),
        any::<i64>().prop_map(|number| number.to_string()),
        Just("true".to_owned()),
        Just("null".to_owned()),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec((word.clone(), inner), 0..5).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_document_makes_reading_or_deciding_panic(
        free in any::<String>(),
        statement in json(),
        condition in json(),
    ) {
        let alice = Principal::user(OWNER, "alice");
        let asked = request(&alice, None, RequestTags::None);
        let conditioned = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{{HEAD}, "Resource": "*",
                "Condition": {condition}}}}}"#
        );
        let stated = format!(r#"{{"Statement": {statement}}}"#);
        for text in [&free, &statement, &stated, &conditioned] {
            if let Ok(policy) = Policy::parse_identity(text) {
                let _ = decide(&asked, Identity::Policies(&[Arc::new(policy)]), None);
            }
            if let Ok(policy) = Policy::parse_resource(text, STREAM) {
                let _ = decide(&asked, Identity::FullAccess, Some(&policy));
            }
        }
    }
}
