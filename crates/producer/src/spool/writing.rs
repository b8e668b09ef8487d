//! Writing: records, outcomes, and removing what is done with. One thread at a time does it, for as long as there
//! is something to write; what is queued meanwhile shares the next sync.
//!
//! What is refused for want of room is never found later: what there is of it is cut off durably, by a seal in
//! its place, before anybody is answered.

use super::error::SpoolTrouble;
use super::files::{Active, Files};
use super::format::{
    FILE_HEADER_BYTES, FileKind, HEAD_BYTES, OUTCOME_BYTES, SegmentName, encode_outcome,
    file_header, seal,
};
use super::ledger::{RecordId, Unwritten};
use super::store::{Append, Outlet, Spooled, Store};
use anabranch_env::{DiskFile, is_out_of_space};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;

/// Outcomes files that stay open.
const OPEN_OUTCOMES_MAX: usize = 16;

/// Records that go with one sync.
#[derive(Debug)]
struct Chunk<T> {
    appends: Vec<(Append<T>, u64)>,
    is_sealed: bool,
}

/// Why a chunk was not written.
enum Fault {
    /// There was no room, and the operating system took so many bytes.
    NoRoom {
        taken: u64,
    },
    Other(io::Error),
}

/// Fails what is queued if the one that writes comes to an end before its work, which is our mistake.
struct Working<'a, O: Outlet> {
    store: &'a Store<O>,
    outlet: &'a Arc<O>,
    is_done: bool,
}

impl<O: Outlet> Drop for Working<'_, O> {
    fn drop(&mut self) {
        if !self.is_done {
            self.store.fail(self.outlet, VecDeque::new());
            self.store.state.lock().is_working = false;
        }
        self.store.quiet.notify_waiters();
    }
}

impl<O: Outlet> Store<O> {
    /// Writes until there is nothing to write.
    pub(super) fn work(&self, outlet: &Arc<O>) {
        let mut files = self.files.lock();
        let mut working = Working { store: self, outlet, is_done: false };
        loop {
            let (batch, unwritten, finished) = {
                let mut state = self.state.lock();
                let batch = std::mem::take(&mut state.queue);
                let finished = state.ledger.next_finished(self.wants_space());
                let unwritten = state.ledger.take_unwritten();
                if batch.is_empty() && unwritten.is_empty() && finished.is_none() {
                    state.is_working = false;
                    working.is_done = true;
                    return;
                }
                (batch, unwritten, finished)
            };
            if files.lock.is_none() {
                batch.into_iter().for_each(|one| self.refuse(outlet, one, SpoolTrouble::Failed));
                continue;
            }
            if let Some(number) = finished {
                self.remove(&mut files, number);
            }
            for unwritten in unwritten {
                self.write_outcomes(&mut files, unwritten);
            }
            self.write_batch(&mut files, outlet, batch);
        }
    }

    /// Ends the segment that is written to and makes outcomes durable, as far as that goes.
    pub(super) fn end(&self) {
        let mut files = self.files.lock();
        if files.lock.is_none() {
            return;
        }
        loop {
            let (unwritten, finished) = {
                let mut state = self.state.lock();
                (state.ledger.take_unwritten(), state.ledger.next_finished(true))
            };
            if unwritten.is_empty() && finished.is_none() {
                break;
            }
            finished.into_iter().for_each(|number| self.remove(&mut files, number));
            unwritten.into_iter().for_each(|unwritten| self.write_outcomes(&mut files, unwritten));
        }
        if let Some(active) = files.active.take()
            && !self.state.lock().has_failed
            && let Err(error) = self.seal(&active)
        {
            tracing::warn!(%error, "the last segment of the spool was not ended");
        }
        for file in std::mem::take(&mut files.outcomes).into_values() {
            if let Err(error) = file.sync_data() {
                tracing::warn!(%error, "records of the spool may be sent again");
            }
        }
        files.lock = None;
    }

    fn write_batch(&self, files: &mut Files, outlet: &Arc<O>, batch: VecDeque<Append<O::Ticket>>) {
        let is_cancelled = |append: &Append<O::Ticket>| {
            append.accepted.as_ref().is_some_and(|accepted| accepted.is_closed())
        };
        let (cancelled, mut batch): (VecDeque<_>, VecDeque<_>) =
            batch.into_iter().partition(is_cancelled);
        for append in cancelled {
            self.take_back(append.admission);
            append.room.into_iter().for_each(|room| outlet.give_back(room));
        }
        while !batch.is_empty() {
            if self.state.lock().has_failed {
                return self.fail(outlet, batch);
            }
            let is_new = files.active.is_none();
            let active = match files.active.take().map_or_else(|| self.create(files), Ok) {
                Ok(active) => active,
                Err(error) => {
                    tracing::warn!(%error, "no file of the spool could be made");
                    let refused = batch.into_iter();
                    return refused.for_each(|one| self.refuse(outlet, one, SpoolTrouble::NoRoom));
                }
            };
            let chunk = self.encode(&active, &mut files.buffer, &mut batch);
            match self.write(&active, &files.buffer, is_new) {
                Ok(()) => {
                    files.active = self.publish(outlet, active, chunk, files.buffer.len());
                }
                Err(fault) => {
                    let refused = chunk.appends.into_iter().map(|(one, _)| one).chain(batch);
                    return self.give_up(files, outlet, active, fault, refused.collect());
                }
            }
        }
        // What one large record needed is not kept.
        files.buffer.shrink_to(1 << 20);
    }

