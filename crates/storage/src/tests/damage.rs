//! Damage at every place of every file: a bit that flips, a file that is cut off, a name that
//! changes.
//!
//! For each place the store must either open with everything that was acknowledged, or refuse and
//! name file, offset and remedy. Damage in a segment shows when it is read: then the read names file
//! and offset, and other shards are read as before. In every case [`crate::salvage`] must make a
//! directory that opens, and lack nothing that it does not own up to.

use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind};
use crate::format::header::FILE_HEADER_BYTES;
use crate::format::journal_header::JournalHeader;
use crate::format::layout::Layout;
use crate::format::mark::FORMAT_TEXT;
use crate::format::record::Records;
use crate::medium::disk::journal_file::JournalFile;
use crate::medium::disk::recovery::LOST_INDICES_MAX;
use crate::medium::disk::spare;
use crate::salvage::{self, Lost, Salvage};
use crate::tests::support::{TestHost, append_command};
use crate::{
    Durability, Gate, Opening, ReadRequest, Recovered, RunsBuilder, Store, StoreOptions, inspect,
};
use anabranch_env::{Disk, FakeDisk, ManualClock};
use anabranch_model::ShardKey;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const SHARDS: u64 = 3;
const HOME: &str = "/data";

fn options(directory: &str) -> StoreOptions {
    StoreOptions {
        journal_file_bytes: 2 << 10,
        tail_cache_bytes: 6 << 10,
        ..StoreOptions::new(PathBuf::from(directory))
    }
}

type Opened = Result<(Opening, Recovered), crate::OpenError>;

fn open(disk: &FakeDisk, directory: &str) -> Opened {
    let clock = Arc::new(ManualClock::at_ms(2_000_000));
    Store::open(options(directory), Arc::new(disk.clone()), clock)
}

/// What was acknowledged.
#[derive(Clone, Default)]
struct Acknowledged {
    /// Data by index, for each shard.
    records: BTreeMap<u64, BTreeMap<u64, Vec<u8>>>,
    commands: Vec<u8>,
}

/// A disk with a store that was written to until it had some of everything, and stopped.
struct Sample {
    disk: FakeDisk,
    durability: Durability,
    acknowledged: Acknowledged,
}

/// Longer than the test takes: what is in the last journal file is synced when the store stops.
const INTERVAL: Durability = Durability::Interval(Duration::from_secs(3_600));

impl Sample {
    fn new(durability: Durability) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let disk = FakeDisk::default();
        let options = StoreOptions { durability, ..options(HOME) };
        let clock = Arc::new(ManualClock::at_ms(2_000_000));
        let (store, _) = Store::open(options, Arc::new(disk.clone()), clock).expect("opened");
        let host = Arc::<TestHost>::default();
        let store = store.start(host.clone()).expect("threads");
        let mut sample = Self { disk, durability, acknowledged: Acknowledged::default() };
        runtime.expect("a runtime").block_on(async {
            for number in 0..12 {
                sample.put(&store, &host, number).await;
            }
            while sample.journals().len() > 1 {
                store.nudge_maintenance();
                tokio::task::yield_now().await;
            }
            // The last file has several frames, however full it was.
            let turned = sample.journals();
            let mut number = 12;
            while sample.journals() == turned {
                sample.put(&store, &host, number).await;
                number += 1;
            }
            for number in number..number + 4 {
                sample.put(&store, &host, number).await;
            }
            while !sample.disk.paths().iter().any(|path| path.extension() == Some("spare".as_ref()))
            {
                store.nudge_maintenance();
                tokio::task::yield_now().await;
            }
        });
        store.shut_down();
        sample
    }

    fn journals(&self) -> Vec<String> {
        let mut names = self.disk.list(&Path::new(HOME).join("journal")).expect("listed");
        names.retain(|name| name.ends_with(".journal"));
        names
    }

    /// Stores a request of two records, and now and then a command.
    async fn put(&mut self, store: &Store, host: &TestHost, number: u64) {
        let shards = [number % SHARDS, (number + 1) % SHARDS];
        let mut runs = RunsBuilder::default();
        for shard in shards {
            let data = format!("record {number} of {shard}");
            runs.push(ShardKey(shard), |run| run.push(Some("key"), data.as_bytes()));
        }
        let gate = Gate::default();
        let appended = store.append(runs.finish(), [&gate, &gate]).await.expect("stored");
        for (shard, index) in shards.into_iter().zip(appended.first_indices) {
            let data = format!("record {number} of {shard}").into_bytes();
            self.acknowledged.records.entry(shard).or_default().insert(index, data);
        }
        if number.is_multiple_of(5) {
            let payload = Bytes::from(format!("<{number}>").into_bytes());
            let appended = append_command(store, payload.clone(), &[]).await.expect("stored");
            self.acknowledged.commands.extend(&payload);
            *host.applied.lock() = (appended.command, self.acknowledged.commands.clone());
        }
    }
}

