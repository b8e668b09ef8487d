use super::*;
use anabranch_engine::{DataKeyBytes, KeyProblem, Keyring, Scope};
use anabranch_env::{AgreedClock, Clock, ManualClock};
use anabranch_testkit::log_lines::LogLines;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

const NOW_MS: u64 = 1_700_000_000_000;
const NOW_SECS: i64 = 1_700_000_000;
const ALICE: &str = "arn:aws:iam::123456789012:user/alice";
const STRANGER: &str = "arn:aws:iam::999999999999:user/stranger";

struct World {
    file: KeyringFile,
    clock: Arc<ManualClock>,
    _directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = KeyringFile::new(directory.path().join("keyring.toml"));
        Self { file, clock: Arc::new(ManualClock::at_ms(NOW_MS)), _directory: directory }
    }

    fn store(&self) -> KeyStore {
        KeyStore::open(self.file.clone(), self.clock.clone()).expect("opened")
    }

    /// Changes the file and lets the second pass after which a store looks at it.
    fn change(&self, change: impl FnOnce(&mut Vec<CustomerKey>)) {
        let changed = self.file.change(|keys| {
            change(keys);
            Ok::<_, KeyringError>(())
        });
        changed.expect("changed");
        self.clock.advance_ms(1000);
    }

    fn add(&self) -> CustomerKey {
        let mut key = CustomerKey::new("123456789012", "us-east-1", NOW_SECS);
        key.aliases.push("alias/orders".to_owned());
        self.change(|keys| keys.push(key.clone()));
        key
    }
}

fn scope(account: &str, region: &str) -> Scope {
    Scope { account: Arc::from(account), region: Arc::from(region) }
}

fn data_key() -> DataKeyBytes {
    DataKeyBytes::new([9; 32])
}

#[test]
fn a_key_is_found_by_its_four_names_in_its_account_and_region() {
    let world = World::new();
    let store = world.store();
    let key = CustomerKey::new("123456789012", "us-east-1", NOW_SECS);
    let key = CustomerKey { aliases: vec!["alias/orders".to_owned()], ..key };
    let added = world.file.change(|keys| {
        keys.push(key.clone());
        Ok::<_, KeyringError>(())
    });
    added.expect("added; the store finds it without waiting");
    let caller = scope("123456789012", "us-east-1");
    let alias_arn = "arn:aws:kms:us-east-1:123456789012:alias/orders";
    for name in [&*key.id, &key.arn(), "alias/orders", alias_arn] {
        assert_eq!(store.resolve(&caller, name).as_deref(), Ok(&*key.arn()), "{name}");
    }
    // ARNs name their account, short names the caller's.
    let other = scope("999999999999", "us-east-1");
    assert_eq!(store.resolve(&other, alias_arn).as_deref(), Ok(&*key.arn()));
    assert_eq!(store.resolve(&other, "alias/orders"), Err(KeyProblem::NotFound));
    assert_eq!(store.resolve(&other, &key.id), Err(KeyProblem::NotFound));
    let far = scope("123456789012", "eu-west-1");
    for name in [&*key.id, &key.arn(), "alias/orders", alias_arn, "alias/none", "arn:x"] {
        assert_eq!(store.resolve(&far, name), Err(KeyProblem::NotFound), "{name}");
    }
}

