#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::key::derived_bytes;
use super::vectors::{BOTOCORE, BOTOCORE_TOKEN, BotocoreCase, SECRET, SUITE, SuiteCase};
use super::*;

const SUITE_TIME: i64 = 1_440_938_160;
const BOTOCORE_TIME: i64 = 1_715_936_887;
const KINESIS: &[&str] = &["kinesis"];

/// A request that owns its parts, so that tests can change them.
#[derive(Debug, Clone)]
struct Owned {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Owned {
    fn post(headers: &[(&str, &str)], body: &[u8]) -> Self {
        let headers = headers.iter().map(|(n, v)| (n.to_string(), v.as_bytes().to_vec()));
        Self {
            method: "POST".into(),
            path: "/".into(),
            query: String::new(),
            headers: headers.collect(),
            body: body.to_vec(),
        }
    }

    fn with<T>(&self, use_it: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
        use_it(&Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            payload_sha256_hex: sha256_hex(&self.body).as_str(),
        })
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn signed(mut self, signer: &Signer, now: i64) -> Self {
        let added = self.with(|request| signer.sign(request, now));
        self = self
            .header("authorization", &added.authorization)
            .header("x-amz-date", &added.x_amz_date);
        match &added.x_amz_security_token {
            Some(token) => self.header("x-amz-security-token", token),
            None => self,
        }
    }

    fn presigned(mut self, signer: &Signer, expires_secs: u32, now: i64) -> Self {
        self.query = self.with(|request| signer.presign(request, expires_secs, now));
        self
    }

    fn verify(&self, services: &[&str], now: i64) -> Result<(), SigV4Error> {
        self.with(|request| verify(&parse(request)?, request, SECRET, services, now))
    }

    fn refusal(&self, now: i64) -> (&'static str, String) {
        let error = self.verify(KINESIS, now).expect_err("must be refused");
        (error.kind().name(), error.to_string())
    }
}

fn signer(region: &str, service: &str, token: Option<&str>) -> Signer {
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: SECRET.into(),
        session_token: token.map(str::to_owned),
    };
    Signer::new(credentials, region, service)
}

fn kinesis_request() -> Owned {
    Owned::post(
        &[
            ("content-type", "application/x-amz-json-1.1"),
            ("host", "localhost:4567"),
            ("x-amz-target", "Kinesis_20131202.ListShards"),
        ],
        b"{}",
    )
}

fn kinesis_signer() -> Signer {
    signer("eu-central-1", "kinesis", None)
}

fn signed_at_botocore_time() -> Owned {
    kinesis_request().signed(&kinesis_signer(), BOTOCORE_TIME)
}

fn suite_request(case: &SuiteCase) -> Owned {
    let mut request = Owned::post(case.headers, b"");
    request.method = case.method.into();
    request.path = case.path.into();
    request.query = case.query.into();
    request
}

#[test]
fn derives_the_documented_signing_key() {
    let key = derived_bytes(SECRET, "20150830", "us-east-1", "iam");
    assert_eq!(
        HexDigest::encode(key.as_ref()).as_str(),
        "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    );
}

#[test]
fn signs_the_documented_list_users_request() {
    let mut request = Owned::post(
        &[
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "iam.amazonaws.com"),
        ],
        b"",
    );
    request.method = "GET".into();
    request.query = "Action=ListUsers&Version=2010-05-08".into();
    let headers = request.with(|r| signer("us-east-1", "iam", None).sign(r, SUITE_TIME));
    assert_eq!(
        headers.authorization,
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    );
}

#[test]
fn encodes_an_encoded_path_once_more() {
    let mut request = Owned::post(&[("host", "lambda.us-east-2.amazonaws.com")], b"");
    request.path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-west-2%3A892717189312\
                    %3Afunction%3Amy-rusty-fun/invocations"
        .into();
    let time = Timestamp::parse_basic("20210511T154045Z").unwrap().unix_secs();
    let headers = request.with(|r| signer("us-east-2", "lambda", None).sign(r, time));
    assert!(
        headers.authorization.ends_with(
            "Signature=4b93abbcc68be32bd64c18e2c71150660ab4c29bbd6c32a383a7517a88fc1804"
        )
    );
}