/// Reads all of a shard, by index; or says what the first error was.
fn read_shard(store: &Opening, shard: u64) -> Result<BTreeMap<u64, Vec<u8>>, String> {
    let mut found = BTreeMap::new();
    let mut from_index = 0;
    loop {
        let (shard, end_index) = (ShardKey(shard), None);
        let (records_max, bytes_max) = (100, 1 << 20);
        let request = ReadRequest {
            shard,
            from_index,
            from_ms: 0,
            first_from_secs: 0,
            end_index,
            records_max,
            bytes_max,
        };
        let reply = store.read(&request).map_err(|error| error.to_string())?;
        for run in &reply.runs {
            for (index, record) in (run.first_index..).zip(Records::new(&run.body)) {
                let before = found.insert(index, record.data.to_vec());
                assert!(before.is_none(), "index {index} twice");
            }
        }
        from_index = reply.next_index;
        if reply.at_tip {
            return Ok(found);
        }
    }
}

fn commands(snapshot: Option<&Bytes>, commands: &[crate::RecoveredCommand]) -> Vec<u8> {
    let mut all = snapshot.map_or(Vec::new(), |snapshot| snapshot.to_vec());
    commands.iter().for_each(|command| all.extend(&command.payload));
    all
}

/// A place in a file, by what is there.
type Place = (String, usize);

fn fields(what: &str, at: usize, fields: &[(&str, usize)]) -> Vec<Place> {
    fields.iter().map(|(field, offset)| (format!("{what}: {field}"), at + offset)).collect()
}

const FRAME_FIELDS: [(&str, usize); 13] = [
    ("magic", 0),
    ("kind", 4),
    ("continues", 5),
    ("zero", 6),
    ("identity", 8),
    ("subject", 16),
    ("index", 24),
    ("arrival", 32),
    ("count", 40),
    ("length of the body", 44),
    ("checksum of the body", 48),
    ("durable bytes", 52),
    ("checksum", 60),
];

/// The places of the frames from `at` on, and where they end.
fn frame_places(bytes: &[u8], mut at: usize) -> (Vec<Place>, usize) {
    let mut places = Vec::new();
    while let Some(header) = bytes.get(at..).and_then(FrameHeader::decode) {
        let what = format!("{:?} at {at}", header.kind);
        places.extend(fields(&what, at, &FRAME_FIELDS));
        let (body, end) = (at + FRAME_HEADER_BYTES, at + header.frame_bytes() as usize);
        if body < end {
            let (middle, last) = ((body + end) / 2 - at, end - 1 - at);
            let inside = [("body", FRAME_HEADER_BYTES), ("body's middle", middle)];
            places.extend(fields(&what, at, &inside));
            places.extend(fields(&what, at, &[("body's end", last)]));
        }
        at = end;
    }
    (places, at)
}

