//! Reading all of a damaged directory.

use super::finding::Lost;
use super::found::Salvage;
use super::journal::JournalPart;
use super::scan::list;
use crate::error::OpenError;
use crate::format::layout::{Layout, snapshot_name};
use crate::format::mark;
use crate::format::snapshot;
use crate::medium::disk::recovery::LOST_INDICES_MAX;
use anabranch_env::Disk;
use std::collections::BTreeMap;
use std::path::Path;

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
