//! The machines of a cell as storage sees them, the streams above all.

use super::stream::Stream;
use super::view::View;
use crate::ledger::Sequence;
use crate::state::machine::{Kept, MachineId};
use crate::state::snapshot::{self, Part};
use anabranch_env::Clock;
use anabranch_model::ShardKey;
use anabranch_model::retention::RetentionClass;
use anabranch_storage::{DeletedRange, Deletion, Host};
use parking_lot::RwLock;
use std::sync::Arc;

pub(crate) struct CellHost {
    streams: Arc<RwLock<View>>,
    /// Of all machines, the streams' among them.
    views: Vec<(MachineId, Arc<RwLock<dyn Kept>>)>,
    sequence: Arc<Sequence>,
    clock: Arc<dyn Clock>,
}

impl CellHost {
    pub(crate) fn new(
        streams: Arc<RwLock<View>>,
        views: Vec<(MachineId, Arc<RwLock<dyn Kept>>)>,
        sequence: Arc<Sequence>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { streams, views, sequence, clock }
    }
}

impl Host for CellHost {
    fn retention_class(&self, shard: ShardKey) -> Option<RetentionClass> {
        let view = self.streams.read();
        let stream = stream_of(&view, shard)?;
        Some(RetentionClass::of_hours(stream.retention.hours))
    }

    fn trim_horizon_ms(&self, shard: ShardKey) -> Option<u64> {
        let view = self.streams.read();
        let stream = stream_of(&view, shard)?;
        Some(stream.retention.trim_horizon_ms(self.clock.deletion_ms()))
    }

    fn dropped_shards(&self) -> u64 {
        self.streams.read().purged_streams()
    }

    fn deleting(&self, why: Deletion, ranges: &[DeletedRange]) {
        for range in ranges {
            // There may be many: whoever changes a stream does not wait for all of them.
            log_deleted(&self.streams.read(), why, *range);
        }
    }

    fn snapshot(&self) -> (u64, Vec<u8>) {
        // Nothing is revealed while all are held, so that the parts are of one moment.
        let views: Vec<_> = self.views.iter().map(|(id, view)| (*id, view.read())).collect();
        let covered = self.sequence.covered();
        // What has no command yet does not keep a version away that does not know it.
        let views =
            views.into_iter().filter(|(id, view)| *id == MachineId::CATALOG || view.applied() > 0);
        let parts = views.map(|(machine, view)| Part { machine, bytes: view.snapshot() });
        (covered, snapshot::encode(parts.collect()))
    }
}

/// The shard's stream, unless the one or the other was forgotten.
fn stream_of(view: &View, shard: ShardKey) -> Option<&Stream> {
    let stream = view.streams().of_number(shard.stream())?;
    stream.slot(shard.shard()).map(|_| &**stream)
}

/// One line for each range, however many there are: the log is bounded, and counts what it drops.
fn log_deleted(view: &View, why: Deletion, range: DeletedRange) {
    let DeletedRange { shard, indices: (first, end), last_ms } = range;
    let (number, id) = (shard.stream(), shard.shard());
    let stream = match view.reference_of(number) {
        Some(reference) => reference.as_arn().to_string(),
        // It was purged by a process before this one, which has logged its name.
        None => format!("number {number}"),
    };
    let hours = stream_of(view, shard).map(|stream| stream.retention.hours);
    let (reason, hours) = match (why, hours) {
        (Deletion::MemoryFull, _) => {
            ("the memory for records (--tail-cache-bytes) is full, and they are the oldest", None)
        }
        (Deletion::Unreadable, Some(_)) => ("their retention period is over", hours),
        (Deletion::Unreadable, None) if view.streams().of_number(number).is_some() => {
            ("their shard is gone", None)
        }
        (Deletion::Unreadable, None) => ("their stream is gone", None),
    };
    tracing::info!(
        %stream,
        shard = %id,
        first,
        end,
        last_ms,
        hours,
        "records are deleted: {reason}"
    );
}