fn journal_places(bytes: &[u8]) -> Vec<Place> {
    let header = [
        ("magic", 0),
        ("zero", 4),
        ("number", 8),
        ("next index", 16),
        ("last time", 24),
        ("identity", 32),
        ("length of the file", 40),
        ("acknowledged early", 48),
        ("more zero", 49),
        ("checksum", 60),
    ];
    let mut places = fields("header", 0, &header);
    let (frames, end) = frame_places(bytes, 64);
    places.extend(frames);
    if end < bytes.len() {
        places.push(("behind the frames".to_owned(), end));
        places.push(("far behind the frames".to_owned(), (end + bytes.len()) / 2));
        places.push(("the last byte".to_owned(), bytes.len() - 1));
    }
    places
}

fn segment_places(bytes: &[u8]) -> Vec<Place> {
    let header = [("magic", 0), ("zero", 4), ("chapter", 8), ("more zero", 16), ("checksum", 60)];
    let mut places = fields("header", 0, &header);
    let (frames, end) = frame_places(bytes, 64);
    places.extend(frames);
    let trailer = bytes.len() - 64;
    let shards = u32::from_le_bytes(bytes[trailer + 4..trailer + 8].try_into().expect("four"));
    let entry = [
        ("shard", 0),
        ("first index", 8),
        ("end index", 16),
        ("first time", 24),
        ("last time", 32),
        ("offset", 40),
        ("length", 48),
        ("place in the index", 56),
        ("entries in the index", 60),
    ];
    for shard in 0..shards as usize {
        places.extend(fields(&format!("directory entry {shard}"), end + shard * 64, &entry));
    }
    let index = end + shards as usize * 64;
    for at in (index..trailer).step_by(24) {
        let entry = [("first index", 0), ("arrival", 8), ("offset", 16)];
        places.extend(fields(&format!("sparse index at {at}"), at, &entry));
    }
    let fields_of = [
        ("magic", 0),
        ("entries", 4),
        ("offset of the directory", 8),
        ("sparse entries", 16),
        ("checksum of the directory", 20),
        ("zero", 24),
        ("checksum", 60),
    ];
    places.extend(fields("trailer", trailer, &fields_of));
    places
}

fn snapshot_places(bytes: &[u8]) -> Vec<Place> {
    let header = [
        ("magic", 0),
        ("zero", 4),
        ("command", 8),
        ("length", 16),
        ("checksum of the payload", 24),
        ("next index", 28),
        ("time", 36),
        ("more zero", 44),
        ("checksum", 60),
    ];
    let mut places = fields("header", 0, &header);
    let middle = (64 + bytes.len()) / 2;
    places.extend(fields("payload", 0, &[("start", 64), ("middle", middle)]));
    places.push(("payload: end".to_owned(), bytes.len() - 1));
    places
}

fn list_places(bytes: &[u8]) -> Vec<Place> {
    let header = [("magic", 0), ("zero", 4), ("number", 8), ("checksum of the entries", 16)];
    let mut places = fields("header", 0, &header);
    places.extend(fields("header", 0, &[("more zero", 20), ("checksum", 60)]));
    let entry = [
        ("chapter", 0),
        ("first index", 8),
        ("end index", 16),
        ("time", 24),
        ("class", 32),
        ("zero", 33),
    ];
    for at in (64..bytes.len()).step_by(40) {
        places.extend(fields(&format!("entry at {at}"), at, &entry));
    }
    places
}

fn places(path: &Path, bytes: &[u8]) -> Vec<Place> {
    let name = path.file_name().expect("a name").to_string_lossy();
    let extension = path.extension().map(|e| e.to_string_lossy()).unwrap_or_default();
    match (&*name, &*extension) {
        ("FORMAT", _) => {
            fields("text", 0, &[("start", 0), ("version", 33), ("end of the line", 34)])
        }
        ("SEGMENTS", _) => list_places(bytes),
        (_, "journal") => journal_places(bytes),
        (_, "spare") => fields("spare", 0, &[("start", 0), ("identity", 32), ("body", 200)]),
        (_, "segment") => segment_places(bytes),
        (_, "snapshot") => snapshot_places(bytes),
        _ => panic!("a file of no known kind: {}", path.display()),
    }
}

fn bytes_of(disk: &FakeDisk, path: &Path) -> Vec<u8> {
    let file = disk.open(path, false).expect("opened");
    let mut bytes = vec![0; file.len().expect("a length") as usize];
    file.read_exact_at(&mut bytes, 0).expect("read");
    bytes
}

