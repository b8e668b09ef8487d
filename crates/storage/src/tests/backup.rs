//! Copies of a store that goes on writing, opened and compared with what was acknowledged.

use crate::format::journal_header::JournalHeader;
use crate::format::layout::Layout;
use crate::format::mark::FORMAT_TEXT;
use crate::format::record::Records;
use crate::medium::disk::journal_file::JournalFile;
use crate::medium::disk::spare;
use crate::tests::support::{TestHost, append_command};
use crate::tools::backup::{BackupError, BackupReport, backup};
use crate::{Gate, Opening, ReadRequest, Recovered, RunsBuilder, Store, StoreOptions, inspect};
use anabranch_env::files::{FileIdentity, directory_of};
use anabranch_env::{Disk, DiskDirectory, DiskFile, DiskLock, FakeDisk, ManualClock, WriteError};
use anabranch_model::ShardKey;
use bytes::Bytes;
use parking_lot::Mutex;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const SHARDS: u64 = 3;

/// A fake disk whose locks are one for each path, and that calls hooks: when a file is opened, and
/// in the middle of each read.
#[derive(Clone, Default)]
struct HookedDisk {
    inner: FakeDisk,
    on_open: Arc<Mutex<Option<Hook>>>,
    on_read: Arc<Mutex<Option<Hook>>>,
}

type Hook = Box<dyn FnMut(&Path) + Send>;

fn call(hook: &Mutex<Option<Hook>>, path: &Path) {
    // Taken out: what the hook does does not call it again.
    let taken = hook.lock().take();
    if let Some(mut taken) = taken {
        taken(path);
        hook.lock().get_or_insert(taken);
    }
}

#[derive(Debug)]
struct HookedFile {
    disk: HookedDisk,
    path: PathBuf,
    inner: Arc<dyn DiskFile>,
}