#[test]
fn signs_and_verifies_the_suite_in_headers() {
    for case in SUITE {
        let signer = signer("us-east-1", "service", case.token);
        let request = suite_request(case);
        let headers = request.with(|r| signer.sign(r, SUITE_TIME));
        assert!(headers.authorization.ends_with(case.header_signature), "{}", case.name);
        let verified = request.signed(&signer, SUITE_TIME).verify(&["service"], SUITE_TIME);
        assert_eq!(verified, Ok(()), "{}", case.name);
    }
}

#[test]
fn signs_and_verifies_the_suite_in_the_query() {
    for case in SUITE {
        let signer = signer("us-east-1", "service", case.token);
        let request = suite_request(case).presigned(&signer, 3600, SUITE_TIME);
        assert!(request.query.ends_with(case.query_signature), "{}", case.name);
        assert_eq!(request.verify(&["service"], SUITE_TIME + 3600), Ok(()), "{}", case.name);
    }
}

fn botocore_request(case: &BotocoreCase) -> Owned {
    let mut request = kinesis_request();
    request.headers.retain(|(name, _)| name != "host");
    request = request.header("host", "kinesis.eu-central-1.amazonaws.com");
    for (name, value) in case.more_headers {
        request = request.header(name, value);
    }
    if let Some((signed_headers, signature)) = case.authorization {
        request = request.header("x-amz-date", "20240517T090807Z").header(
            "authorization",
            &format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240517/eu-central-1/kinesis/\
                 aws4_request, SignedHeaders={signed_headers}, Signature={signature}"
            ),
        );
    }
    request.path = case.path.into();
    request.query = case.query.into();
    request.body = case.body.to_vec();
    request.header("user-agent", "not signed")
}

#[test]
fn verifies_what_botocore_signed() {
    for case in BOTOCORE {
        let request = botocore_request(case);
        assert_eq!(request.verify(KINESIS, BOTOCORE_TIME + 60), Ok(()), "{}", case.name);
        let mut changed = request.clone();
        changed.body.push(b' ');
        let error = changed.verify(KINESIS, BOTOCORE_TIME).unwrap_err();
        assert_eq!(error.kind().name(), "InvalidSignatureException", "{}", case.name);
    }
}

#[test]
fn finds_the_session_token_wherever_it_is() {
    for case in BOTOCORE.iter().filter(|case| case.name.contains("session token")) {
        let request = botocore_request(case);
        let token = request
            .with(|r| parse(r).map(|p| p.session_token.map(|token| token.into_owned())))
            .unwrap();
        assert_eq!(token.as_deref(), Some(BOTOCORE_TOKEN), "{}", case.name);
    }
}

#[test]
fn credential_elements_are_where_they_should_be() {
    let request = signed_at_botocore_time();
    request.with(|r| {
        let presented = parse(r).unwrap();
        let credential = &presented.credential;
        assert_eq!(credential.access_key_id(), "AKIDEXAMPLE");
        assert_eq!(credential.date(), "20240517");
        assert_eq!(credential.region(), "eu-central-1");
        assert_eq!(credential.service(), "kinesis");
        assert_eq!(credential.terminator(), "aws4_request");
        assert_eq!(credential.scope(), "20240517/eu-central-1/kinesis/aws4_request");
    });
}

#[test]
fn claimed_credential_needs_nothing_else() {
    let claimed = |request: Owned| {
        request.with(|r| claimed_credential(r).map(|credential| credential.as_str().to_owned()))
    };
    let with =
        |authorization: &str| claimed(kinesis_request().header("authorization", authorization));
    assert_eq!(with("Credential=a/b/c/d/e").as_deref(), Some("a/b/c/d/e"));
    assert_eq!(with("AWS4-X Credential=a/b/c/d/e, x").as_deref(), Some("a/b/c/d/e"));
    assert_eq!(with("AWS4-X Credential=a/b"), None);
    assert_eq!(with("Bearer x"), None);
    assert_eq!(claimed(kinesis_request()), None);
    let mut presigned = kinesis_request();
    presigned.query = "X-Amz-Credential=a%2Fb%2Fc%2Fd%2Fe".into();
    assert_eq!(claimed(presigned).as_deref(), Some("a/b/c/d/e"));
}

