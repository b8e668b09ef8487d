//! What an account uses of what it may use.

use super::directory::Directory;
use super::scope::Scope;
use super::stream::{StreamEntry, StreamMode, StreamStatus};
use std::iter::Sum;

/// Counted over an account's streams in a Region, and where it says so in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Open shards, and those that streams are on their way to.
    pub open_shards: u64,
    /// Those of provisioned streams.
    pub provisioned_shards: u64,
    pub on_demand_streams: usize,
    /// Streams in CREATING.
    pub creating: usize,
    /// As `open_shards`, in all Regions.
    pub account_shards: u64,
}

impl Usage {
    pub(crate) fn of<S: AsRef<StreamEntry>>(
        streams: &Directory<S>,
        scope: &Scope,
        now_ms: u64,
    ) -> Self {
        let claimed = |stream: &StreamEntry| match stream.status(now_ms) {
            Some(_) => stream.claimed_shards(),
            None => 0,
        };
        let of_account = streams.of_account(&scope.account);
        let account_shards = of_account.map(|stream| claimed((**stream).as_ref())).sum();
        let mut usage = Self { account_shards, ..Self::default() };
        for stream in streams.after(scope, None) {
            let stream: &StreamEntry = (**stream).as_ref();
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

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::default(), |sum, usage| Self {
            open_shards: sum.open_shards + usage.open_shards,
            provisioned_shards: sum.provisioned_shards + usage.provisioned_shards,
            on_demand_streams: sum.on_demand_streams + usage.on_demand_streams,
            creating: sum.creating + usage.creating,
            account_shards: sum.account_shards + usage.account_shards,
        })
    }
}
