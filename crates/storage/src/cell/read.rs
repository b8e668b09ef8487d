//! Reading a shard: from memory where the chapter still is, else from its segments.

use crate::cell::chapter::Chapter;
use crate::cell::shared::Shared;
use crate::format::frame::FRAME_HEADER_BYTES;
use crate::format::record::Records;
use crate::format::run::MemRun;
use crate::format::segment::SegmentName;
use anabranch_model::ShardKey;
use bytes::Bytes;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

pub use crate::format::segment::SegmentError as ReadError;

/// Chapters that one read looks into on disk. A read that finds nothing in so many returns
/// without records but further on, so that its cost is bounded.
const COLD_CHAPTERS_MAX: usize = 64;
/// Bytes of frames that a read of a segment begins with, before it knows how long records are.
const COLD_BYTES_START: usize = 64 << 10;

/// What to read.
#[derive(Clone, Copy, Debug)]
pub struct ReadRequest {
    pub shard: ShardKey,
    /// First index wanted.
    pub from_index: u64,
    /// Records that arrived earlier (epoch milliseconds) are passed over.
    pub from_ms: u64,
    /// The record at `from_index` itself is passed over if it arrived before this second (epoch): it
    /// counts towards no limit. 0 passes over none.
    pub first_from_secs: u64,
    /// The shard's end, if it is closed.
    pub end_index: Option<u64>,
    /// Records at most; at least 1.
    pub records_max: usize,
    /// Bytes of data and partition keys at most; one record is returned however long it is.
    pub bytes_max: usize,
}

/// Consecutive records.
#[derive(Clone, Debug)]
pub struct RunSlice {
    /// Index of the first one.
    pub first_index: u64,
    /// Arrival time of all, epoch milliseconds.
    pub arrival_ms: u64,
    /// How many.
    pub count: u32,
    /// The records (see [`crate::record::Records`]).
    pub body: Bytes,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct ReadReply {
    /// Runs in index order.
    pub runs: Vec<RunSlice>,
    /// Where to go on.
    pub next_index: u64,
    /// Whether there was nothing more at that moment (or, of a closed shard, ever).
    pub at_tip: bool,
    /// Arrival time of the newest record that was passed, epoch milliseconds; 0 for none.
    pub reached_ms: u64,
}

pub(crate) fn read(shared: &Shared, request: &ReadRequest) -> Result<ReadReply, ReadError> {
    let durable = shared.durable_index.load(Ordering::Acquire);
    let stop = request.end_index.map_or(durable, |end| end.min(durable));
    let mut collector = Collector::new(request);
    let mut at = request.from_index;
    let mut cold_chapters = 0;
    while at < stop && cold_chapters < COLD_CHAPTERS_MAX {
        let Some(chapter) = shared.chapters.at_or_after(at).filter(|c| c.first_index < stop) else {
            at = stop;
            break;
        };
        let visit = visit(shared, &chapter, request, at, &mut collector)?;
        if collector.is_full {
            let next = collector.after_last();
            let at_tip = next >= stop || nothing_after(shared, request, next, stop);
            let next = if at_tip { stop } else { next };
            return Ok(collector.into_reply(next, at_tip));
        }
        cold_chapters += usize::from(visit.was_cold);
        collector.reached_ms = collector.reached_ms.max(visit.last_ms);
        at = visit.end_index.unwrap_or(stop);
    }
    let at_tip = at >= stop;
    Ok(collector.into_reply(at, at_tip))
}

/// Whether the shard surely has no record from `at` on. Looks only where it costs nothing.
fn nothing_after(shared: &Shared, request: &ReadRequest, at: u64, stop: u64) -> bool {
    let chapter = shared.chapters.at_or_after(at);
    chapter.is_some_and(|chapter| {
        let state = chapter.state.read();
        let covers_rest = state.end_index.is_none_or(|end| end >= stop);
        let runs = state.memtable.as_ref().map(|table| table.runs(request.shard, at, 0));
        // A run that came after `stop` was read does not count.
        covers_rest && runs.is_some_and(|mut runs| runs.all(|run| run.first_index >= stop))
    })
}

/// What a look into one chapter found out about it.
struct Visit {
    end_index: Option<u64>,
    last_ms: u64,
    was_cold: bool,
}

fn visit(
    shared: &Shared,
    chapter: &Chapter,
    request: &ReadRequest,
    at: u64,
    collector: &mut Collector,
) -> Result<Visit, ReadError> {
    let state = chapter.state.read();
    let mut visit = Visit { end_index: state.end_index, last_ms: state.last_ms, was_cold: false };
    // Of an active chapter the newest record may belong to another shard: only sealed ones tell.
    if visit.end_index.is_none() {
        visit.last_ms = 0;
    }
    if let Some(memtable) = &state.memtable {
        let mut runs = memtable.runs(request.shard, at, request.from_ms);
        let _ = runs.all(|run| collector.take(run));
        return Ok(visit);
    }
    let segments = state.segments.clone().unwrap_or_default();
    drop(state);
    let wanted = |segment: &&SegmentName| segment.last_ms >= request.from_ms;
    let mut unreadable = None;
    for name in segments.iter().filter(wanted) {
        visit.was_cold = true;
        let segment = match shared.segment_cache.get(&*shared.shelf, name) {
            Ok(segment) => segment,
            // It expired this moment, unless it is still in sight.
            Err(ReadError::Io { error, .. })
                if error.kind() == ErrorKind::NotFound && !chapter.has_segment(name) =>
            {
                continue;
            }
            // The shard may be in another one.
            Err(error) => {
                unreadable.get_or_insert(error);
                continue;
            }
        };
        if let Some(entry) = segment.entry(request.shard) {
            let take = |run: &MemRun| match collector.take(run) {
                true => ControlFlow::Continue(collector.wanted_bytes(run)),
                false => ControlFlow::Break(()),
            };
            segment.read_runs(entry, at, request.from_ms, COLD_BYTES_START, take)?;
            // A shard's records of one chapter are in one segment.
            return Ok(visit);
        }
    }
    unreadable.map_or(Ok(visit), Err)
}

struct Collector {
    from_index: u64,
    from_ms: u64,
    /// Of the request, until the record at its first index has been met.
    first_from_secs: u64,
    end_index: u64,
    records_left: usize,
    bytes_left: usize,
    runs: Vec<RunSlice>,
    is_full: bool,
    reached_ms: u64,
}

impl Collector {
    fn new(request: &ReadRequest) -> Self {
        Self {
            from_index: request.from_index,
            from_ms: request.from_ms,
            first_from_secs: request.first_from_secs,
            end_index: request.end_index.unwrap_or(u64::MAX),
            records_left: request.records_max.max(1),
            bytes_left: request.bytes_max,
            runs: Vec::new(),
            is_full: false,
            reached_ms: 0,
        }
    }