/// How often a place ended how.
#[derive(Debug, Default)]
struct Outcomes {
    whole: usize,
    refused: usize,
    refused_at_read: usize,
    salvaged_all: usize,
}

impl Outcomes {
    /// Opens the damaged disk and judges what comes of it.
    fn judge(&mut self, sample: &Sample, disk: &FakeDisk, path: &Path, case: &str) {
        // Opening changes the disk: salvage gets it as it was damaged.
        let untouched = disk.restart();
        match open(disk, HOME) {
            Err(error) => {
                self.refused += 1;
                let text = error.to_string();
                let remedy = text.contains("--repair NEW_DIR") || text.contains("remove it");
                assert!(remedy, "{case}: no remedy in {text}");
                // A name has no offset, and a file that is missing has none either.
                let place = ["offset=", "name", "missing", "version that wrote it"];
                let has_place = place.iter().any(|place| text.contains(place));
                assert!(has_place, "{case}: no place in {text}");
                let file = path.to_string_lossy();
                let names_it = text.contains(&*file) || text.contains("missing");
                assert!(names_it, "{case}: {file} is not in {text}");
            }
            Ok((store, recovered)) => {
                let found = commands(recovered.snapshot.as_ref(), &recovered.commands);
                assert_eq!(found, sample.acknowledged.commands, "{case}: commands");
                let mut failed = BTreeSet::new();
                for (shard, records) in &sample.acknowledged.records {
                    match read_shard(&store, *shard) {
                        Ok(found) => assert_eq!(found, *records, "{case}: shard {shard}"),
                        Err(error) => {
                            let file = path.to_string_lossy();
                            let named = error.contains(&*file) && error.contains("offset=");
                            assert!(named, "{case}: {error}");
                            failed.insert(*shard);
                        }
                    }
                }
                // Shard 0 has segments of its own: either it or the others are as they were.
                assert!(failed.len() < SHARDS as usize, "{case}: no shard is readable");
                match failed.is_empty() {
                    true => self.whole += 1,
                    false => self.refused_at_read += 1,
                }
            }
        }
        self.judge_salvage(sample, &untouched, case);
    }

    fn judge_salvage(&mut self, sample: &Sample, disk: &FakeDisk, case: &str) {
        let before: BTreeMap<PathBuf, Vec<u8>> =
            disk.paths().into_iter().map(|path| (path.clone(), bytes_of(disk, &path))).collect();
        let salvage = salvage::read(disk, Path::new(HOME), &mut |_| {});
        let salvage = salvage.unwrap_or_else(|error| panic!("{case}: {error}"));
        let payload = commands(salvage.snapshot.as_ref(), &salvage.commands);
        let catalog = (salvage.last_command.max(1), &payload[..]);
        let written = salvage.write(disk, Path::new("/saved"), catalog, &[], &mut |_| {});
        written.unwrap_or_else(|error| panic!("{case}: {error}"));
        for (path, bytes) in before {
            assert_eq!(bytes_of(disk, &path), bytes, "{case}: {} was written to", path.display());
        }
        let report = inspect::inspect(disk, Path::new("/saved")).expect("inspected");
        assert!(report.damage.is_empty(), "{case}: {:?}", report.damage);
        let (store, recovered) =
            open(disk, "/saved").unwrap_or_else(|error| panic!("{case}: salvaged: {error}"));
        let found = commands(recovered.snapshot.as_ref(), &recovered.commands);
        if found != sample.acknowledged.commands {
            assert!(owns_up_to_commands(&salvage), "{case}: {:?}", salvage.findings);
        }
        let mut lacking = false;
        for (shard, records) in &sample.acknowledged.records {
            let found = read_shard(&store, *shard).expect("intact");
            for (index, data) in &found {
                assert_eq!(records.get(index), Some(data), "{case}: shard {shard} at {index}");
            }
            for index in records.keys().filter(|index| !found.contains_key(index)) {
                lacking = true;
                let owned = owns_up_to(&salvage, *shard, *index);
                assert!(owned, "{case}: shard {shard} at {index}: {:?}", salvage.findings);
            }
        }
        if salvage.is_complete() {
            assert!(!lacking, "{case}: {:?}", salvage.findings);
        }
        self.salvaged_all += usize::from(!lacking);
        go_on(&store, sample, case);
    }
}

