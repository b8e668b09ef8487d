//! What is intact of a damaged directory, into a new one.
//!
//! [`read`] looks at every file and finds the frames whose checksums hold, wherever they are;
//! whoever knows the catalog makes a snapshot of what it found, and [`Salvage::write`] makes the
//! new directory. The old one is only read.
//!
//! * Journal files are written anew with the frames that were found, in their order, and sealed.
//! * Intact segments are copied, damaged ones are written anew with the frames that were found. A
//!   segment whose journal file is still there fills the gaps of that.
//! * The catalog becomes one snapshot that covers every command.
//!
//! A [`Finding`] is a place that was damaged and what that costs. Indices count the records of the
//! whole cell, so the indices between two frames bound how many records a gap can have had.

mod journal;
mod scan;
mod segments;
mod write;

use crate::error::OpenError;
use crate::format::layout::{Layout, snapshot_name};
use crate::format::{mark, snapshot};
use crate::medium::disk::recovery::LOST_INDICES_MAX;
use crate::recovered::RecoveredCommand;
use anabranch_env::Disk;
use anabranch_model::ShardKey;
use bytes::Bytes;
use journal::JournalPart;
use segments::SegmentPart;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A place that was found damaged.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// What is gone with it.
    pub lost: Lost,
}

/// What is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Nothing: what was there is known or was made anew.
    Nothing,
    /// Records, and commands where the shard is not known.
    Records {
        /// Whose they were, if that is known.
        shard: Option<ShardKey>,
        /// Their indices are in this range, which other shards may have a part in.
        indices: Range<u64>,
        /// At most so many records.
        records_max: u64,
    },
    /// A change of the catalog.
    Command {
        /// Its number.
        number: u64,
    },
    /// The end of the last journal file: a request that was never acknowledged, or one that was.
    Tail {
        /// What it held has this index or a higher one.
        from_index: u64,
    },
    /// A snapshot of the catalog, and with it all that it alone held.
    Snapshot,
}

/// The records of one shard that were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardExtent {
    /// How many.
    pub records: u64,
    /// Index of the first one.
    pub first_index: u64,
    /// Index behind the last one.
    pub end_index: u64,
    /// Arrival time of the first one, epoch milliseconds.
    pub first_ms: u64,
    /// Arrival time of the last one.
    pub last_ms: u64,
    /// Whether some of them are sealed: without the catalog nobody can open them.
    pub has_sealed: bool,
}

/// What was found in a directory.
#[derive(Debug)]
pub struct Salvage {
    layout: Layout,
    /// The newest snapshot that is intact.
    pub snapshot: Option<Bytes>,
    /// The commands behind it that were found, in order.
    pub commands: Vec<RecoveredCommand>,
    /// The records that were found, by shard.
    pub shards: BTreeMap<ShardKey, ShardExtent>,
    /// What was damaged.
    pub findings: Vec<Finding>,
    /// Number of the last command that is known of.
    pub last_command: u64,
    next_index: u64,
    last_ms: u64,
    journals: BTreeMap<u64, JournalPart>,
    segments: Vec<SegmentPart>,
}

/// Reads everything in a directory that no server is using. `progress` is told each file before it
/// is read.
///
/// # Errors
/// When it is no data directory, or a directory in it cannot be listed.
pub fn read(
    disk: &dyn Disk,
    directory: &Path,
    progress: &mut dyn FnMut(&Path),
) -> Result<Salvage, OpenError> {
    let layout = Layout::new(directory);
    let has_parts = [layout.journal_dir(), layout.segment_dir()]
        .iter()
        .any(|part| disk.list(part).is_ok_and(|names| !names.is_empty()));
    if !has_parts {
        return Err(OpenError::UnknownFormat(directory.to_owned()));
    }
    let mut salvage = Salvage {
        layout,
        snapshot: None,
        commands: Vec::new(),
        shards: BTreeMap::new(),
        findings: Vec::new(),
        last_command: 0,
        next_index: 1,
        last_ms: 0,
        journals: BTreeMap::new(),
        segments: Vec::new(),
    };
    salvage.check_marks(disk);
    let known_command = salvage.read_snapshots(disk, progress)?;
    salvage.read_journals(disk, progress)?;
    salvage.check_snapshot();
    salvage.read_segments(disk, progress)?;
    salvage.finish_journals();
    salvage.take_commands(known_command);
    let last = salvage.journals.last_key_value().and_then(|(_, part)| part.header);
    let may_have_lost = last.is_none_or(|header| header.acknowledges_early);
    if !salvage.is_complete() || may_have_lost {
        // What is lost, also without a trace, has indices that were given out, and perhaps read.
        salvage.next_index += LOST_INDICES_MAX;
    }
    Ok(salvage)
}