#[test]
fn the_service_key_is_made_once_for_each_account_and_region() {
    let world = World::new();
    let store = world.store();
    let caller = scope("123456789012", "us-east-1");
    let first = store.resolve(&caller, SERVICE_ALIAS).expect("made");
    assert_eq!(store.resolve(&caller, SERVICE_ALIAS).as_ref(), Ok(&first));
    let by_arn = "arn:aws:kms:us-east-1:123456789012:alias/aws/kinesis";
    assert_eq!(store.resolve(&caller, by_arn).as_ref(), Ok(&first));
    let other = store.resolve(&scope("123456789012", "eu-west-1"), SERVICE_ALIAS).expect("made");
    assert_ne!(first, other);
    // Another account's service key is not made by naming it.
    let foreign = "arn:aws:kms:us-east-1:999999999999:alias/aws/kinesis";
    assert_eq!(store.resolve(&caller, foreign), Err(KeyProblem::NotFound));
    assert_eq!(world.store().resolve(&caller, SERVICE_ALIAS).as_ref(), Ok(&first), "durable");
    let mode = fs::metadata(world.file.path()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(store.permit(&first, ALICE), Ok(()));
}

#[test]
fn a_running_store_follows_its_file() {
    let world = World::new();
    let store = world.store();
    let mut key = world.add();
    let arn = key.arn();
    assert_eq!(store.permit(&arn, ALICE), Ok(()), "a new file is noticed");
    let before = store.generation();
    let states = [
        (KeyState::Disabled, None, KeyProblem::Disabled),
        (KeyState::PendingDeletion, Some(NOW_SECS + 3600), KeyProblem::PendingDeletion),
        (KeyState::OptInRequired, None, KeyProblem::OptInRequired),
    ];
    for (state, delete_at, problem) in states {
        (key.state, key.delete_at) = (state, delete_at);
        world.change(|keys| keys[0] = key.clone());
        assert_eq!(store.permit(&arn, ALICE), Err(problem));
    }
    assert_ne!(store.generation(), before);
    (key.state, key.delete_at) = (KeyState::Enabled, None);
    key.principals = vec![STRANGER.to_owned()];
    world.change(|keys| keys[0] = key.clone());
    assert_eq!(store.permit(&arn, ALICE), Err(KeyProblem::AccessDenied));
    assert_eq!(store.permit(&arn, STRANGER), Ok(()));
    key.principals = vec!["arn:aws:iam::123456789012:root".to_owned()];
    world.change(|keys| keys[0] = key.clone());
    assert_eq!(store.permit(&arn, ALICE), Ok(()), "root stands for the account");
    assert_eq!(store.permit(&arn, STRANGER), Err(KeyProblem::AccessDenied));
    // A wrong file leaves the keys in force, a missing one takes them away.
    fs::write(world.file.path(), "key = 7").expect("written");
    world.clock.advance_ms(1000);
    assert_eq!(store.permit(&arn, ALICE), Ok(()));
    fs::remove_file(world.file.path()).expect("removed");
    world.clock.advance_ms(1000);
    assert_eq!(store.permit(&arn, ALICE), Err(KeyProblem::NotFound));
}

#[test]
fn a_key_is_gone_when_its_waiting_time_is_over() {
    let world = World::new();
    let key = world.add();
    world.change(|keys| {
        keys[0].state = KeyState::PendingDeletion;
        keys[0].delete_at = Some(NOW_SECS + 60);
    });
    let store = world.store();
    assert_eq!(store.permit(&key.arn(), ALICE), Err(KeyProblem::PendingDeletion));
    world.clock.advance_ms(60_000);
    assert_eq!(store.permit(&key.arn(), ALICE), Err(KeyProblem::NotFound));
    world.change(|_| {});
    assert_eq!(world.file.load().expect("read").len(), 1, "who writes the file deletes nothing");
}

const HOUR_MS: u64 = 3_600_000;

/// A store by a clock that believes neither of its hands alone, and the clock.
fn agreed(world: &World) -> (KeyStore, Arc<AgreedClock>) {
    let clock = Arc::new(AgreedClock::new(world.clock.clone()));
    clock.begin(NOW_MS, NOW_MS);
    (KeyStore::open(world.file.clone(), clock.clone()).expect("opened"), clock)
}

#[test]
fn no_clock_that_was_set_wrong_takes_a_key_away() {
    let world = World::new();
    let key = world.add();
    world.change(|keys| {
        keys[0].state = KeyState::PendingDeletion;
        keys[0].delete_at = Some(NOW_SECS + 7 * 86_400);
    });
    let (store, clock) = agreed(&world);
    let waits = || {
        assert_eq!(store.permit(&key.arn(), ALICE), Err(KeyProblem::PendingDeletion));
        assert_eq!(world.file.load().expect("read").len(), 1);
    };
    for jump_ms in [HOUR_MS, 2 * 24 * HOUR_MS, 3650 * 24 * HOUR_MS] {
        world.clock.set_ms(world.clock.now_ms() + jump_ms);
        waits();
        // Long enough for the store to look for keys to delete.
        for _ in 0..14 {
            world.clock.set_ms(world.clock.now_ms() - jump_ms);
            clock.observe();
            world.clock.advance_ms(HOUR_MS);
            world.clock.set_ms(world.clock.now_ms() + jump_ms);
            clock.observe();
            waits();
        }
        world.clock.set_ms(world.clock.now_ms() - jump_ms);
        waits();
    }
}

#[test]
fn a_key_whose_waiting_time_is_over_by_both_clocks_is_deleted_with_a_line_in_the_log() {
    let world = World::new();
    let (kept, key) = (world.add(), CustomerKey::new("123456789012", "us-east-1", NOW_SECS));
    world.change(|keys| keys.push(key.clone()));
    world.change(|keys| {
        keys[1].state = KeyState::PendingDeletion;
        keys[1].delete_at = Some(NOW_SECS + 3600);
    });
    let (store, clock) = agreed(&world);
    let log = LogLines::begin();
    for hour in 0..12 {
        clock.observe();
        let (keys, is_gone) = (world.file.load().expect("read"), hour > 0);
        let problem = store.permit(&key.arn(), ALICE).expect_err("it waits, or is gone");
        assert_eq!((keys.len(), problem == KeyProblem::NotFound), (2, is_gone), "{hour}");
        world.clock.advance_ms(HOUR_MS);
    }
    clock.observe();
    assert_eq!(store.permit(&key.arn(), ALICE), Err(KeyProblem::NotFound));
    let left: Vec<_> = world.file.load().expect("read").iter().map(CustomerKey::arn).collect();
    assert_eq!(left, [kept.arn()]);
    assert_eq!(store.permit(&kept.arn(), ALICE), Ok(()));
    assert_eq!(log.with(&["a key is deleted: its waiting time is over", &key.arn()]).len(), 1);
}

#[test]
fn a_service_key_that_is_gone_makes_way_for_another() {
    let world = World::new();
    let store = world.store();
    let caller = scope("123456789012", "us-east-1");
    let first = store.resolve(&caller, SERVICE_ALIAS).expect("made");
    world.change(|keys| {
        keys[0].state = KeyState::PendingDeletion;
        keys[0].delete_at = Some(NOW_SECS + 60);
    });
    assert_eq!(store.resolve(&caller, SERVICE_ALIAS).as_ref(), Ok(&first), "still there");
    world.clock.advance_ms(60_000);
    let second = store.resolve(&caller, SERVICE_ALIAS).expect("made");
    assert_ne!(first, second);
    assert_eq!(store.permit(&second, ALICE), Ok(()));
}

#[test]
fn a_file_that_goes_right_after_a_service_key_was_made_takes_the_key_away() {
    let world = World::new();
    let store = world.store();
    let arn = store.resolve(&scope("123456789012", "us-east-1"), SERVICE_ALIAS).expect("made");
    fs::remove_file(world.file.path()).expect("removed");
    world.clock.advance_ms(1000);
    assert_eq!(store.permit(&arn, ALICE), Err(KeyProblem::NotFound));
}

#[test]
fn the_file_is_read_again_after_a_service_key_was_made() {
    let world = World::new();
    let store = world.store();
    let arn = store.resolve(&scope("123456789012", "us-east-1"), SERVICE_ALIAS).expect("made");
    let made = store.generation();
    world.clock.advance_ms(1000);
    assert_eq!(store.permit(&arn, ALICE), Ok(()));
    // Another process may have changed it between the change and the look at its version.
    assert_ne!(store.generation(), made);
    let read = store.generation();
    world.clock.advance_ms(1000);
    assert_eq!(store.permit(&arn, ALICE), Ok(()));
    assert_eq!(store.generation(), read, "once");
}

#[test]
fn an_unchanged_file_is_read_again_if_the_reason_is_not_the_files() {
    const NO_DESCRIPTOR_LEFT: i32 = 24;
    const PERMISSION_DENIED: i32 = 13;
    let read = |source| KeyringError::Read { path: "keyring.toml".into(), source };
    let from_os = |code| read(std::io::Error::from_raw_os_error(code));
    assert!(from_os(NO_DESCRIPTOR_LEFT).may_pass());
    assert!(!from_os(PERMISSION_DENIED).may_pass());
    assert!(!read(std::io::Error::other("larger than 16 MiB")).may_pass());
    let problem = "a typing error".to_owned();
    assert!(!KeyringError::Invalid { path: "keyring.toml".into(), problem }.may_pass());
}

#[test]
fn requests_over_the_rate_of_a_key_are_throttled() {
    let world = World::new();
    let key = world.add();
    world.change(|keys| keys[0].requests_per_second = Some(2));
    let store = world.store();
    let outcomes: Vec<_> = (0..3).map(|_| store.permit(&key.arn(), ALICE)).collect();
    assert_eq!(outcomes, [Ok(()), Ok(()), Err(KeyProblem::Throttled)]);
    world.clock.advance_ms(1000);
    assert_eq!(store.permit(&key.arn(), ALICE), Ok(()));
}

#[test]
fn data_keys_unwrap_after_a_rotation_and_only_in_their_context() {
    let world = World::new();
    let (key, other) = (world.add(), CustomerKey::new("123456789012", "us-east-1", NOW_SECS));
    world.change(|keys| keys.push(other.clone()));
    let store = world.store();
    let wrapped = store.wrap(&key.arn(), b"context", &data_key()).expect("wrapped");
    assert!(!wrapped.windows(8).any(|window| window == [9; 8]));
    world.change(|keys| keys[0].material.push(Material::random()));
    let store = world.store();
    assert_eq!(store.unwrap(&key.arn(), b"context", &wrapped), Ok(data_key()));
    let newer = store.wrap(&key.arn(), b"context", &data_key()).expect("wrapped");
    assert_eq!(store.unwrap(&key.arn(), b"context", &newer), Ok(data_key()));
    assert_eq!((wrapped[1], newer[1]), (0, 1), "the newest material wraps");
    let wrong = Err(KeyProblem::WrongMaterial);
    assert_eq!(store.unwrap(&key.arn(), b"another", &wrapped), wrong);
    assert_eq!(store.unwrap(&other.arn(), b"context", &wrapped), wrong);
    for bit in 0..wrapped.len() * 8 {
        let mut forged = wrapped.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(store.unwrap(&key.arn(), b"context", &forged), wrong, "bit {bit}");
    }
    for len in 0..wrapped.len() {
        assert_eq!(store.unwrap(&key.arn(), b"context", &wrapped[..len]), wrong);
    }
}

#[test]
fn files_that_are_open_to_others_or_wrong_are_refused_without_showing_material() {
    let world = World::new();
    world.add();
    let path = world.file.path();
    fs::set_permissions(path, fs::Permissions::from_mode(0o604)).expect("set");
    assert!(matches!(world.file.load(), Err(KeyringError::OpenToOthers { mode: 0o604, .. })));
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("set");
    let text = fs::read_to_string(path).expect("read");
    let material = text.split('"').find(|part| part.len() == 44).expect("base64").to_owned();
    let changes = [
        (format!("\"{material}\""), "\"c2hvcnQ=\"".to_owned()),
        ("state = \"enabled\"".to_owned(), "state = \"on\"".to_owned()),
        ("state = \"enabled\"".to_owned(), "state = \"pending-deletion\"".to_owned()),
        ("alias/orders".to_owned(), "orders".to_owned()),
        ("123456789012".to_owned(), "12345".to_owned()),
        (format!("[\"{material}\"]"), "[]".to_owned()),
        (format!("\"{material}\""), format!("\"{material}\", {material}")),
    ];
    for (from, to) in changes {
        assert!(text.contains(&from), "{from}");
        fs::write(path, text.replace(&from, &to)).expect("written");
        let error = world.file.load().expect_err("refused").to_string();
        assert!(!error.contains(&material[..20]), "{error}");
    }
    fs::write(path, format!("{text}\n{text}")).expect("written");
    let error = world.file.load().expect_err("refused").to_string();
    assert!(error.contains("taken"), "{error}");
}

#[test]
fn damage_in_the_file_is_refused_or_shows_in_the_keys_and_never_opens_a_data_key_wrongly() {
    let world = World::new();
    let key = world.add();
    let (arn, context) = (key.arn(), b"context".as_slice());
    let wrapped = world.store().wrap(&arn, context, &data_key()).expect("wrapped");
    let whole = fs::read(world.file.path()).expect("read");
    let (mut refused, mut unopened) = (0, 0);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(world.file.path(), &damaged).expect("written");
        match KeyStore::open(world.file.clone(), world.clock.clone()) {
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("keyring.toml"), "{error}");
            }
            Ok(store) => match store.unwrap(&arn, context, &wrapped) {
                Ok(opened) => assert_eq!(*opened, *data_key(), "byte {at}"),
                Err(_) => unopened += 1,
            },
        }
    }
    assert!(refused > 100 && unopened > 10, "{refused} refused, {unopened} unopened");
    for len in (1..whole.len()).step_by(7) {
        fs::write(world.file.path(), &whole[..len]).expect("written");
        if let Ok(store) = KeyStore::open(world.file.clone(), world.clock.clone()) {
            let opened = store.unwrap(&arn, context, &wrapped);
            assert!(opened.is_err() || opened.is_ok_and(|key| *key == *data_key()), "{len} bytes");
        }
    }
}

