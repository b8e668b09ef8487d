//! How many streams and shards an account may have, over all cells.

use super::control::Control;
use crate::error::{CreatingLimit, LimitScope, OnDemandLimit, ShardLimit};
use crate::settings::EngineSettings;
use crate::state::directory::Directory;
use crate::state::scope::{Scope, StreamRef};
use crate::state::stream::StreamEntry;
use crate::state::usage::{Counts, Usage};
use anabranch_model::limits;
use std::collections::BTreeSet;
use std::sync::Arc;

/// An account's limits, and what it uses of them elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    pub(super) settings: EngineSettings,
    elsewhere: Usage,
}

impl Control {
    pub(super) fn quota(&self, scope: &Scope) -> Quota {
        Quota { settings: self.settings.clone(), elsewhere: self.elsewhere.usage(scope) }
    }

    /// Open shards that each account may have.
    pub(crate) fn shard_limit(&self) -> u64 {
        u64::from(self.settings.shard_limit)
    }

    /// The Regions in which there are streams.
    #[must_use]
    pub fn regions(&self) -> BTreeSet<Arc<str>> {
        self.ledger.view().streams().regions()
    }

    /// What an account uses in this cell.
    #[must_use]
    pub fn usage(&self, scope: &Scope) -> Usage {
        Usage::of(self.ledger.view().streams(), scope, self.ledger.now_ms())
    }
}

impl Quota {
    /// What the account uses in all cells.
    pub(super) fn usage<S: AsRef<StreamEntry>>(
        &self,
        streams: &Directory<S>,
        scope: &Scope,
        now_ms: u64,
    ) -> Usage {
        [Usage::of(streams, scope, now_ms), self.elsewhere].into_iter().sum()
    }

    /// Whether an account that uses so much may create one stream more: as many in all Regions together
    /// as in one.
    pub(super) fn check_creating(
        &self,
        usage: &Usage,
        stream: &StreamRef,
    ) -> Result<(), CreatingLimit> {
        let limit = limits::STREAMS_CREATING_MAX;
        if self.settings.limit_streams && usage.account.creating >= limit {
            return Err(CreatingLimit { stream: stream.clone(), limit });
        }
        Ok(())
    }

    /// Whether it may have one on-demand stream more.
    pub(super) fn check_on_demand(
        &self,
        usage: &Usage,
        stream: &StreamRef,
    ) -> Result<(), OnDemandLimit> {
        if !self.settings.limit_streams {
            return Ok(());
        }
        let of_region = (usage.region, limits::ON_DEMAND_STREAMS_MAX, LimitScope::Region);
        let account_max = self.settings.account_on_demand_limit as usize;
        let of_account = (usage.account, account_max, LimitScope::Account);
        for (Counts { on_demand_streams: current, .. }, limit, scope) in [of_region, of_account] {
            if current >= limit {
                return Err(OnDemandLimit { stream: stream.clone(), current, limit, scope });
            }
        }
        Ok(())
    }

    /// Whether it may have `additional` open shards.
    pub(super) fn check_shards(
        &self,
        usage: &Usage,
        stream: &StreamRef,
        additional: u64,
    ) -> Result<(), ShardLimit> {
        let of_region = (usage.region, self.shards_max(), LimitScope::Region);
        let of_account = (usage.account, self.account_shards_max(), LimitScope::Account);
        for (Counts { open_shards: current, .. }, limit, scope) in [of_region, of_account] {
            if additional > limit.saturating_sub(current) {
                let stream = stream.clone();
                return Err(ShardLimit { stream, current, limit, additional, scope });
            }
        }
        Ok(())
    }

    /// Open shards that it may have more than it has.
    pub(super) fn shards_left(&self, usage: &Usage) -> u64 {
        let in_region = self.shards_max().saturating_sub(usage.region.open_shards);
        in_region.min(self.account_shards_max().saturating_sub(usage.account.open_shards))
    }

    fn account_shards_max(&self) -> u64 {
        u64::from(self.settings.account_shard_limit.min(limits::OPEN_SHARDS_MAX))
    }

    fn shards_max(&self) -> u64 {
        u64::from(self.settings.shard_limit.min(limits::OPEN_SHARDS_MAX))
    }
}