    fn create(&self, files: &mut Files) -> io::Result<Active> {
        let name = SegmentName { number: files.next_number, id: self.disk.new_file_id() };
        let path = self.path(name, FileKind::Records);
        let file = self.disk.create(&path)?;
        files.next_number += 1;
        Ok(Active { name, file, len: 0, end: 0 })
    }

    /// Takes what goes with one sync, and writes it to the buffer.
    fn encode(
        &self,
        active: &Active,
        buffer: &mut Vec<u8>,
        batch: &mut VecDeque<Append<O::Ticket>>,
    ) -> Chunk<O::Ticket> {
        let (name, durable) = (active.name, active.len);
        buffer.clear();
        if active.len == 0 {
            buffer.extend(file_header(FileKind::Records, name));
        }
        let mut chunk = Chunk { appends: Vec::new(), is_sealed: false };
        let mut end = active.end;
        while durable + (buffer.len() as u64) < self.segment_bytes
            && let Some(append) = batch.pop_front()
        {
            let offset = durable + buffer.len() as u64;
            append.record.encode(name.id, end, durable as u32, buffer);
            chunk.appends.push((append, offset));
            end += 1;
        }
        if durable + buffer.len() as u64 >= self.segment_bytes {
            chunk.is_sealed = true;
            buffer.extend(seal(name.id, end, durable as u32));
        }
        chunk
    }

    fn write(&self, active: &Active, bytes: &[u8], is_new: bool) -> Result<(), Fault> {
        let written = active.file.write_all_at(&mut [IoSlice::new(bytes)], active.len);
        written.map_err(|failed| match is_out_of_space(&failed.error) {
            true => Fault::NoRoom { taken: failed.taken },
            false => Fault::Other(failed.error),
        })?;
        active.file.sync_data().map_err(Fault::Other)?;
        if is_new {
            self.disk.sync_dir(&self.directory).map_err(Fault::Other)?;
        }
        Ok(())
    }

    /// Hands on what has become durable, or leaves it on the disk.
    fn publish(
        &self,
        outlet: &Arc<O>,
        mut active: Active,
        chunk: Chunk<O::Ticket>,
        written: usize,
    ) -> Option<Active> {
        let number = active.name.number;
        let first = active.end;
        let records = chunk.appends.len() as u32;
        let spaces = chunk.appends.iter().map(|(append, _)| u64::from(append.admission.space));
        let space = spaces.sum();
        let on_their_way =
            chunk.appends.iter().map(|(append, _)| append.admission.writing as usize).sum();
        let mut state = self.state.lock();
        if active.len == 0 {
            let own = state.ledger.begin(active.name);
            self.charge(&mut state, own);
        }
        active.len += written as u64;
        active.end += records;
        state.ledger.appended(number, records, space, active.len);
        if chunk.is_sealed {
            state.ledger.sealed(number);
        }
        for (index, (append, offset)) in (first..).zip(chunk.appends) {
            let id = RecordId { segment: number, index };
            let Append { record, ticket, room, accepted, .. } = append;
            match room.filter(|_| state.from.is_none() && !self.is_stopped()) {
                Some(room) => {
                    let ticket = Some(ticket);
                    outlet.take(Spooled { id, record, ticket, room, is_found: false });
                }
                None => {
                    room.into_iter().for_each(|room| outlet.give_back(room));
                    Self::spill(&mut state, id, offset, ticket);
                }
            }
            // Whoever has gone meanwhile finds it sent.
            if let Some(accepted) = accepted {
                let _ = accepted.send(Ok(()));
            }
        }
        let is_behind = state.from.is_some();
        drop(state);
        self.arrived(on_their_way);
        if is_behind {
            self.wake.notify_one();
        }
        (!chunk.is_sealed).then_some(active)
    }

