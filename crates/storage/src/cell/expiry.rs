//! Deleting what has expired.

use crate::cell::chapter::{Chapter, ChapterState};
use crate::cell::shared::Shared;
use crate::format::segment::{DirectoryEntry, OpenSegment, SegmentName};
use crate::host::{DeletedRange, Deletion, Host};
use anabranch_env::is_out_of_space;
use anabranch_model::retention::HOUR_MS;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// A segment is looked at again after this long at the latest: retention may have been lowered.
const LOOK_AGAIN_MS: u64 = HOUR_MS / 6;

/// When each segment is worth another look: an idle store reads no directories.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    look_again_ms: HashMap<SegmentName, u64>,
    /// Out of the readers' sight, still on the shelf.
    expired: Vec<SegmentName>,
    /// [`Host::dropped_shards`] when all segments were last looked at.
    dropped_shards: u64,
}

/// What segments are judged by.
#[derive(Clone, Copy)]
struct Basis<'a> {
    shared: &'a Shared,
    host: &'a dyn Host,
    now_ms: u64,
}

impl Expiry {
    /// Deletes segments, and in memory whole chapters, of which nothing can be read any more.
    pub(crate) fn expire(
        &mut self,
        shared: &Shared,
        host: &dyn Host,
        now_ms: u64,
    ) -> io::Result<()> {
        let basis = Basis { shared, host, now_ms };
        let dropped_shards = host.dropped_shards();
        if dropped_shards != self.dropped_shards {
            self.look_again_ms.clear();
        }
        let mut outcome = Ok(());
        for chapter in shared.chapters.all() {
            let state = chapter.state.read();
            if state.end_index.is_none() {
                continue;
            }
            match state.segments.clone() {
                Some(segments) => {
                    drop(state);
                    outcome = outcome.and(self.expire_segments(basis, &chapter, segments));
                }
                // It gets its segments first.
                None if state.has_journal => {}
                None if is_memory_readable(&state, host) => {}
                None => {
                    let memtable = state.memtable.as_ref().expect("it is in memory alone");
                    host.deleting(Deletion::Unreadable, &memtable.ranges());
                    drop(state);
                    shared.chapters.remove(chapter.number);
                }
            }
        }
        outcome = outcome.and(self.remove_expired(shared));
        if outcome.is_ok() {
            self.dropped_shards = dropped_shards;
        }
        outcome
    }

    /// Takes a chapter's expired segments out of the readers' sight, and the chapter if none is
    /// left.
    fn expire_segments(
        &mut self,
        basis: Basis<'_>,
        chapter: &Chapter,
        mut segments: Vec<SegmentName>,
    ) -> io::Result<()> {
        let (before, mut outcome) = (segments.len(), Ok(()));
        segments.retain(|name| {
            self.is_kept(basis, name).unwrap_or_else(|error| {
                outcome = Err(error);
                true
            })
        });
        if segments.len() == before && before > 0 {
            return outcome;
        }
        let is_empty = segments.is_empty();
        chapter.state.write().segments = Some(segments);
        if is_empty && !chapter.state.read().has_journal {
            basis.shared.chapters.remove(chapter.number);
        }
        outcome
    }

    /// Whether a segment can still be read, or it is not yet time to look.
    fn is_kept(&mut self, basis: Basis<'_>, name: &SegmentName) -> io::Result<bool> {
        if self.look_again_ms.get(name).is_some_and(|again_ms| basis.now_ms < *again_ms) {
            return Ok(true);
        }
        let is_readable = is_readable(basis, name);
        if let Ok(false) = is_readable {
            self.look_again_ms.remove(name);
            let ranges = ranges_of(&*segment(basis, name)?);
            basis.host.deleting(Deletion::Unreadable, &ranges);
            self.expired.push(*name);
        } else {
            // After an error as well: whoever reads it will be told, and it stays for `inspect`.
            self.look_again_ms.insert(*name, basis.now_ms + LOOK_AGAIN_MS);
        }
        is_readable
    }

    /// First they need not be there any more, then they are removed.
    fn remove_expired(&mut self, shared: &Shared) -> io::Result<()> {
        if self.expired.is_empty() {
            return Ok(());
        }
        match shared.shelf.declare(&shared.chapters.segments()) {
            // What makes room must not need any.
            Err(error) if is_out_of_space(&error) => shared.shelf.undeclare()?,
            other => other?,
        }
        while let Some(name) = self.expired.last() {
            shared.segment_cache.forget(name);
            match shared.shelf.remove(name) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => self.expired.pop(),
            };
        }
        Ok(())
    }
}

fn is_memory_readable(state: &ChapterState, host: &dyn Host) -> bool {
    let memtable = state.memtable.as_ref().expect("it is in memory alone");
    memtable.newest_by_shard().any(|(shard, newest)| {
        host.trim_horizon_ms(shard).is_some_and(|horizon| newest.arrival_ms >= horizon)
    })
}

fn ranges_of(segment: &OpenSegment) -> Vec<DeletedRange> {
    let range = |entry: &DirectoryEntry| DeletedRange {
        shard: entry.shard,
        indices: (entry.first_index, entry.end_index),
        last_ms: entry.last_ms,
    };
    segment.directory().iter().map(range).collect()
}

fn segment(basis: Basis<'_>, name: &SegmentName) -> io::Result<Arc<OpenSegment>> {
    let opened = basis.shared.segment_cache.get(&*basis.shared.shelf, name);
    opened.map_err(|error| io::Error::other(error.to_string()))
}

fn is_readable(basis: Basis<'_>, name: &SegmentName) -> io::Result<bool> {
    let host = basis.host;
    Ok(segment(basis, name)?.directory().iter().any(|entry| {
        host.trim_horizon_ms(entry.shard).is_some_and(|horizon| entry.last_ms >= horizon)
    }))
}
