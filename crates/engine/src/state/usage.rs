//! What an account uses of what it may use.

use super::directory::Directory;
use super::scope::Scope;
use super::stream::{StreamEntry, StreamMode, StreamStatus};
use std::iter::Sum;
use std::ops::Add;

/// What an account uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// In one Region.
    pub region: Counts,
    /// In all Regions together.
    pub account: Counts,
}

/// What is counted of streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Open shards, and those that streams are on their way to.
    pub open_shards: u64,
    /// Those of provisioned streams.
    pub provisioned_shards: u64,
    pub on_demand_streams: usize,
    /// Streams in CREATING.
    pub creating: usize,
}

impl Usage {
    pub(crate) fn of<S: AsRef<StreamEntry>>(
        streams: &Directory<S>,
        scope: &Scope,
        now_ms: u64,
    ) -> Self {
        let mut usage = Self::default();
        for stream in streams.of_account(&scope.account) {
            let stream: &StreamEntry = (**stream).as_ref();
            let counts = Counts::of(stream, now_ms);
            usage.account = usage.account + counts;
            if stream.reference.scope.region == scope.region {
                usage.region = usage.region + counts;
            }
        }
        usage
    }
}

impl Counts {
    /// One stream's; nothing once it is gone.
    fn of(stream: &StreamEntry, now_ms: u64) -> Self {
        let Some(status) = stream.status(now_ms) else { return Self::default() };
        let shards = stream.claimed_shards();
        let is_on_demand = stream.mode == StreamMode::OnDemand;
        Self {
            open_shards: shards,
            provisioned_shards: if is_on_demand { 0 } else { shards },
            on_demand_streams: usize::from(is_on_demand),
            creating: usize::from(status == StreamStatus::Creating),
        }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            open_shards: self.open_shards + other.open_shards,
            provisioned_shards: self.provisioned_shards + other.provisioned_shards,
            on_demand_streams: self.on_demand_streams + other.on_demand_streams,
            creating: self.creating + other.creating,
        }
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::default(), |sum, usage| Self {
            region: sum.region + usage.region,
            account: sum.account + usage.account,
        })
    }
}
