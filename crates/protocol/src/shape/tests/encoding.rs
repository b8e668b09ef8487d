use super::*;
use crate::cbor::CborWriter;
use crate::json::JsonWriter;
use crate::shape::{Kind, Structure};
use crate::writer::Writer;

fn described() -> DescribeOutput {
    let shard = Shard {
        shard_id: "shardId-000000000000".into(),
        behind: 0,
        open: false,
        data: Some(Bytes::from_static(&[1, 2])),
        status: "ACTIVE",
    };
    DescribeOutput {
        shard_limit: -5,
        shards: vec![shard.clone(), Shard { data: None, ..shard }],
        next_token: None,
        tags: BTreeMap::from([("k\"".to_owned(), "v\n\u{1}é".to_owned())]),
        mode: StreamMode::OnDemand,
        created: Some(Timestamp(1_459_799_926_480)),
    }
}

#[test]
fn json_is_compact_and_leaves_absent_members_out() {
    let json = String::from_utf8(Codec::Json11.encode_reply(&described())).unwrap();
    let shard = r#"{"ShardId":"shardId-000000000000","MillisBehindLatest":0,"Open":false"#;
    let expected = format!(
        concat!(
            r#"{{"ShardLimit":-5,"Shards":[{shard},"Data":"AQI=","Status":"ACTIVE"}},"#,
            r#"{shard},"Status":"ACTIVE"}}],"Tags":{{"k\"":"v\n\u0001é"}},"#,
            r#""StreamMode":"ON_DEMAND","Created":1459799926.48}}"#,
        ),
        shard = shard
    );
    assert_eq!(json, expected);
}

#[test]
fn cbor_has_containers_without_length_and_milliseconds() {
    let reply = DescribeOutput { shards: vec![], tags: BTreeMap::new(), ..described() };
    let mut expected = b"\xBF\x6AShardLimit\x24\x66Shards\x9F\xFF\x64Tags\xBF\xFF".to_vec();
    expected.extend_from_slice(b"\x6AStreamMode\x69ON_DEMAND\x67Created\xC1\x1B");
    expected.extend_from_slice(&1_459_799_926_480_u64.to_be_bytes());
    expected.push(0xFF);
    assert_eq!(Codec::Cbor.encode_reply(&reply), expected);
}

#[test]
fn a_reply_without_members_is_empty() {
    assert!(Codec::Json11.encode_reply(&NothingOutput {}).is_empty());
    let mut out = vec![];
    Codec::Json11.encode_into(&NothingOutput {}, &mut out);
    assert_eq!(out, b"{}");
}

#[test]
fn what_was_encoded_before_can_be_reused() {
    fn list_of_two<W: Writer>(mut writer: W, item: &[u8]) -> Vec<u8> {
        writer.begin_list();
        writer.raw_value(item);
        writer.raw_value(item);
        writer.end_list();
        writer.finish()
    }
    let shard = described().shards.remove(0);
    let twice = vec![shard.clone(), shard.clone()];
    for codec in [Codec::Json11, Codec::Cbor] {
        let item = codec.encode_reply(&shard);
        let list = match codec {
            Codec::Json10 | Codec::Json11 => list_of_two(JsonWriter::default(), &item),
            Codec::Cbor => list_of_two(CborWriter::default(), &item),
        };
        assert_eq!(list, codec.encode_reply(&twice));
    }
}

#[test]
fn schema_is_what_was_declared() {
    let names: Vec<_> =
        DescribeOutput::MEMBERS.iter().map(|member| (member.name, member.required)).collect();
    let expected = [
        ("ShardLimit", true),
        ("Shards", true),
        ("NextToken", false),
        ("Tags", true),
        ("StreamMode", true),
        ("Created", false),
    ];
    assert_eq!(names, expected);
    assert!(matches!(DescribeOutput::MEMBERS[1].kind, Kind::List(Kind::Structure(_))));
}

#[test]
fn enums_name_their_values() {
    assert_eq!(Metric::ALL.len(), 2);
    assert_eq!(Metric::All.to_string(), "ALL");
    assert_eq!(Metric::from_text("IncomingBytes"), Some(Metric::IncomingBytes));
    assert_eq!(Metric::from_text("incomingBytes"), None);
}
