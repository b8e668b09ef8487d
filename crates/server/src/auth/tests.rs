#![allow(clippy::unwrap_used)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anabranch_protocol::sigv4::{Credentials, Request, Signer, sha256_hex};
use aws_lc_rs::rand::SystemRandom;
use tempfile::TempDir;

use super::*;

const NOW: i64 = 1_715_936_887;
const BODY: &[u8] = b"{}";
const KINESIS: &[&str] = &["kinesis"];

const FILE: &str = r#"
# people
[[credential]]
access_key_id = "AKIAALICE"
secret_access_key = "alice-secret"
account_id = "123456789012"
user = "alice"
created_at = 2025-01-01T00:00:00Z

[[credential]]
access_key_id = "ASIATEMP"
secret_access_key = "temp-secret"
session_token = "temp-token"
account_id = "210987654321"
user = "temp"
expires_at = "2024-05-17T11:08:08+02:00"
"#;

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

fn file_with(text: &str) -> (TempDir, CredentialsFile) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("credentials.toml");
    write_private(&path, text);
    (directory, CredentialsFile::new(path))
}

fn new_credential(account_id: &str, user: &str) -> NewCredential {
    NewCredential {
        account_id: account_id.into(),
        user: user.into(),
        expires_at: None,
        key_pair: None,
        session_token: None,
        role: None,
        policies: None,
    }
}

fn problem_of(text: &str) -> String {
    let (directory, file) = file_with(text);
    let message = file.load().unwrap_err().to_string();
    message.replace(&format!("{}/", directory.path().display()), "")
}

fn signer(id: &str, secret: &str, token: Option<&str>) -> Signer {
    signer_in("eu-west-3", id, secret, token)
}

fn signer_in(region: &str, id: &str, secret: &str, token: Option<&str>) -> Signer {
    let credentials = Credentials {
        access_key_id: id.into(),
        secret_access_key: secret.into(),
        session_token: token.map(str::to_owned),
    };
    Signer::new(credentials, region, "kinesis")
}

fn unsigned() -> http::request::Builder {
    http::Request::post("/")
        .header("host", "localhost:4567")
        .header("x-amz-target", "Kinesis_20131202.ListShards")
}

fn parts(builder: http::request::Builder) -> Parts {
    builder.body(()).unwrap().into_parts().0
}

fn signed(signer: &Signer) -> Parts {
    let headers: &[(&str, &[u8])] =
        &[("host", b"localhost:4567"), ("x-amz-target", b"Kinesis_20131202.ListShards")];
    let hash = sha256_hex(BODY);
    let request = Request {
        method: "POST",
        path: "/",
        query: "",
        headers,
        payload_sha256_hex: hash.as_str(),
    };
    let added = signer.sign(&request, NOW);
    let mut builder = unsigned()
        .header("authorization", added.authorization)
        .header("x-amz-date", added.x_amz_date);
    if let Some(token) = added.x_amz_security_token {
        builder = builder.header("x-amz-security-token", token);
    }
    parts(builder)
}

fn regions() -> Vec<String> {
    anabranch_model::AWS_REGIONS.iter().map(|name| (*name).to_owned()).collect()
}

fn authenticator() -> (TempDir, Authenticator) {
    let (directory, file) = file_with(FILE);
    let store = CredentialStore::open(file, NOW).unwrap();
    (directory, Authenticator::new(AuthMode::Sigv4(store), "us-east-1", &regions()))
}

fn open_mode() -> Authenticator {
    Authenticator::new(
        AuthMode::Open { account_id: "000000000000".into() },
        "us-east-1",
        &regions(),
    )
}

#[test]
fn loads_every_field() {
    let (_directory, file) = file_with(FILE);
    let credentials = file.load().unwrap();
    let [alice, temp] = credentials.as_slice() else { panic!("two credentials") };
    assert_eq!(&*alice.access_key_id, "AKIAALICE");
    assert_eq!(alice.secret_access_key.expose(), "alice-secret");
    assert_eq!(&*alice.account_id, "123456789012");
    assert_eq!(&**alice.principal.arn(), "arn:aws:iam::123456789012:user/alice");
    assert_eq!((alice.expires_at, alice.created_at), (None, Some(1_735_689_600)));
    assert!(alice.session_token.is_none());
    assert_eq!(temp.session_token.as_ref().unwrap().expose(), "temp-token");
    assert_eq!((temp.expires_at, temp.created_at), (Some(NOW + 1), None));
}

