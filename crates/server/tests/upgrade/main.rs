//! Data directories that older versions wrote are opened by this one, with everything in them.

#![expect(clippy::disallowed_methods, reason = "a test makes its own world")]

mod world;

use anabranch_engine::{Engine, PutEntry, StreamRef, inspect};
use anabranch_env::{ManualClock, RealDisk};
use std::borrow::Cow;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use world::{CALLER, LOOKED_AT_MS, describe, open, scopes};

/// The directories, and with each what the version that wrote it said of it.
fn kept() -> Vec<PathBuf> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade");
    let mut kept = files(&home);
    kept.retain(|path| path.is_dir());
    assert!(!kept.is_empty(), "no directories in {}", home.display());
    kept
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// Copies a directory, with the modes that git does not keep.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a new directory");
    for path in files(from) {
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).expect("a mode");
        }
    }
}

#[tokio::test]
async fn everything_that_an_older_version_stored_is_there() {
    for kept in kept() {
        let expected = fs::read_to_string(kept.join("expected.txt")).expect("what is expected");
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().join("data");
        copy(&kept.join("data"), &data);
        let report = inspect::inspect(&RealDisk, &data).expect("inspected");
        assert!(report.damage.is_empty(), "{:?}", report.damage);
        let clock = Arc::new(ManualClock::at_ms(LOOKED_AT_MS));
        for _ in 0..2 {
            let engine = open(&data, &clock).await;
            assert_eq!(describe(&engine).await, expected, "{}", kept.display());
            engine.store().shut_down();
        }
        let engine = open(&data, &clock).await;
        for round in 0..60 {
            put(&engine, round).await;
        }
        while !all_in_segments(&data) {
            engine.store().nudge_maintenance();
            tokio::task::yield_now().await;
        }
        engine.store().shut_down();
        let engine = open(&data, &clock).await;
        assert_keeps(&describe(&engine).await, &expected);
        engine.store().shut_down();
    }
}

/// Adds to what the old version wrote, so that this one makes segments and snapshots of it.
async fn put(engine: &Engine, round: usize) {
    for name in ["orders", "clicks"] {
        let text = format!("later {name} {round} ").repeat(20);
        let entry = PutEntry {
            partition_key: Some(Cow::Owned(round.to_string())),
            explicit_hash_key: None,
            data: text.as_bytes(),
        };
        let named = engine.named(StreamRef { scope: scopes()[0].clone(), name: name.into() });
        let prepared = engine.data.prepare_put_records(&named, CALLER, &[entry]);
        let stored = engine.data.commit_put(prepared.expect("prepared")).await;
        stored.expect("stored").expect("no reshard");
    }
}

fn all_in_segments(data: &Path) -> bool {
    let is_journal = |path: &PathBuf| path.extension().is_some_and(|e| e == "journal");
    files(&data.join("journal")).iter().filter(|path| is_journal(path)).count() == 1
}

/// Every line is still there, in its order, with new ones between them.
fn assert_keeps(now: &str, expected: &str) {
    let mut lines = now.lines();
    for line in expected.lines() {
        assert!(lines.any(|one| one == line), "gone or out of place: {line}");
    }
}
