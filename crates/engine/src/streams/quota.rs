//! How many streams and shards an account may have.

use crate::error::{OnDemandLimit, ShardLimit};
use crate::settings::EngineSettings;
use crate::state::scope::StreamRef;
use crate::state::usage::Usage;
use anabranch_model::limits;

/// Whether the account may have one on-demand stream more.
pub(super) fn check_on_demand(
    usage: &Usage,
    settings: &EngineSettings,
    stream: &StreamRef,
) -> Result<(), OnDemandLimit> {
    let (current, limit) = (usage.on_demand_streams, limits::ON_DEMAND_STREAMS_MAX);
    if settings.limit_streams && current >= limit {
        return Err(OnDemandLimit { stream: stream.clone(), current, limit });
    }
    Ok(())
}

/// Whether the account may have `additional` open shards.
pub(super) fn check_shards(
    usage: &Usage,
    settings: &EngineSettings,
    stream: &StreamRef,
    additional: u64,
) -> Result<(), ShardLimit> {
    let limit = u64::from(settings.shard_limit.min(limits::OPEN_SHARDS_MAX));
    let current = usage.open_shards;
    if current + additional <= limit {
        return Ok(());
    }
    Err(ShardLimit { stream: stream.clone(), current, limit, additional })
}