#[test]
fn refuses_a_file_open_to_others_and_says_what_to_do() {
    let (_directory, file) = file_with(FILE);
    for mode in [0o604, 0o601, 0o644] {
        fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
        let message = file.load().unwrap_err().to_string();
        let remedy = format!("chmod 600 {}", file.path().display());
        assert!(message.contains(&remedy), "{message}");
        assert!(message.contains(&format!("mode={mode:04o}")), "{message}");
    }
    // The last two as a volume of Kubernetes has them: the group is one of this process.
    for mode in [0o400, 0o440, 0o660] {
        fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
        assert!(file.load().is_ok(), "{mode:o}");
    }
}

#[test]
fn names_file_line_and_problem() {
    let entry = |from: &str, to: &str| {
        let alice = FILE.split_inclusive("Z\n").next().unwrap();
        assert!(alice.contains(from));
        problem_of(&alice.replace(from, to))
    };
    let at = |line: usize, problem: &str| format!("credentials.toml:{line}: {problem}");
    assert_eq!(
        entry("\"123456789012\"", "\"12345678901x\""),
        at(6, "account_id must be 12 digits, got `12345678901x`")
    );
    assert_eq!(
        entry("\"alice\"", "\"a/b\""),
        at(7, "user must be 1 to 64 letters, digits or `_+=,.@-`, got `a/b`")
    );
    assert_eq!(
        entry("AKIAALICE", "A/B"),
        at(4, "access_key_id must be 1 to 128 letters, digits, `_` or `-`, got `A/B`")
    );
    assert_eq!(
        entry("alice-secret", "two words"),
        at(5, "secret_access_key must be printable ASCII without spaces, and not empty")
    );
    assert_eq!(
        entry("created_at = 2025-01-01T00:00:00Z", "expires_at = \"tomorrow\""),
        at(8, "`tomorrow` is not an RFC 3339 date-time with an offset")
    );
    assert_eq!(
        entry("created_at = 2025-01-01T00:00:00Z", "created_at = 2025-01-01"),
        at(8, "`2025-01-01` is not a date-time with an offset")
    );
    let unknown = entry("user =", "usr =");
    assert!(unknown.starts_with("credentials.toml:7: unknown field `usr`"), "{unknown}");
    let missing = entry("user = \"alice\"\n", "");
    assert!(missing.contains("missing field `user`"), "{missing}");
}

#[test]
fn refuses_an_access_key_id_that_is_used_twice() {
    let twice = FILE.replace("ASIATEMP", "AKIAALICE");
    assert_eq!(
        problem_of(&twice),
        "credentials.toml:11: access_key_id AKIAALICE is already used on line 4"
    );
}

#[test]
fn no_error_shows_a_secret() {
    let broken = FILE.replace("\"alice-secret\"", "\"alice-secret");
    let message = problem_of(&broken);
    assert!(message.starts_with("credentials.toml:5: "), "{message}");
    assert!(!message.contains("alice-secret"), "{message}");
    let (_directory, file) = file_with(FILE);
    let shown = format!("{:?}", file.load().unwrap());
    assert!(!shown.contains("-secret") && !shown.contains("temp-token"), "{shown}");
    assert!(shown.contains("***"));
}

