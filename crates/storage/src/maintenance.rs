//! The maintenance thread: turns old journal into segments, and deletes what has expired.

use crate::chapter::{Chapter, ChapterState};
use crate::eviction::Eviction;
use crate::format::layout::Layout;
use crate::format::run::MemRun;
use crate::format::segment::{self, SegmentName};
use crate::format::segment_list;
use crate::format::snapshot::{self, SnapshotPlace};
use crate::host::Host;
use crate::medium::disk::spare;
use crate::options::Durability;
use crate::store::Shared;
use anabranch_env::{Clock, Disk};
use anabranch_model::ShardKey;
use anabranch_model::retention::{HOUR_MS, RetentionClass};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often expiry is looked at without being asked.
const TICK: Duration = Duration::from_secs(5);
/// How soon to look again whether the engine has applied a command.
const SHORT_TICK: Duration = Duration::from_millis(10);

/// What the thread is told and tells.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// Work has come up.
    pub(crate) wanted: bool,
    /// The store is closing.
    pub(crate) stop: bool,
    /// The last turn ended with an error: waiting for the next one may take long.
    pub(crate) is_stuck: bool,
    /// The thread runs: what is due will be done.
    pub(crate) is_running: bool,
    /// It is making a spare journal file.
    pub(crate) makes_spare: bool,
}

impl Signals {
    /// Whether it makes sense to wait for what maintenance does.
    pub(crate) fn makes_progress(&self) -> bool {
        self.is_running && !self.is_stuck && !self.stop
    }
}

/// Works until the store is stopped.
pub(crate) fn run(shared: &Arc<Shared>, host: &dyn Host, clock: &dyn Clock) {
    let mut maintenance = Maintenance::default();
    {
        let mut signals = shared.maintenance.lock();
        (signals.wanted, signals.is_running) = (true, true);
    }
    loop {
        {
            let mut signals = shared.maintenance.lock();
            if !signals.wanted && !signals.stop {
                shared.maintenance_wanted.wait_for(&mut signals, TICK);
            }
            if signals.stop {
                return;
            }
            signals.wanted = false;
        }
        let outcome = maintenance.turn(shared, host, clock.now_ms());
        let kind = outcome.as_ref().err().map(io::Error::kind);
        let mut signals = shared.maintenance.lock();
        signals.is_stuck = kind.is_some_and(|kind| kind != ErrorKind::WouldBlock);
        if kind == Some(ErrorKind::WouldBlock) {
            shared.maintenance_wanted.wait_for(&mut signals, SHORT_TICK);
            signals.wanted = true;
        } else if let Err(error) = outcome {
            // Nothing is lost: the journal keeps what the segments do not have yet.
            tracing::error!(%error, "maintenance of the log failed; it will be tried again");
        }
        drop(signals);
        shared.maintenance_progress.notify_all();
    }
}

/// What is kept between turns.
#[derive(Debug, Default)]
pub(crate) struct Maintenance {
    expiry: ExpiryPlan,
    eviction: Eviction,
}

impl Maintenance {
    /// Does all that is due.
    pub(crate) fn turn(&mut self, shared: &Shared, host: &dyn Host, now_ms: u64) -> io::Result<()> {
        // What cannot be deleted must not keep what is new from being stored.
        if let Err(error) = expire(shared, host, now_ms, &mut self.expiry) {
            tracing::error!(%error, "expired records could not be deleted; it will be tried again");
        }
        if shared.options.durability == Durability::Memory {
            return Ok(());
        }
        for chapter in shared.chapters.all() {
            if chapter.is_due() && !shared.maintenance.lock().stop {
                retire(shared, host, &chapter)?;
                // Not between a writer's look and its waiting.
                drop(shared.maintenance.lock());
                shared.maintenance_progress.notify_all();
                self.eviction.run(shared);
            }
        }
        self.eviction.run(shared);
        // A chapter that became due meanwhile brings a file back sooner than one is made.
        if !shared.chapters.is_any_due() {
            make_spare(shared);
        }
        Ok(())
    }
}

/// Makes a journal file ahead of time, so that the writer need not: one is always there, and more
/// if that was not enough.
fn make_spare(shared: &Shared) {
    let (disk, layout) = (&*shared.disk, &shared.layout);
    let bytes = shared.options.journal_file_bytes;
    let made = spare::count(disk, layout, bytes).and_then(|count| {
        let wanted_max = shared.options.backlog_chapters_max();
        let is_wanted = count < wanted_max && shared.lacked_spare.swap(false, Ordering::Relaxed);
        if count > 0 && !is_wanted {
            return Ok(());
        }
        shared.maintenance.lock().makes_spare = true;
        let added = spare::add(disk, layout, bytes);
        shared.maintenance.lock().makes_spare = false;
        added
    });
    if let Err(error) = made {
        // The writer tries again when it needs the file, and refuses writes if it must.
        tracing::debug!(%error, "the next journal file could not be made ahead of time");
    }
}

