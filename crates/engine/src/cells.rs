//! Where streams live, and what is asked of an account instead of a stream.
//!
//! A stream lives in one cell, found by its name. What is asked of an account is asked of all
//! cells, and put together here.

use crate::engine::{Engine, RecoverySummary};
use crate::error::{IteratorError, TokenError};
use crate::live::stream::Stream;
use crate::records::OpenIterator;
use crate::state::scope::{Scope, StreamRef};
use crate::state::usage::Usage;
use crate::streams::OpenShardToken;
use anabranch_model::limits;
use anabranch_storage::{Durability, StoreHealth};
use std::fmt;
use std::sync::Arc;

/// The cells of a service.
pub trait Cells: fmt::Debug + Send + Sync {
    /// The cell that a stream of this name lives in, or would.
    fn of(&self, scope: &Scope, name: &str) -> &Arc<Engine>;

    /// The cell that keeps what belongs to an account and to none of its streams.
    fn home(&self, scope: &Scope) -> &Arc<Engine>;

    /// All of them; there is at least one.
    fn all(&self) -> &[Arc<Engine>];
}

/// The only cell.
#[derive(Debug)]
pub struct OneCell([Arc<Engine>; 1]);

impl OneCell {
    /// The service of one cell.
    #[must_use]
    pub fn serve(cell: Arc<Engine>) -> Arc<dyn Cells> {
        Arc::new(Self([cell]))
    }
}

impl Cells for OneCell {
    fn of(&self, _: &Scope, _: &str) -> &Arc<Engine> {
        &self.0[0]
    }

    fn home(&self, _: &Scope) -> &Arc<Engine> {
        &self.0[0]
    }

    fn all(&self) -> &[Arc<Engine>] {
        &self.0
    }
}

/// Which streams to list.
#[derive(Clone, Debug, Default)]
pub struct StreamPageRequest<'a> {
    /// Start after this name.
    pub after: Option<&'a str>,
    /// Go on where this token's page ended.
    pub token: Option<&'a str>,
    /// Streams at most; capped at 100.
    pub limit: Option<usize>,
}

/// A page of streams.
#[derive(Clone, Debug)]
pub struct StreamPage {
    /// In name order.
    pub streams: Vec<Arc<Stream>>,
    /// There is more: the token for it.
    pub next_token: Option<String>,
}

/// What an account uses of what it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// Open shards allowed.
    pub shard_limit: u64,
    /// Open shards of provisioned streams.
    pub open_shards: u64,
    pub on_demand_streams: usize,
    /// On-demand streams allowed.
    pub on_demand_limit: usize,
}

impl dyn Cells + '_ {
    /// The cell of a stream.
    #[must_use]
    pub fn of_stream(&self, stream: &StreamRef) -> &Arc<Engine> {
        self.of(&stream.scope, &stream.name)
    }

    /// The latest time of any cell, epoch milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.all().iter().map(|cell| cell.now_ms()).max().unwrap_or(0)
    }

    /// Time that only rises, in microseconds: what rates go by.
    #[must_use]
    pub fn monotonic_us(&self) -> u64 {
        self.all().iter().map(|cell| cell.monotonic_us()).max().unwrap_or(0)
    }

    /// What recovery found.
    #[must_use]
    pub fn recovery(&self) -> RecoverySummary {
        self.all().iter().map(|cell| cell.recovery).sum()
    }

    /// Whether all of them take writes; else the worst that is so of any.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        let worse = |health: &StoreHealth| match health {
            StoreHealth::Writable => 0,
            StoreHealth::Full => 1,
            StoreHealth::Failed => 2,
        };
        let healths = self.all().iter().map(|cell| cell.store().health());
        healths.max_by_key(worse).unwrap_or(StoreHealth::Writable)
    }

    /// When an append counts as durable, which is the same in all of them.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.all()[0].store().durability()
    }

    /// Lists an account's streams in name order.
    ///
    /// # Errors
    /// When the token is no good.
    pub fn list_streams(
        &self,
        scope: &Scope,
        request: &StreamPageRequest<'_>,
    ) -> Result<StreamPage, TokenError> {
        let home = &self.home(scope).control;
        let resumed =
            request.token.map(|token| home.open_stream_token(scope, token)).transpose()?;
        let after = resumed.as_deref().or(request.after);
        let limit = request.limit.unwrap_or(limits::LIST_STREAMS_PAGE);
        let limit = limit.min(limits::LIST_STREAMS_PAGE);
        // One more of each, which says whether there is another page.
        let cells = self.all().iter();
        let mut streams: Vec<Arc<Stream>> =
            cells.flat_map(|cell| cell.control.streams_after(scope, after, limit + 1)).collect();
        streams.sort_by(|a, b| a.reference.name.cmp(&b.reference.name));
        let has_more = streams.len() > limit;
        streams.truncate(limit);
        let last = streams.last().filter(|_| has_more);
        let next_token = last.map(|last| home.seal_stream_token(scope, &last.reference.name));
        Ok(StreamPage { streams, next_token })
    }

    /// What the account uses and may use.
    #[must_use]
    pub fn account_limits(&self, scope: &Scope) -> AccountLimits {
        let usage: Usage = self.all().iter().map(|cell| cell.control.usage(scope)).sum();
        AccountLimits {
            shard_limit: self.home(scope).control.shard_limit(),
            open_shards: usage.region.provisioned_shards,
            on_demand_streams: usage.region.on_demand_streams,
            on_demand_limit: limits::ON_DEMAND_STREAMS_MAX,
        }
    }

    /// Opens a shard iterator.
    ///
    /// # Errors
    /// When it is no good.
    pub fn open_iterator(&self, iterator: &str) -> Result<OpenIterator, IteratorError> {
        let ask = |cell: &Arc<Engine>| cell.data.open_iterator(iterator);
        self.ask_maker(ask, |error| matches!(error, IteratorError::Invalid(_)))
    }

    /// Opens a token of ListShards.
    ///
    /// # Errors
    /// When it is no good, or its stream is gone.
    pub fn open_shard_token(&self, token: &str) -> Result<OpenShardToken, TokenError> {
        let ask = |cell: &Arc<Engine>| cell.control.open_shard_token(token);
        self.ask_maker(ask, |error| matches!(error, TokenError::Invalid(_)))
    }

    /// Asks the cell that made a sealed text: each knows its own, and calls the others' invalid.
    fn ask_maker<T, E>(
        &self,
        ask: impl Fn(&Arc<Engine>) -> Result<T, E>,
        is_invalid: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        let (last, others) = self.all().split_last().expect("there is at least one cell");
        let mut answers = others.iter().map(&ask);
        let made = answers.find(|answer| !answer.as_ref().is_err_and(&is_invalid));
        made.unwrap_or_else(|| ask(last))
    }
}