#[test]
fn adds_lists_and_removes() {
    let directory = tempfile::tempdir().unwrap();
    let file = CredentialsFile::new(directory.path().join("new.toml"));
    let rng = SystemRandom::new();
    let mut bob = new_credential("111122223333", "bob");
    bob.expires_at = Some(NOW + 60);
    let first = file.add(&bob, &rng, NOW).unwrap();
    let second = file.add(&new_credential("111122223333", "eve"), &rng, NOW).unwrap();

    assert_eq!(first.access_key_id.len(), 20);
    assert!(first.access_key_id.starts_with("AKIA"));
    assert_eq!(first.secret_access_key.expose().len(), 40);
    assert_ne!(first.secret_access_key.expose(), second.secret_access_key.expose());
    let mode = fs::metadata(file.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);

    let listed = file.load().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].access_key_id, first.access_key_id);
    assert!(listed[0].secret_access_key.matches(first.secret_access_key.expose()));
    assert_eq!((listed[0].expires_at, listed[0].created_at), (Some(NOW + 60), Some(NOW)));

    assert!(!file.remove("AKIANOBODY").unwrap());
    assert!(file.remove(&first.access_key_id).unwrap());
    let left: Vec<_> = file.load().unwrap().into_iter().map(|c| c.access_key_id).collect();
    assert_eq!(left, [second.access_key_id]);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file stays");
}

#[test]
fn changing_a_file_keeps_the_other_entries_whole() {
    let (_directory, file) = file_with(FILE);
    let before = file.load().unwrap();
    let added = file.add(&new_credential("111122223333", "bob"), &SystemRandom::new(), NOW);
    assert!(file.remove(&added.unwrap().access_key_id).unwrap());
    let after = file.load().unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    for (before, after) in before.iter().zip(&after) {
        assert!(before.secret_access_key.matches(after.secret_access_key.expose()));
        let tokens = (&before.session_token, &after.session_token);
        assert_eq!(tokens.0.as_ref().map(Secret::expose), tokens.1.as_ref().map(Secret::expose));
    }
}

#[test]
fn does_not_change_what_is_wrong_or_being_changed() {
    let (_directory, file) = file_with(FILE);
    let rng = SystemRandom::new();
    for (account_id, user) in [("12", "bob"), ("111122223333", ""), ("111122223333", "a b")] {
        let refused = file.add(&new_credential(account_id, user), &rng, NOW);
        assert!(matches!(refused, Err(CredentialsError::InvalidNew(_))));
    }

    let lock = PathBuf::from(format!("{}.new", file.path().display()));
    fs::write(&lock, "").unwrap();
    let bob = new_credential("111122223333", "bob");
    assert!(matches!(file.add(&bob, &rng, NOW), Err(CredentialsError::Busy { .. })));
    assert!(matches!(file.remove("AKIAALICE"), Err(CredentialsError::Busy { .. })));
    assert!(lock.exists(), "the lock of another process is left alone");
    fs::remove_file(&lock).unwrap();

    write_private(file.path(), "nonsense");
    assert!(matches!(file.add(&bob, &rng, NOW), Err(CredentialsError::Invalid { .. })));
    assert_eq!(fs::read_to_string(file.path()).unwrap(), "nonsense");
    assert!(!lock.exists());
}

#[test]
fn store_follows_the_file_once_a_second() {
    let (_directory, file) = file_with(FILE);
    let store = CredentialStore::open(file.clone(), NOW).unwrap();
    assert_eq!(store.len(), 2);
    let added = file.add(&new_credential("111122223333", "bob"), &SystemRandom::new(), NOW);
    let id = added.unwrap().access_key_id;
    assert!(store.lookup(&id, NOW).is_none(), "not looked at twice in a second");
    assert!(store.lookup(&id, NOW + 1).is_some());
    assert!(file.remove(&id).unwrap());
    assert!(store.lookup(&id, NOW + 1).is_some());
    assert!(store.lookup(&id, NOW).is_none(), "a clock set back still counts as time passing");
}

#[test]
fn store_keeps_the_last_good_content() {
    let (_directory, file) = file_with(FILE);
    let store = CredentialStore::open(file.clone(), NOW).unwrap();
    let known = |second: i64| store.lookup("AKIAALICE", NOW + second).is_some();

    write_private(file.path(), "nonsense");
    assert!(known(1));
    fs::remove_file(file.path()).unwrap();
    assert!(known(2));
    write_private(file.path(), "");
    fs::set_permissions(file.path(), Permissions::from_mode(0o644)).unwrap();
    assert!(known(3));
    // Nothing but the permissions changes, and that is enough.
    fs::set_permissions(file.path(), Permissions::from_mode(0o600)).unwrap();
    assert!(!known(4));
    assert!(store.is_empty());
}