#[test]
fn verifier_agrees_with_verify_whether_the_key_is_known_or_not() {
    let verifier = Verifier::new(4);
    let good = signed_at_botocore_time();
    let mut bad = good.clone();
    bad.body = b"[]".to_vec();
    for _ in 0..2 {
        for request in [&good, &bad] {
            let cached = request
                .with(|r| verifier.verify(&parse(r).unwrap(), r, SECRET, KINESIS, BOTOCORE_TIME));
            assert_eq!(cached, request.verify(KINESIS, BOTOCORE_TIME));
        }
    }
    let other_secret = good
        .with(|r| verifier.verify(&parse(r).unwrap(), r, "other", KINESIS, BOTOCORE_TIME))
        .unwrap_err();
    assert_eq!(other_secret.kind().name(), "InvalidSignatureException");
}

#[test]
fn names_missing_and_double_authentication() {
    let missing = kinesis_request();
    assert_eq!(
        missing.refusal(0),
        ("MissingAuthenticationTokenException", "Missing Authentication Token".into())
    );
    let mut both = signed_at_botocore_time();
    both.query = "X-Amz-Algorithm=".into();
    assert_eq!(
        both.refusal(BOTOCORE_TIME),
        (
            "InvalidSignatureException",
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP \
             header."
                .into()
        )
    );
}

#[test]
fn names_missing_parts_of_the_header() {
    const NO_CREDENTIAL: &str = "Authorization header requires 'Credential' parameter. ";
    const NO_SIGNATURE: &str = "Authorization header requires 'Signature' parameter. ";
    const NO_HEADERS: &str = "Authorization header requires 'SignedHeaders' parameter. ";
    const NO_DATE: &str = "Authorization header requires existence of either a 'X-Amz-Date' or \
                           a 'Date' header. ";
    let all = [NO_CREDENTIAL, NO_SIGNATURE, NO_HEADERS, NO_DATE].concat();
    for (authorization, date, gaps) in [
        ("X", None, all.clone()),
        ("AWS4-HMAC-SHA256", None, all.clone()),
        ("Basic a=", None, all),
        ("AWS4- Credential=a", None, [NO_SIGNATURE, NO_HEADERS, NO_DATE].concat()),
        ("AWS4- Signature=b,Credential=a", None, [NO_HEADERS, NO_DATE].concat()),
        ("AWS4- Signature=b,SignedHeaders=c Credential=", None, [NO_CREDENTIAL, NO_DATE].concat()),
        ("AWS4- Signature=b, SignedHeaders=c, Credential=a", None, NO_DATE.into()),
        ("AWS4- Signature=b, SignedHeaders=c", Some("x-amz-date"), NO_CREDENTIAL.into()),
        ("AWS4- Signature=b, Credential=c", Some("date"), NO_HEADERS.into()),
    ] {
        let mut request = kinesis_request().header("authorization", authorization);
        if let Some(name) = date {
            request = request.header(name, "20240517T090807Z");
        }
        let expected = format!("{gaps}Authorization={authorization}");
        assert_eq!(request.refusal(0), ("IncompleteSignatureException", expected));
    }
}

#[test]
fn names_missing_parts_of_the_query() {
    let mut request = kinesis_request();
    request.query = "X-Amz-Algorithm=&X-Amz-Signature=a".into();
    assert_eq!(
        request.refusal(0),
        (
            "IncompleteSignatureException",
            "AWS query-string parameters must include 'X-Amz-Algorithm'. \
             AWS query-string parameters must include 'X-Amz-Credential'. \
             AWS query-string parameters must include 'X-Amz-SignedHeaders'. \
             AWS query-string parameters must include 'X-Amz-Date'. \
             Re-examine the query-string parameters."
                .into()
        )
    );
}