impl Salvage {
    fn add(&mut self, path: &Path, offset: u64, bytes: u64, lost: Lost) {
        self.findings.push(Finding { path: path.to_owned(), offset, bytes, lost });
    }

    /// Whether something that was acknowledged is gone, or may be.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.findings.iter().all(|finding| finding.lost == Lost::Nothing)
    }

    /// The files that only say what the directory is.
    fn check_marks(&mut self, disk: &dyn Disk) {
        let format = self.layout.format();
        if !mark::read(disk, &self.layout).unwrap_or(false) {
            self.add(&format, 0, 0, Lost::Nothing);
        }
    }

    /// Reads the newest snapshot that is intact, and returns the number of the last command in it.
    fn read_snapshots(
        &mut self,
        disk: &dyn Disk,
        progress: &mut dyn FnMut(&Path),
    ) -> Result<u64, OpenError> {
        let directory = self.layout.catalog_dir();
        let mut names = list(disk, &directory)?;
        names.retain(|name| !name.ends_with(".tmp") && !name.starts_with('.'));
        // The numbers have leading zeros.
        names.sort_unstable();
        let mut known_command = None;
        for name in names.iter().rev() {
            let path = directory.join(name);
            progress(&path);
            // An older one is left over from a crash, and of use only without the newer one.
            if known_command.is_some() {
                continue;
            }
            match snapshot::read_any(disk, &path) {
                Some(snapshot) => {
                    known_command = Some(snapshot.place.command);
                    self.next_index = self.next_index.max(snapshot.place.next_index);
                    self.last_ms = self.last_ms.max(snapshot.place.last_ms);
                    self.snapshot = Some(snapshot.payload);
                    if *name != snapshot_name(snapshot.place.command) {
                        self.add(&path, 0, 0, Lost::Nothing);
                    }
                }
                None => {
                    let bytes = disk.open(&path, false).and_then(|file| file.len()).unwrap_or(0);
                    self.add(&path, 0, bytes, Lost::Snapshot);
                }
            }
        }
        self.last_command = known_command.unwrap_or(0);
        Ok(self.last_command)
    }

    /// A journal file that was retired leaves a snapshot.
    fn check_snapshot(&mut self) {
        let was_retired = self.journals.keys().next().is_none_or(|first| *first > 1);
        let is_known = self.findings.iter().any(|finding| finding.lost == Lost::Snapshot);
        if self.snapshot.is_none() && was_retired && !is_known {
            let directory = self.layout.catalog_dir();
            self.add(&directory, 0, 0, Lost::Snapshot);
        }
    }

    /// Takes the commands that no snapshot holds out of the journal files.
    fn take_commands(&mut self, known_command: u64) {
        let commands = self.journals.values().flat_map(JournalPart::commands);
        self.commands = commands.filter(|command| command.number > known_command).collect();
        self.commands.sort_by_key(|command| command.number);
        self.commands.dedup_by_key(|command| command.number);
        let last = self.commands.last().map_or(0, |command| command.number);
        self.last_command = self.last_command.max(last);
    }
}

/// The names in a directory; none if it is not there.
fn list(disk: &dyn Disk, directory: &Path) -> Result<Vec<String>, OpenError> {
    match disk.list(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(|e| OpenError::io(directory, e)),
    }
}