#[test]
fn store_does_not_open_without_a_good_file() {
    let directory = tempfile::tempdir().unwrap();
    let missing = CredentialsFile::new(directory.path().join("none.toml"));
    let refused = CredentialStore::open(missing, NOW);
    assert!(matches!(refused, Err(CredentialsError::Read { .. })));
}

#[test]
fn signature_makes_a_caller() {
    let (_directory, authenticator) = authenticator();
    let request = signed(&signer("AKIAALICE", "alice-secret", None));
    let caller = authenticator.authenticate(&request, BODY, KINESIS, NOW).unwrap();
    assert_eq!(
        caller,
        Caller {
            account_id: "123456789012".into(),
            region: "eu-west-3".into(),
            access_key_id: "AKIAALICE".into(),
            principal_arn: "arn:aws:iam::123456789012:user/alice".into(),
            principal: Arc::new(Principal::user("123456789012", "alice")),
            policies: None,
            credential: caller.credential.clone(),
        }
    );
    assert_eq!(&*caller.credential.as_ref().unwrap().access_key_id, "AKIAALICE");
    let again = authenticator.authenticate(&request, BODY, KINESIS, NOW).unwrap();
    assert!(Arc::ptr_eq(&caller.region, &again.region));
    assert!(Arc::ptr_eq(&caller.account_id, &again.account_id));
}

#[test]
fn authority_of_http2_counts_as_host() {
    let (_directory, authenticator) = authenticator();
    let mut request = signed(&signer("AKIAALICE", "alice-secret", None));
    request.headers.remove("host");
    request.uri = "http://localhost:4567/".parse().unwrap();
    assert!(authenticator.authenticate(&request, BODY, KINESIS, NOW).is_ok());
    request.uri = "http://elsewhere/".parse().unwrap();
    assert!(authenticator.authenticate(&request, BODY, KINESIS, NOW).is_err());
}

#[test]
fn strangers_are_refused_in_the_order_of_aws() {
    let (_directory, authenticator) = authenticator();
    let refusal = |request: &Parts, now: i64| {
        let error = authenticator.authenticate(request, BODY, KINESIS, now).unwrap_err();
        (error.kind().name(), error.to_string())
    };
    let invalid_token =
        ("UnrecognizedClientException", "The security token included in the request is invalid.");
    let check = |request: &Parts, now: i64, expected: (&str, &str)| {
        let (kind, text) = refusal(request, now);
        assert_eq!((kind, text.as_str()), expected);
    };

    check(
        &parts(unsigned()),
        NOW,
        ("MissingAuthenticationTokenException", "Missing Authentication Token"),
    );
    let incomplete = refusal(&parts(unsigned().header("authorization", "AWS4-HMAC-SHA256")), NOW);
    assert_eq!(incomplete.0, "IncompleteSignatureException");

    // Each of these also has a wrong signature or clock, which must not be what is told.
    let late = NOW + 1000;
    check(&signed(&signer("AKIANOBODY", "x", None)), late, invalid_token);
    check(&signed(&signer("AKIAALICE", "x", Some("token"))), late, invalid_token);
    check(&signed(&signer("ASIATEMP", "x", None)), late, invalid_token);
    check(&signed(&signer("ASIATEMP", "x", Some("other-token"))), late, invalid_token);
    check(
        &signed(&signer("ASIATEMP", "x", Some("temp-token"))),
        NOW + 1,
        ("ExpiredTokenException", "The security token included in the request is expired"),
    );

    let wrong = refusal(&signed(&signer("AKIAALICE", "x", None)), NOW);
    assert_eq!(wrong.0, "InvalidSignatureException");
    let old = refusal(&signed(&signer("AKIAALICE", "alice-secret", None)), late);
    assert!(old.1.starts_with("Signature expired: "), "{}", old.1);
}

#[test]
fn temporary_key_works_until_it_expires() {
    let (_directory, authenticator) = authenticator();
    let request = signed(&signer("ASIATEMP", "temp-secret", Some("temp-token")));
    let caller = authenticator.authenticate(&request, BODY, KINESIS, NOW).unwrap();
    assert_eq!(&*caller.account_id, "210987654321");
}