#[test]
fn a_keyring_that_could_not_be_read_again_is_not_written() {
    let world = World::new();
    let file = world.file.clone().of_at_most(2000);
    let store = KeyStore::open(file.clone(), world.clock.clone()).expect("opened");
    let mut made = Vec::new();
    let full = loop {
        let caller = scope("123456789012", &format!("eu-north-{}", made.len()));
        match store.resolve(&caller, "alias/aws/kinesis") {
            Ok(arn) => made.push((caller, arn)),
            Err(problem) => break problem,
        }
    };
    assert_eq!(full, KeyProblem::Unavailable);
    assert!(made.len() > 2);
    let size = fs::metadata(file.path()).expect("there").len();
    assert!((1000..=2000).contains(&size), "{size}");
    // What was made is there, now and after a restart.
    let again = KeyStore::open(file.clone(), world.clock.clone()).expect("opened again");
    for (caller, arn) in &made {
        for store in [&store, &again] {
            assert_eq!(store.resolve(caller, "alias/aws/kinesis").as_ref(), Ok(arn));
        }
    }
    let error = file.change(|keys| {
        keys.push(CustomerKey::new("123456789012", "us-east-1", NOW_SECS));
        Ok::<_, KeyringError>(())
    });
    let text = error.expect_err("too large").to_string();
    assert!(text.contains("bytes_max=2000") && text.contains("delete keys"), "{text}");
}
