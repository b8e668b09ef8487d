//! Whatever is sent, decoding it takes no more memory than the body, and a quarter of a mebibyte.

use anabranch_protocol::{Codec, WireError};
use anabranch_server::schema;
use serde_json::Value;
use std::collections::BTreeSet;
use std::hint::black_box;

/// Long enough to show what takes memory by the item.
const BODY_BYTES: usize = 64 << 10;
const BESIDE_BODY_BYTES: usize = 256 << 10;

/// What leads from a body to a value in it.
#[derive(Clone)]
enum Step {
    Member(String),
    Item,
}

/// A value that is as long as a body, in both formats.
struct Hostile {
    name: &'static str,
    json: Vec<u8>,
    cbor: Vec<u8>,
}

/// One piece in both formats; `NNNN` becomes its number.
struct Piece {
    name: &'static str,
    json: &'static str,
    cbor: &'static [u8],
}

const ITEMS: &[Piece] = &[
    Piece { name: "nulls", json: "null", cbor: b"\xF6" },
    Piece { name: "empty texts", json: r#""""#, cbor: b"\x60" },
    Piece { name: "texts", json: r#""x""#, cbor: b"\x61x" },
    Piece { name: "escaped texts", json: r#""\n""#, cbor: b"\x7F\x61x\xFF" },
    Piece { name: "metrics", json: r#""ALL""#, cbor: b"\x63ALL" },
    Piece { name: "numbers", json: "1", cbor: b"\x01" },
    Piece { name: "structures", json: "{}", cbor: b"\xA0" },
    Piece { name: "entries", json: r#"{"Data":"","PartitionKey":""}"#, cbor: b"\xA1\x64Data\x40" },
    Piece { name: "lists", json: "[]", cbor: b"\x80" },
];

const ENTRIES: &[Piece] = &[
    Piece { name: "keys", json: r#""NNNN":"""#, cbor: b"\x64NNNN\x60" },
    Piece { name: "keys of nulls", json: r#""NNNN":null"#, cbor: b"\x64NNNN\xF6" },
    Piece { name: "escaped keys", json: r#""\nNNNN":"\n""#, cbor: b"\x7F\x64NNNN\xFF\x60" },
    Piece { name: "the same key", json: r#""a":"b""#, cbor: b"\x61a\x61b" },
    Piece { name: "the same key, null or not", json: r#""a":null,"a":"""#, cbor: b"\x61a\xF6" },
];

fn hostile() -> Vec<Hostile> {
    let numbered = |bytes: &[u8], number: usize| {
        let number = format!("{:04x}", number % 0x10000);
        let at = bytes.windows(4).position(|window| window == b"NNNN");
        let mut bytes = bytes.to_vec();
        if let Some(at) = at {
            bytes[at..at + 4].copy_from_slice(number.as_bytes());
        }
        bytes
    };
    let repeated = |piece: &Piece, json: [&str; 2], indefinite: &[u8]| {
        let count = |bytes: &[u8]| 0..BODY_BYTES / (bytes.len() + 1);
        let of_json: Vec<_> =
            count(piece.json.as_bytes()).map(|n| numbered(piece.json.as_bytes(), n)).collect();
        let of_cbor: Vec<_> = count(piece.cbor).map(|n| numbered(piece.cbor, n)).collect();
        Hostile {
            name: piece.name,
            json: [json[0].as_bytes(), &of_json.join(&b','), json[1].as_bytes()].concat(),
            cbor: [indefinite, &of_cbor.concat(), b"\xFF"].concat(),
        }
    };
    let text = |name, piece: &str, chunk: &[u8]| Hostile {
        name,
        json: format!("\"{}\"", piece.repeat(BODY_BYTES / piece.len())).into_bytes(),
        cbor: [b"\x7F", chunk.repeat(BODY_BYTES / chunk.len()).as_slice(), b"\xFF"].concat(),
    };
    let mut all: Vec<_> = ITEMS.iter().map(|item| repeated(item, ["[", "]"], b"\x9F")).collect();
    all.extend(ENTRIES.iter().map(|entry| repeated(entry, ["{", "}"], b"\xBF")));
    let texts = [
        text("a text", "AAAA", b"\x64AAAA"),
        text("an escaped text", r"\n", b"\x61A"),
        text("what is neither base64 nor true", "\u{390}", b"\x62\xCE\x90"),
    ];
    all.push(Hostile {
        name: "a long key",
        json: [b"{", texts[1].json.as_slice(), b":\"\"}"].concat(),
        cbor: [b"\xA1", texts[1].cbor.as_slice(), b"\x60"].concat(),
    });
    all.extend(texts);
    all.push(Hostile {
        name: "a definite text",
        json: b"{}".to_vec(),
        cbor: [b"\x7A\x00\x01\x00\x00".as_slice(), &[b'a'; BODY_BYTES]].concat(),
    });
    // Too deep, and as deep as may be.
    for depth in [BODY_BYTES, 60] {
        all.push(Hostile {
            name: "nested lists",
            json: [b"[".repeat(depth), b"]".repeat(depth)].concat(),
            cbor: [b"\x81".repeat(depth), b"\x80".to_vec()].concat(),
        });
    }
    all
}

/// The paths to the values of an input that differ from those of `known` in type, or in length if they
/// are lists or maps.
fn paths(members: &Value, above: &[Step], known: &mut BTreeSet<String>, out: &mut Vec<Vec<Step>>) {
    for member in members.as_array().into_iter().flatten() {
        let name = member["name"].as_str().expect("members have names").to_owned();
        let mut path = [above, &[Step::Member(name)]].concat();
        let is_compound =
            ["member", "key", "members"].iter().any(|part| member.get(part).is_some());
        let kind = match is_compound {
            true => format!("{} {}", member["type"], member["max"]),
            false => format!("{} {}", member["type"], member.get("enum").is_some()),
        };
        if known.insert(format!("{} {kind}", above.len())) {
            out.push(path.clone());
        }
        paths(&member["members"], &path, known, out);
        path.push(Step::Item);
        paths(&member["member"]["members"], &path, known, out);
    }
}

fn body(codec: Codec, path: &[Step], value: &Hostile) -> Vec<u8> {
    let is_cbor = codec == Codec::Cbor;
    let mut body = if is_cbor { value.cbor.clone() } else { value.json.clone() };
    for step in path.iter().rev() {
        body = match (step, is_cbor) {
            (Step::Member(name), false) => {
                [format!("{{\"{name}\":").as_bytes(), &body, b"}"].concat()
            }
            (Step::Item, false) => [b"[", body.as_slice(), b"]"].concat(),
            (Step::Member(name), true) => {
                let length = u8::try_from(name.len()).expect("short");
                [b"\xA1\x78", [length].as_slice(), name.as_bytes(), &body].concat()
            }
            (Step::Item, true) => [b"\x81", body.as_slice()].concat(),
        };
    }
    body
}

#[test]
fn decoding_takes_no_more_memory_than_the_body_and_a_quarter_of_a_mebibyte() {
    let hostile = hostile();
    let (mut known, mut count) = (BTreeSet::new(), 0);
    let schema = schema::to_json();
    for service in schema["services"].as_object().expect("services").values() {
        for operation in service["operations"].as_array().expect("operations") {
            let name = operation["name"].as_str().expect("a name");
            let mut paths_of = vec![vec![Step::Member("Unknown".to_owned())]];
            paths(&operation["input"], &[], &mut known, &mut paths_of);
            if operation["supported"] == false || (count > 0 && paths_of.len() == 1) {
                continue;
            }
            for path in &paths_of {
                for (value, codec) in
                    hostile.iter().flat_map(|value| [(value, Codec::Json11), (value, Codec::Cbor)])
                {
                    count += 1;
                    let body = body(codec, path, value);
                    let measured = allocation_counter::measure(|| {
                        let decoded = schema::decode(name, codec, &body).expect("an operation");
                        if let Err(error) = decoded {
                            black_box(WireError::from(error).to_body(codec, ""));
                        }
                    });
                    let bound = (body.len() + BESIDE_BODY_BYTES) as u64;
                    assert!(
                        measured.bytes_max <= bound,
                        "{name} with {} in {codec:?}: {} over {bound}",
                        value.name,
                        measured.bytes_max
                    );
                }
            }
        }
    }
    assert!(count > 300, "{count}");
}

/// One that grew as it was read would take three times as much in between.
#[test]
fn a_long_text_takes_what_it_is_long() {
    const PIECES: usize = (1 << 20) + 1;
    let json = format!("\"{}\"", r"\n".repeat(PIECES)).into_bytes();
    let cbor = [b"\x7F", b"\x61A".repeat(PIECES).as_slice(), b"\xFF"].concat();
    let value = Hostile { name: "a text", json, cbor };
    for codec in [Codec::Json11, Codec::Cbor] {
        let path = [Step::Member("ShardIterator".to_owned())];
        let body = body(codec, &path, &value);
        let measured = allocation_counter::measure(|| {
            let decoded = schema::decode("GetRecords", codec, &body).expect("an operation");
            assert!(decoded.is_err());
        });
        let bound = (PIECES + BESIDE_BODY_BYTES) as u64;
        assert!(measured.bytes_max <= bound, "{codec:?}: {} over {bound}", measured.bytes_max);
    }
}
