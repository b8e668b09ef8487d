//! The streams as storage sees them.

use super::stream::Stream;
use super::view::View;
use anabranch_env::Clock;
use anabranch_model::ShardKey;
use anabranch_model::retention::RetentionClass;
use anabranch_storage::Host;
use parking_lot::RwLock;
use std::sync::Arc;

pub(crate) struct ViewHost {
    view: Arc<RwLock<View>>,
    clock: Arc<dyn Clock>,
}

impl ViewHost {
    pub(crate) fn new(view: Arc<RwLock<View>>, clock: Arc<dyn Clock>) -> Self {
        Self { view, clock }
    }
}

impl Host for ViewHost {
    fn retention_class(&self, shard: ShardKey) -> Option<RetentionClass> {
        let view = self.view.read();
        let stream = stream_of(&view, shard)?;
        Some(RetentionClass::of_hours(stream.retention.hours))
    }

    fn trim_horizon_ms(&self, shard: ShardKey) -> Option<u64> {
        let view = self.view.read();
        let stream = stream_of(&view, shard)?;
        Some(stream.retention.trim_horizon_ms(self.clock.now_ms()))
    }

    fn dropped_shards(&self) -> u64 {
        self.view.read().purged_streams()
    }

    fn snapshot(&self) -> (u64, Vec<u8>) {
        self.view.read().snapshot()
    }
}

/// The shard's stream, unless the one or the other was forgotten.
fn stream_of(view: &View, shard: ShardKey) -> Option<&Stream> {
    let stream = view.streams().of_number(shard.stream())?;
    stream.slot(shard.shard()).map(|_| &**stream)
}
