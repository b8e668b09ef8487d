use super::*;
use crate::cbor::CborWriter;
use crate::shape::{Kind, Structure};
use crate::writer::Writer;

fn named(name: &str) -> CreateStreamInput {
    CreateStreamInput {
        stream_name: name.into(),
        shard_count: None,
        tags: None,
        stream_mode_details: None,
        limit: None,
        enforce: None,
        at: None,
        metrics: None,
        tag_keys: None,
    }
}

#[test]
fn every_type_of_member_arrives() {
    let json = r#"{
        "StreamName": "s", "ShardCount": 3, "Tags": {"b": "2", "a": "\u0031"},
        "StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "Limit": 7,
        "EnforceConsumerDeletion": true, "At": 1459799926.48,
        "ShardLevelMetrics": ["ALL", "IncomingBytes"], "TagKeys": ["x", "y"]
    }"#;
    let tags = [("a", "1"), ("b", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let expected = CreateStreamInput {
        shard_count: Some(3),
        tags: Some(tags.into()),
        stream_mode_details: Some(StreamModeDetails { stream_mode: StreamMode::OnDemand }),
        limit: Some(7),
        enforce: Some(true),
        at: Some(Timestamp(1_459_799_926_480)),
        metrics: Some(vec![Metric::All, Metric::IncomingBytes]),
        tag_keys: Some(vec!["x".into(), "y".into()]),
        ..named("s")
    };
    assert_eq!(decode(json), Ok(expected));
}

#[test]
fn null_means_absent_and_unknown_members_mean_nothing() {
    let json = r#"{"StreamName":"s","Limit":null,"More":{"deep":[1,{"x":null}]},"streamname":1}"#;
    assert_eq!(decode(json), Ok(named("s")));
    assert_eq!(decode(r#"{"anything": 1}"#), Ok(NothingInput {}));
}

#[test]
fn of_duplicates_the_last_counts() {
    assert_eq!(decode(r#"{"StreamName":"a","StreamName":"b"}"#), Ok(named("b")));
    assert_eq!(decode(r#"{"StreamName":"","StreamName":"b"}"#), Ok(named("b")));
    assert_eq!(decode(r#"{"StreamName":"b","Limit":0,"Limit":null}"#), Ok(named("b")));
    let json = r#"{"StreamName":"b","Tags":{"a":null,"a":"1"}}"#;
    let tags = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
    assert_eq!(decode(json), Ok(CreateStreamInput { tags: Some(tags), ..named("b") }));
    assert_eq!(
        message::<CreateStreamInput>(r#"{"StreamName":"b","StreamName":null}"#),
        "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: \
         Member must not be null"
    );
}

#[test]
fn a_list_given_again_takes_its_violations_back() {
    let bad = r#"{"Data":"","ExplicitHashKey":"x"},"#.repeat(20);
    let bad = bad.trim_end_matches(',');
    let json = format!(r#"{{"Records":[{bad}],"StreamName":"!","Records":[{{"Data":""}}]}}"#);
    assert_eq!(
        message::<PutRecordsInput<'_>>(&json),
        "1 validation error detected: Value '!' at 'streamName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    );
}

#[test]
fn a_member_given_again_leaves_other_items_alone() {
    let json = r#"{"Records":[
        {"Data":"","ExplicitHashKey":"x"},
        {"Data":"","ExplicitHashKey":"x","ExplicitHashKey":"1"}
    ]}"#;
    let message = message::<PutRecordsInput<'_>>(json);
    let head = "1 validation error detected: Value 'x' at 'records.1.member.explicitHashKey' ";
    assert!(message.starts_with(head), "{message}");
}

#[test]
fn records_are_borrowed_from_the_body() {
    let json = r#"{"Records":[{"Data":"AQID","PartitionKey":"p"}],"StreamName":"s"}"#;
    let input: PutRecordsInput<'_> = decode(json).unwrap();
    assert!(matches!(input.stream_name, Some(Cow::Borrowed("s"))));
    let [record] = &input.records[..] else { panic!("{input:?}") };
    assert!(matches!(record.partition_key, Some(Cow::Borrowed("p"))));
    assert_eq!(record.explicit_hash_key, None);
    assert_eq!(record.data.to_vec(), Ok(vec![1, 2, 3]));
}

#[test]
fn escaped_slashes_in_base64_are_understood() {
    let input: PutRecordsInput<'_> = decode(r#"{"Records":[{"Data":"\/\/8="}]}"#).unwrap();
    assert_eq!(input.records[0].data.to_vec(), Ok(vec![0xFF, 0xFF]));
}

#[test]
fn cbor_decodes_to_the_same() {
    let mut writer = CborWriter::default();
    writer.begin_map();
    writer.key("StreamName");
    writer.string("s");
    writer.key("At");
    writer.timestamp(Timestamp(-5));
    writer.key("Limit");
    writer.null();
    writer.key("StreamModeDetails");
    writer.begin_map();
    writer.key("StreamMode");
    writer.string("PROVISIONED");
    writer.end_map();
    writer.end_map();
    let details = StreamModeDetails { stream_mode: StreamMode::Provisioned };
    let expected = CreateStreamInput {
        at: Some(Timestamp(-5)),
        stream_mode_details: Some(details),
        ..named("s")
    };
    assert_eq!(Codec::Cbor.decode_input(&writer.finish()), Ok(expected));
}

#[test]
fn types_are_told_with_the_texts_of_the_service() {
    let boolean = "class java.lang.Boolean can not be converted to";
    let number =
        "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to";
    let string = "class java.lang.String can not be converted to";
    let list = "Start of list found where not expected";
    let map = "Start of structure or map found where not expected.";
    let cases = [
        ("StreamName", "true", format!("{boolean} an String")),
        ("StreamName", "1", format!("{number} an String")),
        ("StreamName", "[]", list.into()),
        ("StreamName", "{}", map.into()),
        ("ShardCount", "\"1\"", format!("{string} an Integer")),
        ("ShardCount", "false", format!("{boolean} an Integer")),
        ("ShardCount", "[]", list.into()),
        ("ShardCount", "{}", map.into()),
        ("Limit", "\"1\"", format!("{string} an Long")),
        ("Limit", "false", format!("{boolean} an Long")),
        ("EnforceConsumerDeletion", "\"abc\"", "'ABC' can not be converted to an Boolean".into()),
        ("EnforceConsumerDeletion", "1", format!("{number} an Boolean")),
        ("EnforceConsumerDeletion", "[]", list.into()),
        ("At", "\"2020-01-01\"", format!("{string} milliseconds since epoch")),
        ("At", "true", format!("{boolean} milliseconds since epoch")),
        ("At", "{}", map.into()),
        ("Tags", "1", "Expected map or null".into()),
        ("Tags", "\"\"", "Expected map or null".into()),
        ("Tags", "[]", list.into()),
        ("Tags", "{\"a\":1}", format!("{number} an String")),
        ("TagKeys", "1", "Expected list or null".into()),
        ("TagKeys", "{}", map.into()),
        ("TagKeys", "[[]]", list.into()),
        ("ShardLevelMetrics", "[true]", format!("{boolean} an String")),
        ("StreamModeDetails", "true", "Expected null".into()),
        ("StreamModeDetails", "\"\"", "Expected null".into()),
        ("StreamModeDetails", "[]", list.into()),
    ];
    for (member, value, expected) in cases {
        let json = format!(r#"{{"{member}":{value}}}"#);
        let error = decode::<CreateStreamInput>(&json);
        assert_eq!(error, Err(RequestError::Mismatch(expected)), "{json}");
    }
    let cases = [
        ("true", format!("{boolean} a Blob")),
        ("1", format!("{number} a Blob")),
        ("[]", list.into()),
        ("{}", map.into()),
        (
            r#""A\u0041""#,
            "'AA' can not be converted to a Blob: Base64 encoded length is expected a multiple of \
             4 bytes but found: 2"
                .into(),
        ),
        (
            "\"AA A\"",
            "'AA A' can not be converted to a Blob: Invalid Base64 character: ' '".into(),
        ),
        (
            "\"+HH=\"",
            "'+HH=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"
                .into(),
        ),
    ];
    for (value, expected) in cases {
        let json = format!(r#"{{"Records":[{{"Data":{value}}}]}}"#);
        let error = decode::<PutRecordsInput<'_>>(&json);
        assert_eq!(error, Err(RequestError::Mismatch(expected)), "{json}");
    }
}

#[test]
fn convertible_values_are_converted() {
    let at = |json: &str| decode::<CreateStreamInput>(json).unwrap();
    for (text, truth) in [("TRUE", true), ("1", true), ("Yes", true), ("0", false), ("no", false)] {
        let json = format!(r#"{{"StreamName":"s","EnforceConsumerDeletion":"{text}"}}"#);
        assert_eq!(at(&json).enforce, Some(truth), "{text}");
    }
    let json = r#"{"StreamName":"s","ShardCount":99999999999,"Limit":1.9e1}"#;
    assert_eq!(at(json).shard_count, Some(i32::MAX));
    assert_eq!(at(json).limit, Some(19));
    let mismatch = message::<CreateStreamInput>(r#"{"ShardCount":-2147483649.5}"#);
    assert!(mismatch.contains("Value '-2147483648' at 'shardCount'"), "{mismatch}");
}

#[test]
fn malformed_wins_over_mismatch_and_mismatch_over_violations() {
    let malformed = [
        r#"{"StreamName":1"#,
        r#"{"StreamName":1,}"#,
        r#"{"StreamName":1} x"#,
        r#"{"StreamName":1,"x":"\ud800"}"#,
        r#"{"StreamName":""#,
        "[]",
        "null",
        "\"\"",
        "",
        "{\"StreamName\":\"a\nb\"}",
        r#"{"StreamName":tru}"#,
        r#"{"StreamName":1.}"#,
    ];
    for json in malformed {
        assert_eq!(decode::<CreateStreamInput>(json), Err(RequestError::Malformed), "{json}");
        assert!(!Codec::Json11.is_well_formed(json.as_bytes()), "{json}");
    }
    let json = r#"{"StreamName":"","Limit":"x"}"#;
    assert!(matches!(decode::<CreateStreamInput>(json), Err(RequestError::Mismatch(_))));
    assert!(Codec::Json11.is_well_formed(json.as_bytes()));
}

#[test]
fn truncation_at_every_offset_is_malformed() {
    let json =
        r#"{"Records":[{"Data":"AQID","PartitionKey":"p\n\u00e9"}],"StreamName":"s","x":-1.5e3}"#;
    assert!(decode::<PutRecordsInput<'_>>(json).is_ok());
    for end in 0..json.len() {
        let error = decode::<PutRecordsInput<'_>>(&json[..end]);
        assert_eq!(error, Err(RequestError::Malformed), "{}", &json[..end]);
    }
}

#[test]
fn schema_is_what_was_declared() {
    let members = CreateStreamInput::MEMBERS;
    assert_eq!(members.len(), 9);
    assert_eq!((members[0].name, members[0].required), ("StreamName", true));
    assert_eq!((members[0].kind, members[0].rule), (Kind::String, STREAM_NAME));
    assert_eq!((members[1].kind, members[1].required), (Kind::Integer, false));
    assert_eq!(members[2].kind, Kind::Map(&Kind::String));
    let Kind::Structure([mode]) = members[3].kind else { panic!("{:?}", members[3]) };
    assert_eq!(mode.kind, Kind::Enum(&["PROVISIONED", "ON_DEMAND"]));
    assert_eq!(members[7].kind, Kind::List(&Kind::Enum(&["IncomingBytes", "ALL"])));
    let Kind::List(Kind::Structure(entry)) = PutRecordsInput::MEMBERS[0].kind else { panic!() };
    assert_eq!((entry[0].kind, entry[0].rule), (Kind::Blob, DATA));
}

#[test]
fn long_texts_that_do_not_convert_are_cut() {
    let text = "\u{df}".repeat(10_000);
    let json = format!(r#"{{"Records":[{{"Data":"{text}"}}]}}"#);
    assert_eq!(
        message::<PutRecordsInput<'_>>(&json),
        format!(
            "'{}...' can not be converted to a Blob: Invalid Base64 character: '\u{df}'",
            "\u{df}".repeat(4_096)
        )
    );
    // Six bytes where there were two.
    let text = "\u{390}".repeat(10_000);
    let json = format!(r#"{{"StreamName":"s","EnforceConsumerDeletion":"{text}"}}"#);
    let shouted = "\u{399}\u{308}\u{301}".repeat(1_365);
    assert_eq!(
        message::<CreateStreamInput>(&json),
        format!("'{shouted}\u{399}...' can not be converted to an Boolean")
    );
}