#[test]
fn names_malformed_parts() {
    let with = |authorization: &str, date: &str| {
        let request = kinesis_request();
        request.header("authorization", authorization).header("x-amz-date", date).refusal(0)
    };
    let incomplete = |text: &str| ("IncompleteSignatureException", text.to_owned());
    let date = "20240517T090807Z";
    assert_eq!(
        with("AWS4-HMAC-SHA256 Credential", date),
        incomplete(
            "'Credential' not a valid key=value pair (missing equal-sign) in Authorization \
             header: 'AWS4-HMAC-SHA256 Credential'."
        )
    );
    assert_eq!(
        with("AWS4-X Credential=a/b/c/d/e,SignedHeaders=host,Signature=f", date),
        incomplete("Unsupported AWS 'algorithm': 'AWS4-X'.")
    );
    for credential in ["a/b/c/d", "a/b/c/d/e/f", "a/b//d/e", "a"] {
        assert_eq!(
            with(
                &format!("AWS4-HMAC-SHA256 Credential={credential},SignedHeaders=host,Signature=f"),
                date
            ),
            incomplete(&format!(
                "Credential must have exactly 5 slash-delimited elements, \
                 e.g. keyid/date/region/service/term, got '{credential}'"
            ))
        );
    }
    assert_eq!(
        with(
            "AWS4-HMAC-SHA256 Credential=a/b/c/d/e,SignedHeaders=host,Signature=f",
            "Fri, 17 May 2024 09:08:07 GMT"
        ),
        incomplete(
            "Date must be in ISO-8601 'basic format'. Got 'Fri, 17 May 2024 09:08:07 GMT'. \
             See http://en.wikipedia.org/wiki/ISO_8601"
        )
    );
}

#[test]
fn accepts_the_general_date_header_in_both_forms() {
    let signed = signed_at_botocore_time();
    for date in ["20240517T090807Z", "Fri, 17 May 2024 09:08:07 GMT"] {
        let mut request = signed.clone();
        request.headers.retain(|(name, _)| name != "x-amz-date");
        let request = request.header("date", date);
        let timestamp = request.with(|r| parse(r).map(|p| p.timestamp)).unwrap();
        assert_eq!(timestamp.unix_secs(), BOTOCORE_TIME);
    }
}

#[test]
fn names_every_fault_of_the_scope() {
    let change = |from: &str, to: &str| {
        let mut request = signed_at_botocore_time();
        for (name, value) in &mut request.headers {
            if name == "authorization" {
                *value = String::from_utf8_lossy(value).replace(from, to).into_bytes();
            }
        }
        request.refusal(BOTOCORE_TIME)
    };
    let invalid = |text: &str| ("InvalidSignatureException", text.to_owned());
    assert_eq!(
        change("eu-central-1", "EU_central"),
        invalid("Credential should be scoped to a valid region, not 'EU_central'. ")
    );
    assert_eq!(
        change("/kinesis/", "/s3/"),
        invalid("Credential should be scoped to correct service: 'kinesis'. ")
    );
    assert_eq!(
        change("aws4_request", "aws4"),
        invalid(
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'. "
        )
    );
    assert_eq!(
        change("20240517/eu-central-1/kinesis", "20240516/eu-central-1/s3"),
        invalid(
            "Credential should be scoped to correct service: 'kinesis'. \
             Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
             HTTP: '20240516' != '20240517', from '20240517T090807Z'."
        )
    );
}

#[test]
fn requires_host_and_amz_headers_to_be_signed() {
    let without = |name: &str| {
        let mut unsigned = kinesis_request();
        unsigned.headers.retain(|(present, _)| present != name);
        let request = unsigned.signed(&kinesis_signer(), BOTOCORE_TIME);
        request.header(name, "added later")
    };
    assert_eq!(
        without("host").refusal(BOTOCORE_TIME),
        (
            "InvalidSignatureException",
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into()
        )
    );
    assert_eq!(
        without("x-amz-target").refusal(BOTOCORE_TIME),
        (
            "InvalidSignatureException",
            "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.".into()
        )
    );
    assert_eq!(without("content-type").verify(KINESIS, BOTOCORE_TIME), Ok(()));
    assert_eq!(without("x-amz-security-token").verify(KINESIS, BOTOCORE_TIME), Ok(()));
}