impl DiskFile for HookedFile {
    fn write_all_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> Result<(), WriteError> {
        self.inner.write_all_at(slices, offset)
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let (first, second) = bytes.split_at_mut(bytes.len() / 2);
        self.inner.read_exact_at(first, offset)?;
        call(&self.disk.on_read, &self.path);
        self.inner.read_exact_at(second, offset + first.len() as u64)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.inner.allocate(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
}

impl std::fmt::Debug for HookedDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl Disk for HookedDisk {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir_all(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.inner.create(path)
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        let inner = self.inner.open(path, writable)?;
        call(&self.on_open, path);
        Ok(Arc::new(HookedFile { disk: self.clone(), path: path.to_owned(), inner }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.inner.list(directory)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn open_dir(&self, path: &Path) -> io::Result<Arc<dyn DiskDirectory>> {
        self.inner.open_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        Ok(DiskLock::new(self.identity(path)?, self.identity(directory_of(path))?, ()))
    }

    fn identity(&self, path: &Path) -> io::Result<FileIdentity> {
        self.inner.identity(path)
    }
}

fn open(disk: &HookedDisk, directory: &str) -> (Opening, Recovered) {
    let options = StoreOptions {
        journal_file_bytes: 8 << 10,
        tail_cache_bytes: 24 << 10,
        ..StoreOptions::new(PathBuf::from(directory))
    };
    let clock = Arc::new(ManualClock::at_ms(1_000_000));
    Store::open(options, Arc::new(disk.clone()), clock).expect("opened")
}

/// A store that is written to.
struct Source {
    disk: HookedDisk,
    store: Arc<Store>,
    host: Arc<TestHost>,
    /// Records that were acknowledged; the n-th has n as its data.
    stored: AtomicU64,
    runtime: tokio::runtime::Runtime,
}

impl Source {
    fn new() -> Self {
        let disk = HookedDisk::default();
        let (store, _) = open(&disk, "/data");
        let host = Arc::<TestHost>::default();
        let store = store.start(host.clone()).expect("threads");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let (store, stored) = (Arc::new(store), AtomicU64::new(0));
        Self { disk, store, host, stored, runtime: runtime.expect("a runtime") }
    }

    /// Stores one record, and now and then a command.
    fn put(&self) {
        let number = self.stored.load(Ordering::Acquire);
        let mut data = number.to_le_bytes().to_vec();
        data.resize(200 + (number % 100) as usize * 4, 7);
        let mut runs = RunsBuilder::default();
        runs.push(ShardKey(number % SHARDS), |run| run.push(Some("k"), &data));
        self.runtime.block_on(async {
            self.store.append(runs.finish(), [&Gate::default()]).await.expect("stored");
            if number.is_multiple_of(10) {
                let payload = Bytes::from(number.to_le_bytes().to_vec());
                let appended = append_command(&self.store, payload.clone(), &[]).await;
                let mut applied = self.host.applied.lock();
                applied.0 = appended.expect("stored").command;
                applied.1.extend(payload);
            }
        });
        self.stored.store(number + 1, Ordering::Release);
    }

    /// Stores records until `count` more journal files have been retired.
    fn put_until_retired(&self, count: u64) {
        let oldest = || {
            let names = self.disk.list(Path::new("/data/journal")).expect("listed");
            names.into_iter().filter(|name| name.ends_with(".journal")).min()
        };
        for _ in 0..count {
            let before = oldest();
            while oldest() == before {
                self.put();
            }
        }
    }

    fn backup(&self, to: &str) -> Result<BackupReport, BackupError> {
        backup(&self.disk, Path::new("/data"), Path::new(to), &[], &mut |_| {})
    }
}

/// The numbers of the records in a copy, which must be the first so many, each in its place.
fn check_copy(disk: &HookedDisk, directory: &str, at_least: u64) {
    let report = inspect::inspect(disk, Path::new(directory)).expect("inspected");
    assert!(report.damage.is_empty(), "{directory}: {:?}", report.damage);
    let (store, recovered) = open(disk, directory);
    let mut found = Vec::new();
    for shard in 0..SHARDS {
        let before = found.len();
        let mut from_index = 0;
        loop {
            let (records_max, bytes_max) = (1000, 1 << 20);
            let (shard, end_index) = (ShardKey(shard), None);
            let request = ReadRequest {
                shard,
                from_index,
                from_ms: 0,
                first_from_secs: 0,
                end_index,
                records_max,
                bytes_max,
            };
            let reply = store.read(&request).expect("read");
            for run in &reply.runs {
                found.extend(Records::new(&run.body).map(|record| {
                    u64::from_le_bytes(record.data[..8].try_into().expect("eight bytes"))
                }));
            }
            from_index = reply.next_index;
            if reply.at_tip {
                break;
            }
        }
        assert!(found[before..].is_sorted(), "{directory}: in order");
    }
    found.sort_unstable();
    let expected: Vec<u64> = (0..found.len() as u64).collect();
    assert_eq!(found, expected, "{directory}: none twice, none left out");
    assert!(found.len() as u64 >= at_least, "{directory}: {} of {at_least}", found.len());
    let mut commands: Vec<u64> = recovered.snapshot.as_deref().map_or(Vec::new(), numbers);
    commands.extend(recovered.commands.iter().flat_map(|command| numbers(&command.payload)));
    let expected: Vec<u64> = (0..commands.len() as u64).map(|n| n * 10).collect();
    assert_eq!(commands, expected, "{directory}: commands");
    assert!(commands.len() as u64 >= at_least.div_ceil(10), "{directory}: commands");
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    bytes.chunks_exact(8).map(number).collect()
}

#[test]
fn copies_made_under_load_hold_what_was_acknowledged_before() {
    let source = Source::new();
    source.put();
    let stop = AtomicBool::new(false);
    let mut copies = Vec::new();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !stop.load(Ordering::Acquire) {
                source.put();
            }
        });
        for number in 0..40 {
            let (stored, directory) = (source.stored.load(Ordering::Acquire), format!("/{number}"));
            let copied = source.disk.clone();
            let made = backup(&copied, Path::new("/data"), Path::new(&directory), &[], &mut |_| {});
            made.expect("copied");
            copies.push((directory, stored));
        }
        stop.store(true, Ordering::Release);
        writer.join().expect("no panic");
    });
    for (directory, stored) in &copies {
        check_copy(&source.disk, directory, *stored);
    }
}

/// Runs a backup during which, when it opens a file with `name` in it for the n-th time, so many
/// journal files are retired.
fn backup_overtaken(name: &'static str, nth: usize, retired: u64) {
    let source = Arc::new(Source::new());
    source.put_until_retired(2);
    let stored = source.stored.load(Ordering::Acquire);
    let (writer, mut seen) = (Arc::downgrade(&source), 0);
    let hook = move |path: &Path| {
        let path = path.to_string_lossy();
        // The source's files; the store itself opens none of them for reading while it is small.
        seen += usize::from(path.starts_with("/data/") && path.contains(name));
        if seen == nth {
            seen += 1;
            let source = writer.upgrade().expect("still there");
            source.put_until_retired(retired);
        }
    };
    *source.disk.on_open.lock() = Some(Box::new(hook));
    source.backup("/copy").expect("copied");
    *source.disk.on_open.lock() = None;
    check_copy(&source.disk, "/copy", stored);
}

#[test]
fn a_journal_file_that_is_used_again_while_it_is_read_is_not_copied() {
    for nth in 1..=6 {
        for retired in [1, 2, 5] {
            backup_overtaken(".journal", nth, retired);
        }
    }
}

#[test]
fn a_file_that_grows_while_it_is_read_is_not_taken_for_damaged() {
    for already in [0, 8, 12] {
        let source = Arc::new(Source::new());
        (0..already).for_each(|_| source.put());
        let stored = source.stored.load(Ordering::Acquire);
        let writer = Arc::downgrade(&source);
        let hook = move |path: &Path| {
            if path.starts_with("/data") && path.to_string_lossy().ends_with(".journal") {
                let source = writer.upgrade().expect("still there");
                (0..4).for_each(|_| source.put());
            }
        };
        *source.disk.on_read.lock() = Some(Box::new(hook));
        source.backup("/copy").expect("copied");
        *source.disk.on_read.lock() = None;
        assert!(source.stored.load(Ordering::Acquire) > stored);
        check_copy(&source.disk, "/copy", stored);
    }
}

#[test]
fn a_snapshot_or_segment_is_read_though_newer_ones_come() {
    for nth in 1..=3 {
        backup_overtaken(".snapshot", nth, 2);
        backup_overtaken(".segment", nth, 2);
    }
}

#[test]
fn a_copy_of_a_stopped_store_is_complete() {
    let source = Source::new();
    source.put_until_retired(3);
    source.store.shut_down();
    let report = source.backup("/copy").expect("copied");
    assert!(report.segments >= 3 && report.journals >= 1 && report.bytes > 20_000, "{report:?}");
    check_copy(&source.disk, "/copy", source.stored.load(Ordering::Acquire));
}

#[test]
fn a_target_with_something_in_it_and_a_source_that_is_none_are_refused() {
    let source = Source::new();
    source.put();
    source.disk.create(Path::new("/full/file")).expect("created");
    assert!(matches!(source.backup("/full"), Err(BackupError::NotEmpty(_))));
    assert!(matches!(source.backup("/data"), Err(BackupError::NotEmpty(_))));
    let none = backup(&source.disk, Path::new("/none"), Path::new("/copy"), &[], &mut |_| {});
    assert!(matches!(none, Err(BackupError::Source(_))), "{none:?}");
}

#[test]
fn damage_and_missing_journal_files_are_not_copied_over() {
    let source = Source::new();
    source.put_until_retired(1);
    // The last file may have been begun with nothing in it.
    source.put();
    source.store.shut_down();
    let names = source.disk.list(Path::new("/data/journal")).expect("listed");
    let last = names.iter().filter(|name| name.ends_with(".journal")).max().expect("one");
    let last = Path::new("/data/journal").join(last);
    source.disk.inner.corrupt(&last, |bytes| bytes[70] ^= 1);
    let damaged = source.backup("/one").expect_err("refused").to_string();
    assert!(damaged.contains("offset=64") && damaged.contains("journal"), "{damaged}");
    source.disk.inner.corrupt(&last, |bytes| bytes[70] ^= 1);
    source.backup("/two").expect("intact again");
}

#[test]
fn a_journal_file_that_is_lost_is_not_taken_for_a_retired_one() {
    let disk = HookedDisk::default();
    let layout = Layout::new(Path::new("/data"));
    disk.write_atomically(&layout.format(), &[FORMAT_TEXT.as_bytes()]).expect("written");
    for number in [1, 2, 3] {
        let spare = spare::prepare(&disk, &layout, 8 << 10).expect("made");
        let header = JournalHeader::new(&disk, number, 1, 0);
        let journal = JournalFile::begin(&disk, &layout, &header, spare);
        journal.expect("begun").seal(1).expect("sealed");
    }
    backup(&disk, Path::new("/data"), Path::new("/one"), &[], &mut |_| {}).expect("copied");
    disk.remove(&layout.journal(2)).expect("removed");
    let refused = backup(&disk, Path::new("/data"), Path::new("/two"), &[], &mut |_| {});
    let refused = refused.expect_err("refused").to_string();
    assert!(refused.contains("0000000000000002.journal"), "{refused}");
}

#[test]
fn a_segment_that_is_lost_is_not_taken_for_an_expired_one() {
    let source = Source::new();
    source.put_until_retired(2);
    source.store.shut_down();
    let names = source.disk.list(Path::new("/data/segments")).expect("listed");
    let lost = Path::new("/data/segments").join(names.iter().min().expect("one"));
    source.disk.remove(&lost).expect("removed");
    let refused = source.backup("/one").expect_err("refused").to_string();
    assert!(refused.contains(&*lost.to_string_lossy()), "{refused}");
    // Without the list it has expired, for all that is known.
    source.disk.remove(Path::new("/data/SEGMENTS")).expect("removed");
    let report = source.backup("/two").expect("copied");
    assert_eq!(report.segments + 1, names.len() as u64);
}
