//! Reading back what is on the disk alone, in order, as there is room for it.

use super::error::{Damage, SpoolError};
use super::format::{FILE_HEADER_BYTES, FileKind, SegmentName, SpoolRecord};
use super::ledger::RecordId;
use super::opening::outcomes;
use super::reading::Part;
use super::store::{Outlet, Place, Spooled, State, Store};
use anabranch_env::Disk;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// How long to wait when a file could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// A part of a segment that is to be read.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) name: SegmentName,
    pub(super) bytes: Range<u64>,
    pub(super) indices: Range<u32>,
    /// Another process wrote it.
    pub(super) is_found: bool,
}

/// Hands on what is on the disk alone, until the store is stopped or nothing is taken any more.
pub(crate) async fn feed<O: Outlet>(store: Arc<Store<O>>, outlet: Arc<O>) {
    while let Some(reading) = store.next_reading().await {
        let (reader, to_read) = (store.clone(), reading.clone());
        let reading_it = move || read(&*reader.disk, &reader.directory, &to_read);
        let read = tokio::task::spawn_blocking(reading_it).await;
        let mut part = match read {
            Ok(Ok(part)) => part,
            Ok(Err(error)) => {
                tracing::error!(%error, "the spool cannot be read: it is tried again");
                tokio::select! {
                    () = sleep(PAUSE) => continue,
                    () = store.stopped() => return,
                }
            }
            // The runtime has ended.
            Err(_) => return,
        };
        while let Some((index, record)) = part.next() {
            let room = tokio::select! {
                biased;
                () = store.stopped() => return,
                room = outlet.room(&record) => room,
            };
            let Some(room) = room else { return };
            if !store.hand_on(&outlet, &reading, index, record, room) {
                return;
            }
        }
        store.read_through(&outlet, &reading, &part);
    }
}

impl<O: Outlet> Store<O> {
    /// Waits for something to read. `None`: nothing is handed on any more.
    async fn next_reading(&self) -> Option<Reading> {
        loop {
            if self.is_stopped() {
                return None;
            }
            let next = next_reading(&mut self.state.lock());
            if next.is_some() {
                return next;
            }
            self.quiet.notify_waiters();
            tokio::select! {
                biased;
                () = self.stopped() => return None,
                () = self.wake.notified() => {}
            }
        }
    }

    /// Whether it was handed on.
    fn hand_on(
        &self,
        outlet: &Arc<O>,
        reading: &Reading,
        index: u32,
        record: SpoolRecord,
        room: u32,
    ) -> bool {
        let id = RecordId { segment: reading.name.number, index };
        let mut state = self.state.lock();
        if self.is_stopped() {
            outlet.give_back(room);
            return false;
        }
        let ticket = state.tickets.remove(&id);
        let is_found = reading.is_found;
        outlet.take(Spooled { id, record, ticket, room, is_found });
        true
    }

    /// All of a part was handed on.
    fn read_through(self: &Arc<Self>, outlet: &Arc<O>, reading: &Reading, part: &Part) {
        let mut state = self.state.lock();
        let number = reading.name.number;
        let (offset, index) = (reading.bytes.end, reading.indices.end);
        state.from = Some(Place { segment: number, offset, index });
        if !part.gaps.is_empty() {
            state.ledger.lose(number, part.lost);
            for gap in &part.gaps {
                let path = self.path(reading.name, FileKind::Records);
                let offset = reading.bytes.start + gap.start as u64;
                let damage = Damage { path, offset, bytes: gap.len() as u64 };
                self.note(&mut state, damage);
            }
            self.kick(&mut state, outlet);
        }
    }
}

/// Reads a part of a segment.
pub(super) fn read(
    disk: &dyn Disk,
    directory: &Path,
    reading: &Reading,
) -> Result<Part, SpoolError> {
    let path = directory.join(reading.name.file_name(FileKind::Records));
    let io = SpoolError::io(&path);
    let file = disk.open(&path, false).map_err(&io)?;
    // Somebody may have cut it.
    let end = reading.bytes.end.min(file.len().map_err(&io)?);
    let len = end.saturating_sub(reading.bytes.start);
    let bytes = file.read_vec_at(usize::try_from(len).unwrap_or(usize::MAX), reading.bytes.start);
    let bytes = bytes.map_err(&io)?;
    let done = match reading.is_found {
        true => outcomes(disk, directory, reading.name)?.0,
        false => Vec::new(),
    };
    let (id, indices) = (reading.name.id, reading.indices.clone());
    Ok(Part::new(bytes, 0, id, indices, &done, reading.is_found))
}

/// What is to be read next. `None`: nothing is on the disk alone any more.
fn next_reading<T>(state: &mut State<T>) -> Option<Reading> {
    while let Some(from) = state.from {
        let Some(segment) = state.ledger.at_or_after(from.segment) else {
            state.from = None;
            break;
        };
        let number = segment.name.number;
        let begins = Place { segment: number, offset: FILE_HEADER_BYTES as u64, index: 0 };
        let is_at_start = from.segment != number || from.offset == 0;
        let at = if is_at_start { begins } else { from };
        // All of one that was found is looked at, whatever it should have.
        let has_more = at.index < segment.end || segment.is_found && is_at_start;
        if has_more {
            return Some(Reading {
                name: segment.name,
                bytes: at.offset..segment.len,
                indices: at.index..segment.end,
                is_found: segment.is_found,
            });
        }
        state.from = match segment.is_sealed {
            true => Some(Place { segment: number + 1, offset: 0, index: 0 }),
            false => None,
        };
    }
    None
}