/// Writes a sealed chapter's segments and lets its journal file go.
///
/// After an error it is called again, and goes on where it stopped. Files go in order, so that
/// those that are left are consecutive.
fn retire(shared: &Shared, host: &dyn Host, chapter: &Chapter) -> io::Result<()> {
    if chapter.state.read().segments.is_none() {
        if std::mem::replace(&mut chapter.state.write().was_tried, true) {
            remove_segments(shared, chapter.number)?;
        }
        let names = write_segments(&*shared.disk, &shared.layout, host, chapter)?;
        list_segments(shared, &names)?;
        chapter.state.write().segments = Some(names);
    }
    cover_commands(shared, host, chapter.state.read().last_command)?;
    release_journal(shared, chapter.number)?;
    chapter.state.write().has_journal = false;
    Ok(())
}

/// Removes what an attempt that failed has left: a stream's retention may be another by now, and
/// its records would be in segments of two classes.
fn remove_segments(shared: &Shared, chapter: u64) -> io::Result<()> {
    let directory = shared.layout.segment_dir();
    for name in shared.disk.list(&directory)? {
        if SegmentName::parse(&name).is_some_and(|segment| segment.chapter == chapter) {
            shared.disk.remove(&directory.join(name))?;
        }
    }
    Ok(())
}

/// Writes down which segments must be there: those that readers see, and new ones.
fn list_segments(shared: &Shared, new: &[SegmentName]) -> io::Result<()> {
    let names = |chapter: Arc<Chapter>| chapter.state.read().segments.clone().unwrap_or_default();
    let mut names: Vec<SegmentName> = shared.chapters.all().into_iter().flat_map(names).collect();
    names.extend(new);
    segment_list::write(&*shared.disk, &shared.layout, &names)
}

/// Makes sure that a snapshot holds all commands up to `last_command`, and that there is one:
/// a journal that does not start with the first file is complete only with a snapshot.
fn cover_commands(shared: &Shared, host: &dyn Host, last_command: u64) -> io::Result<()> {
    let mut covered = shared.covered_command.lock();
    if covered.is_some_and(|command| command >= last_command) {
        return Ok(());
    }
    let (command, payload) = host.snapshot();
    if command < last_command {
        // Durable, but not yet applied by the engine: the file stays until it is.
        return Err(ErrorKind::WouldBlock.into());
    }
    // What the snapshot holds was queued before this.
    let (next_index, last_ms) = {
        let queue = shared.queue.lock();
        (queue.next_index, queue.last_ms)
    };
    let place = SnapshotPlace { command, next_index, last_ms };
    snapshot::write(&*shared.disk, &shared.layout, place, &payload)?;
    *covered = Some(command);
    Ok(())
}