#[test]
fn clock_may_differ_by_five_minutes_and_no_more() {
    let request = signed_at_botocore_time();
    for skew in [-300, 0, 300] {
        assert_eq!(request.verify(KINESIS, BOTOCORE_TIME + skew), Ok(()), "{skew}");
    }
    assert_eq!(
        request.refusal(BOTOCORE_TIME + 301),
        (
            "InvalidSignatureException",
            "Signature expired: 20240517T090807Z is now earlier than 20240517T090808Z \
             (20240517T091308Z - 5 min.)"
                .into()
        )
    );
    assert_eq!(
        request.refusal(BOTOCORE_TIME - 301),
        (
            "InvalidSignatureException",
            "Signature not yet current: 20240517T090807Z is still later than 20240517T090806Z \
             (20240517T090306Z + 5 min.)"
                .into()
        )
    );
}

#[test]
fn presigned_requests_live_as_long_as_they_say() {
    let presigned = |secs| kinesis_request().presigned(&kinesis_signer(), secs, BOTOCORE_TIME);
    for secs in [1, 90, 3600, EXPIRES_SECS_MAX] {
        let last = BOTOCORE_TIME + i64::from(secs);
        assert_eq!(presigned(secs).verify(KINESIS, last), Ok(()));
        assert_eq!(presigned(secs).refusal(last + 1).0, "InvalidSignatureException");
    }
    assert!(presigned(90).refusal(BOTOCORE_TIME + 91).1.ends_with(" - 90 sec.)"));
    assert!(presigned(900).refusal(BOTOCORE_TIME + 901).1.ends_with(" - 15 min.)"));
    for secs in [0, EXPIRES_SECS_MAX + 1] {
        assert_eq!(
            presigned(secs).refusal(BOTOCORE_TIME),
            (
                "IncompleteSignatureException",
                "X-Amz-Expires must be a number of seconds between 1 and 604800.".into()
            )
        );
    }
    let early = presigned(3600).refusal(BOTOCORE_TIME - 301).1;
    assert!(early.starts_with("Signature not yet current"), "{early}");
}

#[test]
fn payload_markers_of_s3_do_not_replace_the_hash() {
    let mut request = kinesis_request().header("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    let added = request.with(|r| {
        let unsigned = Request { payload_sha256_hex: "UNSIGNED-PAYLOAD", ..*r };
        kinesis_signer().sign(&unsigned, BOTOCORE_TIME)
    });
    request = request
        .header("authorization", &added.authorization)
        .header("x-amz-date", &added.x_amz_date);
    let error = request.verify(KINESIS, BOTOCORE_TIME).unwrap_err();
    assert!(matches!(error, SigV4Error::SignatureMismatch { .. }));
}

#[test]
fn mismatch_shows_our_view_but_not_our_signature() {
    let mut request = signed_at_botocore_time();
    let right = request.with(|r| parse(r).unwrap().signature.into_owned());
    for (name, value) in &mut request.headers {
        if name == "authorization" {
            *value = String::from_utf8_lossy(value).replace(&right, &"0".repeat(64)).into();
        }
    }
    let (kind, text) = request.refusal(BOTOCORE_TIME);
    assert_eq!(kind, "InvalidSignatureException");
    assert!(!text.contains(&right) && !text.contains(SECRET));
    assert_eq!(
        text,
        "The request signature we calculated does not match the signature you provided. \
         Check your AWS Secret Access Key and signing method. \
         Consult the service documentation for details.\n\n\
         The Canonical String for this request should have been\n\
         'POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:localhost:4567\n\
         x-amz-date:20240517T090807Z\nx-amz-target:Kinesis_20131202.ListShards\n\n\
         content-type;host;x-amz-date;x-amz-target\n\
         44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'\n\n\
         The String-to-Sign should have been\n\
         'AWS4-HMAC-SHA256\n20240517T090807Z\n20240517/eu-central-1/kinesis/aws4_request\n\
         aaea7e75ee9841387cd051b9327377954833c78e62be84630f552f3e56d39134'\n"
    );
}

