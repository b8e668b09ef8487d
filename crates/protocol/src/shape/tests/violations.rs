use super::*;

/// The items of the message, after its head.
fn items<'a, T: Decode<'a> + std::fmt::Debug>(json: &'a str) -> Vec<String> {
    let message = message::<T>(json);
    let (head, tail) = message.split_once(" detected: ").expect("a head");
    let items: Vec<_> = tail.split("; ").map(str::to_owned).collect();
    let plural = if items.len() == 1 { "" } else { "s" };
    assert_eq!(head, format!("{} validation error{plural}", items.len()));
    items
}

#[test]
fn name_fails_pattern_and_lengths() {
    assert_eq!(
        message::<CreateStreamInput>(r#"{"StreamName":""}"#),
        "2 validation errors detected: \
         Value '' at 'streamName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; \
         Value '' at 'streamName' failed to satisfy constraint: \
         Member must have length greater than or equal to 1"
    );
    let long = "a".repeat(129);
    assert_eq!(
        message::<CreateStreamInput>(&format!(r#"{{"StreamName":"{long}"}}"#)),
        format!(
            "1 validation error detected: Value '{long}' at 'streamName' failed to satisfy \
             constraint: Member must have length less than or equal to 128"
        )
    );
    let name = "arn:aws:kinesis:us-east-1:123456789012:stream/x";
    assert_eq!(
        message::<CreateStreamInput>(&format!(r#"{{"StreamName":"{name}"}}"#)),
        format!(
            "1 validation error detected: Value '{name}' at 'streamName' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        )
    );
}

#[test]
fn numbers_fail_their_bounds() {
    assert_eq!(
        items::<CreateStreamInput>(r#"{"StreamName":"s","ShardCount":0,"Limit":10001}"#),
        [
            "Value '0' at 'shardCount' failed to satisfy constraint: \
             Member must have value greater than or equal to 1",
            "Value '10001' at 'limit' failed to satisfy constraint: \
             Member must have value less than or equal to 10000",
        ]
    );
}

#[test]
fn items_follow_the_declaration_not_the_body() {
    let json = r#"{"StreamModeDetails":{"StreamMode":"X"},"Limit":0,"ShardCount":0}"#;
    assert_eq!(
        items::<CreateStreamInput>(json),
        [
            "Value null at 'streamName' failed to satisfy constraint: Member must not be null",
            "Value '0' at 'shardCount' failed to satisfy constraint: \
             Member must have value greater than or equal to 1",
            "Value 'X' at 'streamModeDetails.streamMode' failed to satisfy constraint: \
             Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]",
            "Value '0' at 'limit' failed to satisfy constraint: \
             Member must have value greater than or equal to 1",
        ]
    );
}

#[test]
fn lists_show_their_items_and_the_whole_rule() {
    let json = r#"{"StreamName":"s","TagKeys":["a",""],"ShardLevelMetrics":["ALL","x","ALL"]}"#;
    assert_eq!(
        items::<CreateStreamInput>(json),
        [
            "Value '[ALL, x, ALL]' at 'shardLevelMetrics' failed to satisfy constraint: \
             Member must satisfy constraint: \
             [Member must satisfy enum value set: [IncomingBytes, ALL]]",
            "Value '[a, ]' at 'tagKeys' failed to satisfy constraint: \
             Member must satisfy constraint: \
             [Member must have length less than or equal to 128, \
             Member must have length greater than or equal to 1]",
        ]
    );
    let json = r#"{"StreamName":"s","TagKeys":[],"ShardLevelMetrics":[]}"#;
    assert_eq!(
        items::<CreateStreamInput>(json),
        [
            "Value '[]' at 'shardLevelMetrics' failed to satisfy constraint: \
             Member must have length greater than or equal to 1",
            "Value '[]' at 'tagKeys' failed to satisfy constraint: \
             Member must have length greater than or equal to 1",
        ]
    );
}

#[test]
fn maps_show_their_entries_and_the_whole_rule() {
    let long = "v".repeat(257);
    let json = format!(r#"{{"StreamName":"s","Tags":{{"b":"{long}","":"x"}}}}"#);
    let head = format!("Value '{{=x, b={long}}}' at 'tags' failed to satisfy constraint:");
    assert_eq!(
        items::<CreateStreamInput>(&json),
        [
            format!(
                "{head} Map keys must satisfy constraint: \
                 [Member must have length less than or equal to 128, \
                 Member must have length greater than or equal to 1]"
            ),
            format!(
                "{head} Map value must satisfy constraint: \
                 [Member must have length less than or equal to 256, \
                 Member must have length greater than or equal to 0]"
            ),
        ]
    );
    assert_eq!(
        items::<CreateStreamInput>(r#"{"StreamName":"s","Tags":{}}"#),
        ["Value '{}' at 'tags' failed to satisfy constraint: \
             Member must have length greater than or equal to 1"]
    );
    assert_eq!(
        items::<CreateStreamInput>(r#"{"StreamName":"s","Tags":{"a":null}}"#),
        ["Value at 'tags' failed to satisfy constraint: \
             Map value must satisfy constraint: [Member must not be null]"]
    );
}

#[test]
#[cfg_attr(miri, ignore = "14 MB of text take miri too long")]
fn blobs_and_lists_of_structures_are_not_shown() {
    let record = r#"{"Data":""},"#;
    let json = format!(r#"{{"Records":[{}]}}"#, record.repeat(501).trim_end_matches(','));
    assert_eq!(
        items::<PutRecordsInput<'_>>(&json),
        ["Value at 'records' failed to satisfy constraint: \
             Member must have length less than or equal to 500"]
    );
    assert_eq!(
        items::<PutRecordsInput<'_>>(r#"{"Records":[]}"#),
        ["Value at 'records' failed to satisfy constraint: \
             Member must have length greater than or equal to 1"]
    );
    let json = format!(r#"{{"Records":[{{"Data":"{}"}}]}}"#, "AAAA".repeat(10_485_761 / 3 + 1));
    assert_eq!(
        items::<PutRecordsInput<'_>>(&json),
        ["Value at 'records.1.member.data' failed to satisfy constraint: \
             Member must have length less than or equal to 10485760"]
    );
}

#[test]
fn members_of_items_have_paths() {
    let json = r#"{"Records":[null,{"Data":""},{"PartitionKey":"","ExplicitHashKey":"01"}]}"#;
    assert_eq!(
        items::<PutRecordsInput<'_>>(json),
        [
            "Value null at 'records.1.member' failed to satisfy constraint: \
             Member must not be null",
            "Value null at 'records.3.member.data' failed to satisfy constraint: \
             Member must not be null",
            "Value '01' at 'records.3.member.explicitHashKey' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})",
            "Value '' at 'records.3.member.partitionKey' failed to satisfy constraint: \
             Member must have length greater than or equal to 1",
        ]
    );
}

#[test]
fn the_first_ten_are_named_even_if_other_members_come_first_in_the_body() {
    let records = "{},".repeat(30);
    let records = records.trim_end_matches(',');
    let json = format!(r#"{{"StreamName":"!","StreamARN":"","Records":[{records}]}}"#);
    let items = items::<PutRecordsInput<'_>>(&json);
    let expected: Vec<_> = (1..=10)
        .map(|number| {
            format!(
                "Value null at 'records.{number}.member.data' failed to satisfy constraint: \
                 Member must not be null"
            )
        })
        .collect();
    assert_eq!(items, expected);
}

#[test]
fn lengths_of_strings_count_characters() {
    let key = "é".repeat(256);
    let json = format!(r#"{{"Records":[{{"Data":"","PartitionKey":"{key}"}}]}}"#);
    assert!(decode::<PutRecordsInput<'_>>(&json).is_ok());
    let json = format!(r#"{{"Records":[{{"Data":"","PartitionKey":"{key}é"}}]}}"#);
    assert_eq!(items::<PutRecordsInput<'_>>(&json).len(), 1);
    assert!(Rule::between(3, 3).accepts_text("ééé"));
    assert!(!Rule::at_least(3).accepts_text("éé"));
}

#[test]
fn lists_and_maps_that_are_too_long_are_shown_whole() {
    let keys: Vec<_> = (0..500).map(|number| format!("key{number:03}")).collect();
    let list = format!("[\"{}\"]", keys.join("\",\""));
    assert_eq!(
        items::<CreateStreamInput>(&format!(r#"{{"StreamName":"s","TagKeys":{list}}}"#)),
        [format!(
            "Value '[{}]' at 'tagKeys' failed to satisfy constraint: \
             Member must have length less than or equal to 50",
            keys.join(", ")
        )]
    );
    let entries = |before: &str, between: &str, after: &str| -> String {
        let entries = keys.iter().map(|key| format!("{before}{key}{between}x{after}"));
        entries.collect::<Vec<_>>().join(if after.is_empty() { ", " } else { "," })
    };
    let map = entries("\"", "\":\"", "\"");
    assert_eq!(
        items::<CreateStreamInput>(&format!(r#"{{"StreamName":"s","Tags":{{{map}}}}}"#)),
        [format!(
            "Value '{{{}}}' at 'tags' failed to satisfy constraint: \
             Member must have length less than or equal to 200",
            entries("", "=", "")
        )]
    );
}

#[test]
fn long_values_are_cut() {
    let bad = "!".repeat(10_000);
    let head = "!".repeat(8_192);
    assert_eq!(
        items::<CreateStreamInput>(&format!(r#"{{"StreamName":"{bad}","Limit":0}}"#)),
        [
            format!(
                "Value '{head}...' at 'streamName' failed to satisfy constraint: \
                 Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
            ),
            "Value '...' at 'streamName' failed to satisfy constraint: \
             Member must have length less than or equal to 128"
                .to_owned(),
            "Value '...' at 'limit' failed to satisfy constraint: \
             Member must have value greater than or equal to 1"
                .to_owned(),
        ]
    );
    let names = format!(r#"["ALL","{bad}"]"#);
    let json = format!(r#"{{"StreamName":"s","ShardLevelMetrics":{names},"TagKeys":{names}}}"#);
    let shown = items::<CreateStreamInput>(&json);
    let head = format!("[ALL, {}", "!".repeat(8_192 - "[ALL, ".len()));
    assert!(shown[0].starts_with(&format!("Value '{head}...' at 'shardLevelMetrics'")));
    assert!(shown[1].starts_with("Value '...' at 'tagKeys'"));
    let json = format!(r#"{{"StreamName":"s","Tags":{{"":"{bad}"}}}}"#);
    let head = format!("{{={}", "!".repeat(8_192 - "{=".len()));
    for shown in &items::<CreateStreamInput>(&json)[..1] {
        assert!(shown.starts_with(&format!("Value '{head}...' at 'tags'")), "{shown}");
    }
}
