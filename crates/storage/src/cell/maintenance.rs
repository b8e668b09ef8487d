//! The maintenance thread: turns old journal into segments, and deletes what has expired.

use crate::cell::chapter::Chapter;
use crate::cell::deletion_time::DeletionTime;
use crate::cell::eviction::Eviction;
use crate::cell::expiry::Expiry;
use crate::cell::shared::Shared;
use crate::cell::upkeep::Turn;
use crate::format::run::MemRun;
use crate::format::segment::{SegmentContent, SegmentName};
use crate::format::snapshot::SnapshotPlace;
use crate::host::{DeletedRange, Deletion, Host};
use crate::medium::shelf::Shelf;
use anabranch_env::Clock;
use anabranch_model::ShardKey;
use anabranch_model::retention::RetentionClass;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

pub(crate) fn maintain_until_stopped(
    mut maintenance: Maintenance,
    shared: &Shared,
    host: &dyn Host,
    clock: &dyn Clock,
) {
    let mut deletion_time = DeletionTime::default();
    while shared.upkeep.next_turn() {
        deletion_time.look(clock, &*shared.shelf);
        let turn = match maintenance.turn(shared, host, clock.deletion_ms()) {
            Ok(()) => Turn::Done,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Turn::Early,
            Err(error) => {
                // Nothing is lost: the journal keeps what the segments do not have yet.
                tracing::error!(%error, "maintenance of the log failed; it will be tried again");
                Turn::Failed
            }
        };
        shared.upkeep.end_turn(turn);
    }
    shared.dropped.tell(host);
    deletion_time.end(clock, &*shared.shelf);
}

/// What is kept between turns.
#[derive(Debug)]
pub(crate) struct Maintenance {
    expiry: Expiry,
    eviction: Eviction,
    /// Number of the last command in a snapshot that is surely durable.
    covered_command: Option<u64>,
}

impl Maintenance {
    pub(crate) fn new(covered_command: Option<u64>) -> Self {
        let (expiry, eviction) = (Expiry::default(), Eviction::default());
        Self { expiry, eviction, covered_command }
    }

    /// Does all that is due.
    pub(crate) fn turn(&mut self, shared: &Shared, host: &dyn Host, now_ms: u64) -> io::Result<()> {
        shared.dropped.tell(host);
        // What cannot be deleted must not keep what is new from being stored.
        if let Err(error) = self.expiry.expire(shared, host, now_ms) {
            tracing::error!(%error, "expired records could not be deleted; it will be tried again");
        }
        for chapter in shared.chapters.all() {
            if chapter.is_due() && !shared.upkeep.is_stopped() {
                self.retire(shared, host, &chapter)?;
                shared.upkeep.progressed();
                self.eviction.evict(shared);
            }
        }
        self.eviction.evict(shared);
        // A chapter that became due meanwhile comes first.
        if !shared.chapters.is_any_due() {
            shared.shelf.idle();
        }
        Ok(())
    }

    /// Brings a sealed chapter to the shelf and lets its part of the journal go.
    ///
    /// After an error it is called again, and goes on where it stopped. Chapters go in order, so
    /// that those that are left in the journal are consecutive.
    fn retire(&mut self, shared: &Shared, host: &dyn Host, chapter: &Chapter) -> io::Result<()> {
        if chapter.state.read().segments.is_none() {
            if std::mem::replace(&mut chapter.state.write().was_tried, true) {
                remove_segments(&*shared.shelf, chapter.number)?;
            }
            let (names, gone) = write_segments(&*shared.shelf, host, chapter)?;
            let mut listed = shared.chapters.segments();
            listed.extend(&names);
            shared.shelf.declare(&listed)?;
            chapter.state.write().segments = Some(names);
            host.deleting(Deletion::Unreadable, &gone);
        }
        self.cover_commands(shared, host, chapter.state.read().last_command)?;
        shared.shelf.release(chapter.number)?;
        chapter.state.write().has_journal = false;
        Ok(())
    }

    /// Makes sure that a snapshot holds all commands up to `last_command`, and that there is one:
    /// a journal that does not start with the first file is complete only with a snapshot.
    fn cover_commands(
        &mut self,
        shared: &Shared,
        host: &dyn Host,
        last_command: u64,
    ) -> io::Result<()> {
        if self.covered_command.is_some_and(|command| command >= last_command) {
            return Ok(());
        }
        let (command, payload) = host.snapshot();
        if command < last_command {
            // Durable, but not yet applied by the engine: the file stays until it is.
            return Err(ErrorKind::WouldBlock.into());
        }
        // What the snapshot holds was queued before this.
        let (next_index, last_ms) = shared.queue.position();
        let place = SnapshotPlace { command, next_index, last_ms };
        shared.shelf.put_snapshot(place, &payload)?;
        self.covered_command = Some(command);
        Ok(())
    }
}

/// Removes what an attempt that failed has left: a stream's retention may be another by now, and
/// its records would be in segments of two classes.
fn remove_segments(shelf: &dyn Shelf, chapter: u64) -> io::Result<()> {
    let names = shelf.list()?;
    names.iter().filter(|name| name.chapter == chapter).try_for_each(|name| shelf.remove(name))
}

/// Writes a chapter's segments. Also returned: the ranges of shards that are gone, which are in none.
fn write_segments(
    shelf: &dyn Shelf,
    host: &dyn Host,
    chapter: &Chapter,
) -> io::Result<(Vec<SegmentName>, Vec<DeletedRange>)> {
    // Nobody writes to a sealed chapter but this thread: the guard holds no one up.
    let state = chapter.state.read();
    let memtable = state.memtable.as_ref().expect("kept until the segments are written");
    let mut classes: BTreeMap<RetentionClass, Vec<(ShardKey, &MemRun)>> = BTreeMap::new();
    let mut gone = Vec::new();
    for runs in memtable.by_shard().chunk_by(|a, b| a.0 == b.0) {
        let ((shard, first), (_, last)) = (runs[0], runs[runs.len() - 1]);
        match host.retention_class(shard) {
            Some(class) => classes.entry(class).or_default().extend_from_slice(runs),
            None => gone.push(DeletedRange::of(shard, first, last)),
        }
    }
    let mut names = Vec::new();
    for (class, runs) in classes {
        let last_ms = runs.iter().map(|(_, run)| run.arrival_ms).max();
        let name = SegmentName {
            chapter: chapter.number,
            class,
            first_index: chapter.first_index,
            end_index: state.end_index.expect("only sealed chapters are retired"),
            last_ms: last_ms.unwrap_or(0),
        };
        shelf.publish(&name, &SegmentContent::new(name.chapter, &runs))?;
        names.push(name);
    }
    shelf.settle()?;
    Ok((names, gone))
}