#[test]
fn repeated_names_do_not_multiply_a_header() {
    let list = ["host"; 1000].join(";");
    assert_eq!(canonical::signed_names(&list), ["host"]);
    assert_eq!(canonical::signed_names("x;a;;x"), ["a", "x"]);
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", signer("r", "s", Some(BOTOCORE_TOKEN)));
    assert!(!shown.contains(SECRET) && !shown.contains(BOTOCORE_TOKEN), "{shown}");
}

#[test]
fn percent_decoding_leaves_what_is_no_escape() {
    for (raw, decoded) in [("a%20b", "a b"), ("%zz%", "%zz%"), ("%4", "%4"), ("a+b", "a+b")] {
        assert_eq!(uri::decode_text(raw), decoded);
    }
    assert_eq!(uri::decode_text("%ff"), "\u{fffd}");
}

fn any_request() -> impl Strategy<Value = Owned> {
    (
        "[a-zA-Z0-9/._~% -]{0,20}",
        "[a-z0-9=&%+-]{0,20}",
        proptest::collection::vec(("[a-z-]{1,8}", "[ -~]{0,12}"), 0..4),
        proptest::collection::vec(any::<u8>(), 0..64),
    )
        .prop_map(|(path, query, headers, body)| {
            let mut request = kinesis_request();
            request.path.push_str(&path);
            request.query = query;
            request.body = body;
            headers.iter().fold(request, |request, (name, value)| request.header(name, value))
        })
}

proptest! {
    #[test]
    fn what_is_signed_verifies(request in any_request(), token in any::<bool>()) {
        let signer = signer("eu-central-1", "kinesis", token.then_some(BOTOCORE_TOKEN));
        let in_header = request.clone().signed(&signer, BOTOCORE_TIME);
        prop_assert_eq!(in_header.verify(KINESIS, BOTOCORE_TIME), Ok(()));
        let in_query = request.presigned(&signer, 60, BOTOCORE_TIME);
        prop_assert_eq!(in_query.verify(KINESIS, BOTOCORE_TIME), Ok(()));
    }

    #[test]
    fn a_changed_bit_of_body_or_signature_is_noticed(
        request in any_request(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let request = request.signed(&kinesis_signer(), BOTOCORE_TIME);
        if !request.body.is_empty() {
            let mut changed = request.clone();
            changed.body[at.index(request.body.len())] ^= 1_u8 << bit;
            prop_assert!(changed.verify(KINESIS, BOTOCORE_TIME).is_err());
        }
        for name in ["authorization", "x-amz-date", "x-amz-target", "host", "content-type"] {
            let mut changed = request.clone();
            let value = changed.headers.iter_mut().find(|(n, _)| n == name).unwrap();
            let at = at.index(value.1.len());
            value.1[at] ^= 1_u8 << bit;
            // The access key id is not signed: it is proved by whose secret fits.
            let other_key = changed.with(|r| {
                parse(r).is_ok_and(|p| p.credential.access_key_id() != "AKIDEXAMPLE")
            });
            let noticed = other_key || changed.verify(KINESIS, BOTOCORE_TIME).is_err();
            prop_assert!(noticed, "{}", name);
        }
    }

    #[test]
    fn nothing_that_arrives_makes_it_panic(
        query in ".{0,80}",
        authorization in ".{0,80}",
        date in ".{0,20}",
    ) {
        let mut request = kinesis_request().header("x-amz-date", &date);
        request.query = format!("X-Amz-Algorithm=x&{query}");
        prop_assert!(request.verify(KINESIS, 0).is_err());
        request.query = query;
        let request = request.header("authorization", &authorization);
        prop_assert!(request.verify(KINESIS, 0).is_err());
    }
}
