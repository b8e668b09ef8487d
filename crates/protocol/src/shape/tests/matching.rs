use crate::shape::Pattern;

#[track_caller]
fn check(pattern: Pattern, matching: &[&str], others: &[&str]) {
    for text in matching {
        assert!(pattern.matches(text), "{pattern:?} should match {text:?}");
    }
    for text in others {
        assert!(!pattern.matches(text), "{pattern:?} should not match {text:?}");
    }
}

#[test]
fn names() {
    check(Pattern::Name, &["a", "A-z_0.9"], &["", "a/b", "a b", "é", "a\n"]);
    check(Pattern::StreamId, &["abcdefghij0123456789-x1z"], &["", "abc-x1z", "a-"]);
    check(Pattern::RecordId, &["a0"], &["", "A"]);
    check(Pattern::AccountId, &["123456789012"], &["12345678901", "1234567890123", "12345678901a"]);
}

#[test]
fn decimals() {
    let most = format!("1{}", "0".repeat(38));
    check(Pattern::HashKey, &["0", "7", &most], &["", "00", "01", "-1", "1a", &format!("{most}0")]);
    let most = format!("9{}", "0".repeat(128));
    check(Pattern::SequenceNumber, &["0", &most], &["", "01", &format!("{most}0")]);
}

#[test]
fn stream_arns() {
    let matching = [
        "arn:aws:kinesis:us-east-1:123456789012:stream/x",
        "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/x/consumer/y:1",
        "arn:aws:kinesis::123456789012:stream/x",
        "arn:aws:x y:kinesis:a b:123456789012:stream/x",
        "arn:aws:kinesis:r:123456789012:stream/:123456789012:stream/x",
        "arn:aws:kinesis:r 1:123456789012:stream/ :123456789012:stream/x",
        "arn:aws:kinesis:r:123456789012:stream/a:123456789012:stream/",
    ];
    let others = [
        "",
        "x",
        "arn:aws:kinesis:us-east-1:123456789012:stream/",
        "arn:aws:kinesis:us-east-1:123456789012:stream/a b",
        "arn:aws:kinesis:us-east-1:123456789012:stream/a\n",
        "arn:aws:kinesis:us\n-east-1:123456789012:stream/a",
        "arn:aws:kinesis:us-east-1:12345678901:stream/a",
        "arn:aws:kinesis:us-east-1:1123456789012:stream/a",
        "arn:aws:kinesis:123456789012:stream/x",
        "arn:aws:dynamodb:us-east-1:123456789012:stream/a",
        "arn:aws:kinesis:us-east-1:123456789012:channel/a",
        "xarn:aws:kinesis:us-east-1:123456789012:stream/a",
    ];
    check(Pattern::StreamArn, &matching, &others);
    check(Pattern::ChannelArn, &["arn:aws:kinesis:r:123456789012:channel/x"], &matching);
    check(Pattern::QueueArn, &["arn:aws:kinesis:r:123456789012:queue/x"], &matching);
    check(Pattern::ResourceArn, &matching[..6], &others[..8]);
    let kinds = ["channel/x", "queue/x", "stream/x", "other/stream/x", "xstream/x/"];
    for kind in kinds {
        check(Pattern::ResourceArn, &[&format!("arn:aws:kinesis:r:123456789012:{kind}")], &[]);
    }
    check(Pattern::ResourceArn, &[], &["arn:aws:kinesis:r:123456789012:table/x"]);
}

#[test]
fn consumer_arns() {
    let prefix = "arn:aws:kinesis:us-east-1:123456789012:";
    for tail in [
        "stream/s/consumer/c:1525898737",
        "x y/stream/s/consumer/c:1",
        "streamstream/s/consumer/c:1",
    ] {
        check(Pattern::ConsumerArn, &[&format!("{prefix}{tail}")], &[tail]);
    }
    for tail in
        ["stream/s/consumer/c", "stream/s/consumer/c:", "stream/s/consumer/c:1x", "stream/s"]
    {
        check(Pattern::ConsumerArn, &[], &[&format!("{prefix}{tail}")]);
    }
}

#[test]
fn arns_of_other_services() {
    check(
        Pattern::RoleArn,
        &["arn:aws:iam::123456789012:role/service-role/My.Role+1"],
        &["arn:aws:iam::123456789012:role/", "arn:aws:iam::12345678901:role/x", "arn:aws:iam:"],
    );
    check(
        Pattern::BucketArn,
        &["arn:aws:s3:::bucket", "arn:aws-us-gov:s3:::a.b"],
        &["arn:aws:s3:::ab", "arn:aws:s3:::Bucket", "arn:aws:s3::bucket"],
    );
    check(
        Pattern::TableBucketArn,
        &["arn:aws:s3tables:us-east-1:123456789012:bucket/my_b"],
        &["arn:aws:s3tables::123456789012:bucket/my_b"],
    );
    check(
        Pattern::GlueSchemaArn,
        &["arn:aws:glue:us-east-1:123456789012:schema/Reg$1/Schema#2"],
        &["arn:aws:glue:us-east-1:123456789012:schema/Reg"],
    );
}

#[test]
fn strings_of_channels() {
    check(Pattern::LogGroupName, &["/aws/kinesis#1"], &["", "a b"]);
    check(Pattern::LogStreamName, &["", "a b/é"], &["a:b", "*"]);
    check(Pattern::SourceName, &["a.b_1"], &["a-b"]);
    check(Pattern::TableName, &["a_1"], &["A", ""]);
    check(Pattern::ErrorOutputPrefix, &["a/!(x)'*._-"], &["a=b", "{x}"]);
    check(Pattern::OutputKeyTemplate, &["a=b/{x}:y"], &["a b"]);
}

#[test]
fn hostile_length_takes_linear_time() {
    // Miri takes minutes for the longer one.
    let repeated = ":123456789012:stream/".repeat(if cfg!(miri) { 100 } else { 200_000 });
    let text = format!("arn:aws:kinesis:{repeated} ");
    for pattern in [Pattern::StreamArn, Pattern::ResourceArn, Pattern::ConsumerArn] {
        assert!(!pattern.matches(&text));
    }
}
