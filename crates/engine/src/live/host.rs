//! The machines of a cell as storage sees them, the streams above all.

use super::stream::Stream;
use super::view::View;
use crate::ledger::Sequence;
use crate::state::machine::{Kept, MachineId};
use crate::state::snapshot::{self, Part};
use anabranch_env::Clock;
use anabranch_model::ShardKey;
use anabranch_model::retention::RetentionClass;
use anabranch_storage::{DeletedRange, Host};
use parking_lot::RwLock;
use std::sync::Arc;

/// Shards of one segment that have a line of their own in the log.
const LOGGED_SHARDS_MAX: usize = 100;

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

    fn deleting(&self, ranges: &[DeletedRange]) {
        let view = self.streams.read();
        for range in ranges.iter().take(LOGGED_SHARDS_MAX) {
            let DeletedRange { shard, indices: (first, end), last_ms } = *range;
            let (number, id) = (shard.stream(), shard.shard());
            match stream_of(&view, shard) {
                Some(stream) => tracing::info!(
                    stream = %stream.reference.as_arn(),
                    shard = %id,
                    first,
                    end,
                    last_ms,
                    hours = stream.retention.hours,
                    "records are deleted: their retention period is over"
                ),
                None => tracing::info!(
                    stream = number,
                    shard = %id,
                    first,
                    end,
                    last_ms,
                    "records are deleted: their stream or shard is gone"
                ),
            }
        }
        if let Some(more) = ranges.len().checked_sub(LOGGED_SHARDS_MAX).filter(|more| *more > 0) {
            let ranges = &ranges[LOGGED_SHARDS_MAX..];
            let last_ms = ranges.iter().map(|range| range.last_ms).max();
            tracing::info!(shards = more, last_ms, "records of more shards are deleted");
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