fn owns_up_to(salvage: &Salvage, shard: u64, index: u64) -> bool {
    salvage.findings.iter().any(|finding| match &finding.lost {
        Lost::Records { shard: of, indices, records_max } => {
            let is_of = of.is_none_or(|of| of == ShardKey(shard));
            is_of && indices.contains(&index) && *records_max > 0
        }
        Lost::Tail { from_index } => index >= *from_index,
        _ => false,
    })
}

fn owns_up_to_commands(salvage: &Salvage) -> bool {
    salvage.findings.iter().any(|finding| match finding.lost {
        Lost::Records { shard, .. } => shard.is_none(),
        Lost::Command { .. } | Lost::Tail { .. } | Lost::Snapshot => true,
        Lost::Nothing => false,
    })
}

/// What is stored in a salvaged directory comes behind everything that was there.
fn go_on(store: &Opening, sample: &Sample, case: &str) {
    let last =
        sample.acknowledged.records.values().filter_map(|records| records.keys().next_back());
    let last = *last.max().expect("some");
    let next = store.durable_index();
    // A power cut may have taken more, which nobody can know of.
    let gap = if sample.durability == INTERVAL { LOST_INDICES_MAX / 2 } else { 0 };
    assert!(next > last + gap, "{case}: {next} {last}");
}

fn check(
    durability: Durability,
    kinds: &[&str],
    damage: impl Fn(&FakeDisk, &Path, usize),
) -> Outcomes {
    let sample = Sample::new(durability);
    let mut outcomes = Outcomes::default();
    let mut seen = BTreeSet::new();
    for path in sample.disk.paths() {
        let text = path.to_string_lossy().into_owned();
        let Some(kind) = kinds.iter().find(|kind| text.contains(**kind)) else { continue };
        seen.insert(*kind);
        for (place, at) in places(&path, &bytes_of(&sample.disk, &path)) {
            let disk = sample.disk.restart();
            damage(&disk, &path, at);
            outcomes.judge(&sample, &disk, &path, &format!("{text}: {place} ({at})"));
        }
    }
    assert_eq!(seen.len(), kinds.len(), "files of every kind: {seen:?}");
    outcomes
}

const KINDS: [&str; 6] = ["FORMAT", "SEGMENTS", ".journal", ".spare", ".segment", ".snapshot"];

#[test]
fn a_flipped_bit_anywhere_is_survived_or_refused_and_salvaged() {
    for durability in [Durability::Sync, INTERVAL] {
        let outcomes = check(durability, &KINDS, |disk, path, at| {
            disk.corrupt(path, |bytes| bytes[at] ^= 1 << (at % 8));
        });
        assert!(outcomes.whole > 1 && outcomes.refused > 50, "{durability}: {outcomes:?}");
        let (read, salvaged) = (outcomes.refused_at_read, outcomes.salvaged_all);
        assert!(read > 20 && salvaged > 50, "{durability}: {outcomes:?}");
    }
}

#[test]
fn a_file_cut_off_anywhere_is_survived_or_refused_and_salvaged() {
    for durability in [Durability::Sync, INTERVAL] {
        let outcomes = check(durability, &KINDS, |disk, path, at| {
            disk.corrupt(path, |bytes| bytes.truncate(at));
        });
        assert!(outcomes.whole > 1 && outcomes.refused > 50, "{durability}: {outcomes:?}");
        assert!(outcomes.refused_at_read > 20, "{durability}: {outcomes:?}");
    }
}