#[test]
fn body_and_service_are_verified() {
    let (_directory, authenticator) = authenticator();
    let request = signed(&signer("AKIAALICE", "alice-secret", None));
    for (body, services) in [(b"[]".as_slice(), KINESIS), (BODY, &["dynamodb"])] {
        let error = authenticator.authenticate(&request, body, services, NOW).unwrap_err();
        assert_eq!(error.kind().name(), "InvalidSignatureException");
    }
}

#[test]
fn removed_and_changed_keys_stop_working() {
    let (directory, authenticator) = authenticator();
    let request = signed(&signer("AKIAALICE", "alice-secret", None));
    assert!(authenticator.authenticate(&request, BODY, KINESIS, NOW).is_ok());
    let path = directory.path().join("credentials.toml");
    write_private(&path, &FILE.replace("alice-secret", "other-secret"));
    let error = authenticator.authenticate(&request, BODY, KINESIS, NOW + 1).unwrap_err();
    assert_eq!(error.kind().name(), "InvalidSignatureException");
    assert!(CredentialsFile::new(path).remove("AKIAALICE").unwrap());
    let error = authenticator.authenticate(&request, BODY, KINESIS, NOW + 2).unwrap_err();
    assert_eq!(error, AuthError::UnrecognizedClient);
}

#[test]
fn open_mode_believes_everybody() {
    let authenticator = open_mode();
    let caller = |authorization: Option<&str>| {
        let request = match authorization {
            Some(value) => parts(unsigned().header("authorization", value)),
            None => parts(unsigned()),
        };
        let caller = authenticator.authenticate(&request, BODY, KINESIS, 0).unwrap();
        [caller.account_id, caller.region, caller.access_key_id].map(|text| text.to_string())
    };
    let nobody = ["000000000000", "us-east-1", "anonymous"];
    assert_eq!(caller(None), nobody);
    for malformed in ["Bearer x", "", "AWS4-HMAC-SHA256 Credential=a/b", "Credential=", "\u{fe}"] {
        assert_eq!(caller(Some(malformed)), nobody, "{malformed}");
    }
    assert_eq!(
        caller(Some("AWS4-HMAC-SHA256 Credential=test/20240517/eu-west-3/kinesis/aws4_request")),
        ["000000000000", "eu-west-3", "test"]
    );
    assert_eq!(
        caller(Some("AWS4-HMAC-SHA256 Credential=111122223333/x/ap-south-1/s3/y, Signature=z")),
        ["111122223333", "ap-south-1", "111122223333"]
    );
    assert_eq!(
        caller(Some("AWS4-HMAC-SHA256 Credential=test/x/No_Region/s3/y")),
        ["000000000000", "us-east-1", "test"]
    );
    // What is kept of names is bounded, their length too.
    for (length, expected) in [(128, 'k'), (129, 'a')] {
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={}/20240517/eu-west-3/kinesis/aws4_request",
            "k".repeat(length)
        );
        assert!(caller(Some(&value))[2].starts_with(expected));
    }
}

#[test]
fn a_head_that_cannot_be_right_is_told_by_itself() {
    let (_directory, authenticator) = authenticator();
    let good = signed(&signer("AKIAALICE", "alice-secret", None));
    assert_eq!(authenticator.check_head(&good, KINESIS, NOW), Ok(()));
    // The signature needs the body.
    let wrong = signed(&signer("AKIAALICE", "x", None));
    assert_eq!(authenticator.check_head(&wrong, KINESIS, NOW), Ok(()));
    for (request, services, now) in [
        (&parts(unsigned()), KINESIS, NOW),
        (&signed(&signer("AKIANOBODY", "x", None)), KINESIS, NOW),
        (&signed(&signer("ASIATEMP", "x", None)), KINESIS, NOW),
        (&signed(&signer("ASIATEMP", "temp-secret", Some("temp-token"))), KINESIS, NOW + 1),
        (&good, &["dynamodb"][..], NOW),
        (&good, KINESIS, NOW + 1000),
    ] {
        let told = authenticator.check_head(request, services, now);
        let later = authenticator.authenticate(request, BODY, services, now);
        assert_eq!(told.unwrap_err(), later.unwrap_err());
    }
    assert_eq!(open_mode().check_head(&parts(unsigned()), KINESIS, NOW), Ok(()));
}