fn write_segments(
    disk: &dyn Disk,
    layout: &Layout,
    host: &dyn Host,
    chapter: &Chapter,
) -> io::Result<Vec<SegmentName>> {
    // Nobody writes to a sealed chapter but this thread: the guard holds no one up.
    let state = chapter.state.read();
    let memtable = state.memtable.as_ref().expect("kept until the segments are written");
    let mut classes: BTreeMap<RetentionClass, Vec<(ShardKey, &MemRun)>> = BTreeMap::new();
    for runs in memtable.by_shard().chunk_by(|a, b| a.0 == b.0) {
        if let Some(class) = host.retention_class(runs[0].0) {
            classes.entry(class).or_default().extend_from_slice(runs);
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
        segment::write(disk, &layout.segment_dir(), &name, &runs)?;
        names.push(name);
    }
    disk.sync_dir(&layout.segment_dir())?;
    Ok(names)
}

/// Keeps a retired journal file as a spare one, as many as may be in use at once, or removes it.
fn release_journal(shared: &Shared, number: u64) -> io::Result<()> {
    let (disk, layout, options) = (&*shared.disk, &shared.layout, &shared.options);
    let _sole = shared.spare.lock();
    let kept_max = options.backlog_chapters_max();
    spare::keep(disk, layout, number, options.journal_file_bytes, kept_max)?;
    let synced = disk.sync_dir(&layout.journal_dir());
    if synced.is_err() {
        // The file may come back under its old name: it must never be written to again.
        shared.failed.store(true, Ordering::Release);
    }
    synced
}

/// When each segment is worth another look: an idle store reads no directories.
#[derive(Debug, Default)]
struct ExpiryPlan {
    look_again_ms: HashMap<SegmentName, u64>,
    /// Out of the readers' sight, still on the disk.
    expired: Vec<SegmentName>,
    /// [`Host::dropped_shards`] when all segments were last looked at.
    dropped_shards: u64,
}

/// A segment is looked at again after this long at the latest: retention may have been lowered.
const LOOK_AGAIN_MS: u64 = HOUR_MS / 6;

/// Deletes segments, and in memory whole chapters, of which nothing can be read any more.
fn expire(shared: &Shared, host: &dyn Host, now_ms: u64, plan: &mut ExpiryPlan) -> io::Result<()> {
    let dropped_shards = host.dropped_shards();
    if dropped_shards != plan.dropped_shards {
        plan.look_again_ms.clear();
    }
    let mut outcome = Ok(());
    for chapter in shared.chapters.all() {
        let state = chapter.state.read();
        if state.end_index.is_none() {
            continue;
        }
        if shared.options.durability == Durability::Memory {
            let is_readable = is_memory_readable(&state, host);
            drop(state);
            if !is_readable {
                shared.chapters.remove(chapter.number);
            }
            continue;
        }
        let segments = state.segments.clone();
        drop(state);
        if let Some(segments) = segments {
            let expired = expire_segments(shared, host, &chapter, segments, now_ms, plan);
            outcome = outcome.and(expired);
        }
    }
    let removed = remove_expired(shared, plan);
    outcome = outcome.and(removed);
    if outcome.is_ok() {
        plan.dropped_shards = dropped_shards;
    }
    outcome
}

/// Off the list first, then off the disk.
fn remove_expired(shared: &Shared, plan: &mut ExpiryPlan) -> io::Result<()> {
    if plan.expired.is_empty() {
        return Ok(());
    }
    match list_segments(shared, &[]) {
        // What makes room must not need any.
        Err(error) if error.kind() == ErrorKind::StorageFull => {
            segment_list::remove(&*shared.disk, &shared.layout)?;
        }
        other => other?,
    }
    while let Some(name) = plan.expired.last() {
        shared.segment_cache.forget(name);
        match shared.disk.remove(&shared.layout.segment_dir().join(name.file_name())) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => plan.expired.pop(),
        };
    }
    Ok(())
}

fn is_memory_readable(state: &ChapterState, host: &dyn Host) -> bool {
    let memtable = state.memtable.as_ref().expect("memory chapters are never evicted");
    memtable.newest_by_shard().any(|(shard, newest)| {
        host.trim_horizon_ms(shard).is_some_and(|horizon| newest.arrival_ms >= horizon)
    })
}

fn expire_segments(
    shared: &Shared,
    host: &dyn Host,
    chapter: &Chapter,
    segments: Vec<SegmentName>,
    now_ms: u64,
    plan: &mut ExpiryPlan,
) -> io::Result<()> {
    let mut kept = Vec::with_capacity(segments.len());
    let (mut has_expired, mut outcome) = (false, Ok(()));
    for name in segments {
        let is_due = plan.look_again_ms.get(&name).is_none_or(|again_ms| now_ms >= *again_ms);
        let is_readable = !is_due
            || is_readable(shared, host, &name).unwrap_or_else(|error| {
                // Whoever reads it will be told as well; it stays for `inspect`.
                outcome = Err(error);
                true
            });
        if is_readable {
            if is_due {
                plan.look_again_ms.insert(name, now_ms + LOOK_AGAIN_MS);
            }
            kept.push(name);
        } else {
            plan.look_again_ms.remove(&name);
            plan.expired.push(name);
            has_expired = true;
        }
    }
    if !has_expired && !kept.is_empty() {
        return outcome;
    }
    let nothing_left = kept.is_empty();
    chapter.state.write().segments = Some(kept);
    if nothing_left && !chapter.state.read().has_journal {
        shared.chapters.remove(chapter.number);
    }
    outcome
}

fn is_readable(shared: &Shared, host: &dyn Host, name: &SegmentName) -> io::Result<bool> {
    let directory = shared.layout.segment_dir();
    let segment = shared
        .segment_cache
        .get(&*shared.disk, &directory, name)
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok(segment.directory().iter().any(|entry| {
        host.trim_horizon_ms(entry.shard).is_some_and(|horizon| entry.last_ms >= horizon)
    }))
}