#[test]
fn a_changed_name_is_survived_or_refused_and_salvaged() {
    let sample = Sample::new(Durability::Sync);
    let mut outcomes = Outcomes::default();
    for path in sample.disk.paths() {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let is_numbered = name.contains('.') && !name.ends_with(".spare");
        for at in (0..name.len()).filter(|_| is_numbered) {
            for bit in [0, 1, 3] {
                let mut changed = name.clone().into_bytes();
                changed[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(changed) else { continue };
                if changed.contains('/') {
                    continue;
                }
                let disk = sample.disk.restart();
                let to = path.with_file_name(&changed);
                disk.rename(&path, &to).expect("renamed");
                outcomes.judge(&sample, &disk, &to, &format!("{name} as {changed}"));
            }
        }
    }
    assert!(outcomes.refused > 100, "{outcomes:?}");
}

#[test]
fn a_missing_file_is_survived_or_refused_and_salvaged() {
    let sample = Sample::new(Durability::Sync);
    let mut outcomes = Outcomes::default();
    for path in sample.disk.paths() {
        let text = path.to_string_lossy().into_owned();
        // Whether the last file was ever begun only its content could tell.
        let is_last = sample.journals().iter().max().is_some_and(|name| text.ends_with(name));
        if is_last {
            continue;
        }
        let disk = sample.disk.restart();
        disk.remove(&path).expect("removed");
        outcomes.judge(&sample, &disk, &path, &format!("{text} removed"));
    }
    assert!(outcomes.refused > 3, "{outcomes:?}");
}

#[test]
fn what_is_written_to_the_lock_file_does_not_matter() {
    let sample = Sample::new(Durability::Sync);
    let lock = Layout::new(Path::new(HOME)).lock();
    sample.disk.create(&lock).expect("created");
    sample.disk.corrupt(&lock, |bytes| bytes.extend(b"garbage"));
    let (store, _) = open(&sample.disk, HOME).expect("opened");
    assert_eq!(read_shard(&store, 0).as_ref(), Ok(&sample.acknowledged.records[&0]));
}

#[test]
fn a_last_journal_file_whose_name_is_damaged_is_not_overlooked() {
    let (disk, layout) = (FakeDisk::default(), Layout::new(Path::new(HOME)));
    disk.write_atomically(&layout.format(), &[FORMAT_TEXT.as_bytes()]).expect("written");
    for number in [1, 2] {
        let spare = spare::prepare(&disk, &layout, 2 << 10).expect("made");
        let header = JournalHeader::new(&disk, number, 1, 0);
        let journal = JournalFile::begin(&disk, &layout, &header, spare);
        journal.expect("begun").seal(1).expect("sealed");
    }
    let changed = layout.journal_dir().join("0000000000000002.journam");
    disk.rename(&layout.journal(2), &changed).expect("renamed");
    let refused = open(&disk, HOME).map(drop).expect_err("refused").to_string();
    assert!(refused.contains(&*changed.to_string_lossy()), "{refused}");
}

#[test]
fn a_command_number_that_none_can_follow_ends_the_journal() {
    let (disk, layout) = (FakeDisk::default(), Layout::new(Path::new(HOME)));
    disk.write_atomically(&layout.format(), &[FORMAT_TEXT.as_bytes()]).expect("written");
    let spare = spare::prepare(&disk, &layout, 2 << 10).expect("made");
    let header = JournalHeader::new(&disk, 1, 1, 0);
    drop(JournalFile::begin(&disk, &layout, &header, spare).expect("begun"));
    let forged = FrameHeader {
        kind: FrameKind::Command,
        file_id: header.file_id,
        subject: u64::MAX,
        index: 1,
        arrival_ms: 0,
        count: 0,
        body_len: 0,
        body_crc: 0,
        durable_bytes: 0,
        continues: false,
    };
    disk.corrupt(&layout.journal(1), |bytes| {
        let at = FILE_HEADER_BYTES as usize;
        bytes[at..at + FRAME_HEADER_BYTES].copy_from_slice(&forged.encode());
    });
    let (_, recovered) = open(&disk, HOME).expect("opened");
    assert!(recovered.commands.is_empty());
    assert!(recovered.torn_bytes > 0);
}