#[test]
fn open_mode_reads_presigned_requests_and_shares_text() {
    let authenticator = open_mode();
    let uri = "/?X-Amz-Credential=111122223333%2Fd%2Fsa-east-1%2Fkinesis%2Faws4_request";
    let request = parts(http::Request::post(uri));
    let first = authenticator.authenticate(&request, BODY, KINESIS, 0).unwrap();
    assert_eq!((&*first.account_id, &*first.region), ("111122223333", "sa-east-1"));
    assert_eq!(&*first.principal_arn, "arn:aws:iam::111122223333:root");
    let second = authenticator.authenticate(&request, BODY, KINESIS, 0).unwrap();
    assert!(Arc::ptr_eq(&first.principal_arn, &second.principal_arn));
    assert!(Arc::ptr_eq(&first.region, &second.region));
}

#[test]
fn a_caller_is_known_again_while_its_key_is_the_same() {
    let (directory, authenticator) = authenticator();
    let file = CredentialsFile::new(directory.path().join("credentials.toml"));
    let alice = signed(&signer("AKIAALICE", "alice-secret", None));
    let alice = authenticator.authenticate(&alice, BODY, KINESIS, NOW).unwrap();
    let temp = signed(&signer("ASIATEMP", "temp-secret", Some("temp-token")));
    let temp = authenticator.authenticate(&temp, BODY, KINESIS, NOW).unwrap();
    assert_eq!(authenticator.again(&alice, NOW), Some(alice.clone()));
    assert_eq!(authenticator.again(&temp, NOW), Some(temp.clone()));
    assert_eq!(authenticator.again(&temp, NOW + 1), None, "it has expired");

    let rewrite = |from: &str, to: &str| {
        let text = fs::read_to_string(file.path()).unwrap();
        assert!(text.contains(from));
        write_private(file.path(), &text.replace(from, to));
    };
    let policy = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    file.put_policy("nothing", policy).unwrap();
    file.change_policies("AKIAALICE", |_| Ok(Some(vec!["nothing".to_owned()]))).unwrap();
    let later = authenticator.again(&alice, NOW + 2).expect("the same key");
    assert_eq!(later.policies.map(|policies| policies.len()), Some(1));

    rewrite("alice-secret", "other-secret");
    assert_eq!(authenticator.again(&alice, NOW + 3), None, "another key of this id");
    rewrite("other-secret", "alice-secret");
    assert!(authenticator.again(&alice, NOW + 4).is_some());
    assert!(file.remove("AKIAALICE").unwrap());
    assert_eq!(authenticator.again(&alice, NOW + 5), None, "it was removed");

    let anybody = open_mode().authenticate(&parts(unsigned()), BODY, KINESIS, NOW).unwrap();
    assert_eq!(open_mode().again(&anybody, NOW + 5), Some(anybody));
}

#[test]
fn a_region_that_is_not_listed_is_none() {
    let (_directory, file) = file_with(FILE);
    let store = CredentialStore::open(file, NOW).unwrap();
    let strict = Authenticator::new(AuthMode::Sigv4(store), "local", &["eu-north-1".to_owned()]);
    let open = AuthMode::Open { account_id: "000000000000".into() };
    let open = Authenticator::new(open, "local", &["eu-north-1".to_owned()]);
    for (region, is_there) in [("local", true), ("eu-north-1", true), ("us-east-1", false)] {
        let request = signed(&signer_in(region, "AKIAALICE", "alice-secret", None));
        let answer = strict.authenticate(&request, BODY, KINESIS, NOW);
        match answer {
            Ok(caller) => assert!(is_there && *caller.region == *region, "{region}"),
            Err(error) => {
                assert!(!is_there, "{region}: {error}");
                assert_eq!(error, SigV4Error::unknown_region(region).into());
            }
        }
        let believed = open.authenticate(&request, BODY, KINESIS, NOW).unwrap();
        assert_eq!(&*believed.region, if is_there { region } else { "local" });
    }
}