    /// Nothing of a chunk is kept.
    fn give_up(
        &self,
        files: &mut Files,
        outlet: &Arc<O>,
        active: Active,
        fault: Fault,
        refused: VecDeque<Append<O::Ticket>>,
    ) {
        let cut = match fault {
            Fault::Other(error) => Err(error),
            // No frame is that short, and the next one is written over it.
            Fault::NoRoom { taken } if active.len > 0 && taken < HEAD_BYTES as u64 => {
                files.active = Some(active);
                Ok(())
            }
            Fault::NoRoom { .. } if active.len > 0 => self.seal(&active).map(|()| {
                self.state.lock().ledger.sealed(active.name.number);
            }),
            Fault::NoRoom { .. } => {
                let path = self.path(active.name, FileKind::Records);
                self.disk.remove(&path).and_then(|()| self.disk.sync_dir(&self.directory))
            }
        };
        match cut {
            Ok(()) => {
                tracing::warn!("there is no room for the spool on its volume");
                refused.into_iter().for_each(|one| self.refuse(outlet, one, SpoolTrouble::NoRoom));
            }
            Err(error) => {
                tracing::error!(
                    %error,
                    directory = %self.directory.display(),
                    "the spool cannot be written: nothing more is taken until it is opened again"
                );
                self.fail(outlet, refused);
            }
        }
    }

    /// Takes nothing more.
    fn fail(&self, outlet: &Arc<O>, refused: VecDeque<Append<O::Ticket>>) {
        let queued = {
            let mut state = self.state.lock();
            state.has_failed = true;
            std::mem::take(&mut state.queue)
        };
        let all = refused.into_iter().chain(queued);
        all.for_each(|one| self.refuse(outlet, one, SpoolTrouble::Failed));
    }

    /// Ends a segment behind what is durable.
    fn seal(&self, active: &Active) -> io::Result<()> {
        let seal = seal(active.name.id, active.end, active.len as u32);
        active.file.write_all_at(&mut [IoSlice::new(&seal)], active.len)?;
        active.file.sync_data()
    }

    fn write_outcomes(&self, files: &mut Files, unwritten: Unwritten) {
        let Unwritten { name, at, ranges } = unwritten;
        let mut bytes = Vec::with_capacity(FILE_HEADER_BYTES + ranges.len() * OUTCOME_BYTES);
        if at == 0 {
            bytes.extend(file_header(FileKind::Outcomes, name));
        }
        for range in ranges {
            encode_outcome(name.id, range, &mut bytes);
        }
        let written = self.outcomes_file(files, name, at).and_then(|file| {
            file.write_all_at(&mut [IoSlice::new(&bytes)], at).map_err(io::Error::from)
        });
        let len = match written {
            Ok(()) => Some(at + bytes.len() as u64),
            Err(error) => {
                if !std::mem::replace(&mut files.has_warned, true) {
                    tracing::warn!(
                        %error,
                        "outcomes cannot be written to the spool: after a crash records are sent again"
                    );
                }
                None
            }
        };
        self.state.lock().ledger.written(name.number, len);
    }

    fn outcomes_file(
        &self,
        files: &mut Files,
        name: SegmentName,
        at: u64,
    ) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = files.outcomes.get(&name.number) {
            return Ok(file.clone());
        }
        let path = self.path(name, FileKind::Outcomes);
        let file = match at {
            0 => self.disk.create(&path)?,
            _ => self.disk.open(&path, true)?,
        };
        if files.outcomes.len() >= OPEN_OUTCOMES_MAX {
            files.outcomes.pop_first();
        }
        files.outcomes.insert(name.number, file.clone());
        Ok(file)
    }

    /// Removes a segment, or puts it aside if somebody is to look at it.
    fn remove(&self, files: &mut Files, number: u64) {
        let Some((name, is_damaged)) =
            self.state.lock().ledger.get(number).map(|segment| (segment.name, segment.is_damaged))
        else {
            return;
        };
        if files.active.as_ref().is_some_and(|active| active.name == name) {
            files.active = None;
        }
        files.outcomes.remove(&number);
        let records = self.path(name, FileKind::Records);
        let removed = match is_damaged {
            true => self.disk.rename(&records, &records.with_extension("damaged")),
            false => self.disk.remove(&records),
        };
        // Durable before its outcomes go, so that it is not found without them.
        let removed = removed.and_then(|()| self.disk.sync_dir(&self.directory));
        let removed =
            removed.and_then(|()| match self.disk.remove(&self.path(name, FileKind::Outcomes)) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            });
        if let Err(error) = removed {
            tracing::warn!(%error, path = %records.display(), "a file of the spool was not removed");
        }
        let mut state = self.state.lock();
        let charged = state.ledger.removed(number);
        self.release(&mut state, charged);
    }

    pub(super) fn path(&self, name: SegmentName, kind: FileKind) -> PathBuf {
        self.directory.join(name.file_name(kind))
    }
}
