//! Signatures as requests present them, in the header and in the query; and that what our signer
//! signs our verifier accepts.
//!
//! Input: lines. Method, path, query, then headers as `name: value`.
#![no_main]

use anabranch_protocol::sigv4::{
    Credentials, Request, Signer, Timestamp, claimed_credential, parse, sha256_hex, verify,
};
use libfuzzer_sys::fuzz_target;

const NOW: i64 = 1_767_225_600;
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (method, path, query) = (next(), next(), next());
    let headers: Vec<(&str, &[u8])> =
        lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n, v.as_bytes())).collect();
    let digest = sha256_hex(b"");
    let request =
        Request { method, path, query, headers: &headers, payload_sha256_hex: digest.as_str() };

    let _ = claimed_credential(&request);
    match parse(&request) {
        Ok(presented) => {
            let verdict = verify(&presented, &request, SECRET, &["kinesis"], NOW);
            let _ = verdict.map_err(|error| error.to_string());
        }
        Err(error) => drop(error.to_string()),
    }
    for (_, value) in &headers {
        let value = String::from_utf8_lossy(value);
        if let Some(timestamp) = Timestamp::parse_basic(&value) {
            assert_eq!(timestamp.as_str(), value);
            assert_eq!(Timestamp::from_unix(timestamp.unix_secs()), timestamp);
        }
        let _ = Timestamp::parse_http_date(&value);
    }
    sign_and_verify(&request);
});

fn sign_and_verify(request: &Request<'_>) {
    // A query that presents a signature itself is another matter.
    if request.query.to_ascii_lowercase().contains("x-amz-") || request.query.contains('%') {
        return;
    }
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: SECRET.to_owned(),
        session_token: None,
    };
    let signer = Signer::new(credentials, "us-east-1", "kinesis");
    let host: (&str, &[u8]) = ("host", b"localhost");
    let unsigned = Request { headers: &[host], ..*request };
    let signature = signer.sign(&unsigned, NOW);
    let headers = [
        host,
        ("x-amz-date", signature.x_amz_date.as_bytes()),
        ("authorization", signature.authorization.as_bytes()),
    ];
    let signed = Request { headers: &headers, ..*request };
    let presented = parse(&signed).expect("our own signature parses");
    verify(&presented, &signed, SECRET, &["kinesis"], NOW).expect("our own signature holds");
}