    /// Bytes of frames that are still wanted, if what follows is like `run`.
    fn wanted_bytes(&self, run: &MemRun) -> usize {
        let record_bytes = run.frame_bytes() / (run.count as usize).max(1) + 1;
        self.records_left.saturating_mul(record_bytes).min(self.bytes_left) + FRAME_HEADER_BYTES
    }

    /// Takes what fits of a run. `false`: no more is wanted.
    fn take(&mut self, run: &MemRun) -> bool {
        if run.first_index >= self.end_index {
            return true;
        }
        self.pass_first(run);
        if run.arrival_ms < self.from_ms || run.end_index() <= self.from_index {
            return true;
        }
        let skip = self.from_index.saturating_sub(run.first_index) as usize;
        let whole = skip == 0 && run.count as usize <= self.records_left;
        if whole && run.body.len() <= self.bytes_left {
            self.push(run, 0..run.body.len(), run.first_index, run.count, run.body.len());
        } else {
            self.take_part(run, skip);
        }
        self.is_full |= self.records_left == 0;
        !self.is_full
    }

    /// Passes over the record at the first index, if it is of this run and arrived too early.
    fn pass_first(&mut self, run: &MemRun) {
        if run.first_index > self.from_index || run.end_index() <= self.from_index {
            return;
        }
        let first_from_secs = std::mem::take(&mut self.first_from_secs);
        if run.arrival_ms / 1000 < first_from_secs {
            self.from_index += 1;
            self.reached_ms = self.reached_ms.max(run.arrival_ms);
        }
    }

    fn take_part(&mut self, run: &MemRun, skip: usize) {
        let mut records = Records::new(&run.body);
        records.by_ref().take(skip).for_each(drop);
        let start = run.body.len() - records.remaining();
        let (mut end, mut count, mut bytes) = (start, 0usize, 0);
        while let Some(record) = records.next() {
            let counted = record.counted_bytes();
            let is_first = self.runs.is_empty() && count == 0;
            let fits = bytes + counted <= self.bytes_left || is_first;
            if !fits || count == self.records_left {
                self.is_full = true;
                break;
            }
            bytes += counted;
            count += 1;
            end = run.body.len() - records.remaining();
        }
        if count > 0 {
            let first_index = run.first_index + skip as u64;
            self.push(run, start..end, first_index, count as u32, bytes);
        }
    }

    fn push(
        &mut self,
        run: &MemRun,
        range: std::ops::Range<usize>,
        first_index: u64,
        count: u32,
        bytes: usize,
    ) {
        self.records_left -= count as usize;
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        self.reached_ms = self.reached_ms.max(run.arrival_ms);
        let (arrival_ms, body) = (run.arrival_ms, run.body.slice(range));
        self.runs.push(RunSlice { first_index, arrival_ms, count, body });
    }

    /// Index behind the last record that was taken.
    fn after_last(&self) -> u64 {
        self.runs.last().map_or(self.from_index, |run| run.first_index + u64::from(run.count))
    }

    fn into_reply(self, next_index: u64, at_tip: bool) -> ReadReply {
        ReadReply {
            next_index: next_index.max(self.after_last()),
            runs: self.runs,
            at_tip,
            reached_ms: self.reached_ms,
        }
    }
}
