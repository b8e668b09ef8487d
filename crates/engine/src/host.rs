//! The catalog as storage sees it.

use crate::state::catalog::Catalog;
use crate::state::stream::Stream;
use anabranch_env::Clock;
use anabranch_model::ShardKey;
use anabranch_model::retention::RetentionClass;
use anabranch_storage::Host;
use parking_lot::RwLock;
use std::sync::Arc;

pub(crate) struct CatalogHost {
    catalog: Arc<RwLock<Catalog>>,
    clock: Arc<dyn Clock>,
}

impl CatalogHost {
    pub(crate) fn new(catalog: Arc<RwLock<Catalog>>, clock: Arc<dyn Clock>) -> Self {
        Self { catalog, clock }
    }
}

impl Host for CatalogHost {
    fn retention_class(&self, shard: ShardKey) -> Option<RetentionClass> {
        let catalog = self.catalog.read();
        let stream = stream_of(&catalog, shard)?;
        Some(RetentionClass::of_hours(stream.retention.hours))
    }

    fn trim_horizon_ms(&self, shard: ShardKey) -> Option<u64> {
        let catalog = self.catalog.read();
        let stream = stream_of(&catalog, shard)?;
        Some(stream.retention.trim_horizon_ms(self.clock.now_ms()))
    }

    fn dropped_shards(&self) -> u64 {
        self.catalog.read().purged_streams()
    }

    fn snapshot(&self) -> (u64, Vec<u8>) {
        self.catalog.read().snapshot()
    }
}

/// The shard's stream, unless the one or the other was forgotten.
fn stream_of(catalog: &Catalog, shard: ShardKey) -> Option<&Stream> {
    let stream = catalog.stream_by_number(shard.stream())?;
    stream.slot(shard.shard()).map(|_| &**stream)
}
