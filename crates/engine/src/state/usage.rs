//! What an account uses of what it may use.

use super::catalog::Catalog;
use super::scope::Scope;
use super::stream::{StreamMode, StreamStatus};

/// Counted over an account's streams in a Region.
#[derive(Default)]
pub(crate) struct Usage {
    pub(crate) open_shards: u64,
    pub(crate) provisioned_shards: u64,
    pub(crate) on_demand_streams: usize,
    pub(crate) creating: usize,
}

impl Usage {
    pub(crate) fn of(catalog: &Catalog, scope: &Scope, now_ms: u64) -> Self {
        let mut usage = Self::default();
        for stream in catalog.streams_after(scope, None) {
            let shards = stream.claimed_shards();
            let Some(status) = stream.status(now_ms) else { continue };
            usage.open_shards += shards;
            usage.creating += usize::from(status == StreamStatus::Creating);
            match stream.mode {
                StreamMode::OnDemand => usage.on_demand_streams += 1,
                StreamMode::Provisioned => usage.provisioned_shards += shards,
            }
        }
        usage
    }
}
