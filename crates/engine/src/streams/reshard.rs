//! SplitShard, MergeShards, UpdateShardCount, and forgetting shards that have expired.
//!
//! One command closes shards and opens their children. What a caller asks for is first a state of the
//! stream, which is UPDATING while its shards are as they were; after that time a task makes the
//! command, or, for a rescaling, a row of them. The task goes on after a restart.

use super::control::Control;
use super::quota::Quota;
use crate::error::{
    ChangeFailure, Interrupted, NotAdjacent, NotReshardable, OnDemandStream, RescaleCallLimit,
    RescaleError, RescaleOverLimit, RescaleTooHigh, RescaleTooLow, ReshardError, ShardClosed,
    ShardIdInvalid, ShardLimit, SplitKeyInvalid, StreamUnavailable,
};
use crate::lookup::{find, find_active};
use crate::settings::EngineSettings;
use crate::state::catalog::Catalog;
use crate::state::command::{
    BeginRescale, BeginReshard, Command, EndRescale, ForgetShards, Reshard, ReshardMove,
};
use crate::state::moment::Moment;
use crate::state::scope::{Scope, StreamRef};
use crate::state::stream::{StreamEntry, StreamMode};
use crate::supervisor::{Next, detach, supervise};
use anabranch_model::reshard::{self, Move};
use anabranch_model::{HashKeyRange, Shard, ShardId, hash_key, limits};
use anabranch_storage::AppendError;
use std::sync::Arc;
use std::time::Duration;

/// Pause before another try of a reshard's next step.
const RESHARD_PAUSE: Duration = Duration::from_secs(5);
/// How often to look for shards that have expired.
const FORGET_PERIOD: Duration = Duration::from_secs(60);

/// A change of the number of shards that has begun.
#[derive(Clone, Debug)]
pub struct ShardCountUpdate {
    /// The stream as it was.
    pub stream: Arc<StreamEntry>,
    /// Open shards that it had.
    pub current: u32,
    /// Open shards that it will have.
    pub target: u32,
}

/// Who wants to reshard: the rules of the API are for callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Caller,
    Service,
}

/// Why there was no next step of a reshard.
#[derive(Debug)]
enum NoStep {
    /// The stream is where it shall be, or gone.
    Nothing,
    Failure(ChangeFailure),
}

impl From<ChangeFailure> for NoStep {
    fn from(failure: ChangeFailure) -> Self {
        Self::Failure(failure)
    }
}

impl Control {
    /// Splits an open shard; `new_starting_hash_key` (decimal) is where the upper child starts.
    ///
    /// # Errors
    /// When the stream is not ACTIVE or on-demand, there is no such open shard, the key is not
    /// well inside its range, or the account has as many shards as it may have.
    pub async fn split_shard(
        self: &Arc<Self>,
        scope: &Scope,
        name: &str,
        shard: &str,
        new_starting_hash_key: &str,
    ) -> Result<(), ReshardError> {
        let stream = StreamRef { scope: scope.clone(), name: Arc::from(name) };
        let (shard, key) = (shard.to_owned(), new_starting_hash_key.to_owned());
        let quota = self.quota(scope);
        let believed_ms = self.ledger.store().believed_ms();
        self.begin_reshard(move |catalog, now_ms| {
            let stream = changeable(catalog, &stream, Wish::Caller, now_ms)?;
            let shard = open_shard(stream, &shard, Moment { now_ms, believed_ms })?;
            let range = shard.range;
            let at = hash_key::parse(&key).filter(|at| reshard::split(range, *at).is_some());
            let Some(at) = at else {
                let (stream, shard) = (stream.reference.clone(), shard.id);
                return Err(SplitKeyInvalid { stream, shard, key, range }.into());
            };
            check_room(catalog, &quota, stream, 1, now_ms)?;
            Ok((stream.number, split(shard, at)))
        })
        .await
    }

    /// Merges two open shards; `upper` must start where `lower` ends.
    ///
    /// # Errors
    /// When the stream is not ACTIVE or on-demand, there are no such open shards, or they are not
    /// neighbours in this order.
    pub async fn merge_shards(
        self: &Arc<Self>,
        scope: &Scope,
        name: &str,
        lower: &str,
        upper: &str,
    ) -> Result<(), ReshardError> {
        let stream = StreamRef { scope: scope.clone(), name: Arc::from(name) };
        let (lower, upper) = (lower.to_owned(), upper.to_owned());
        let believed_ms = self.ledger.store().believed_ms();
        self.begin_reshard(move |catalog, now_ms| {
            let stream = changeable(catalog, &stream, Wish::Caller, now_ms)?;
            let lower = open_shard(stream, &lower, Moment { now_ms, believed_ms })?;
            let upper = open_shard(stream, &upper, Moment { now_ms, believed_ms })?;
            if reshard::merge(lower.range, upper.range).is_none() {
                let (lower, upper) = (lower.id, upper.id);
                let stream = stream.reference.clone();
                return Err(NotAdjacent { stream, lower, upper }.into());
            }
            Ok((stream.number, merge(lower, upper)))
        })
        .await
    }

    /// Begins what a caller has decided on: a stream's number, and what happens to its shards.
    async fn begin_reshard(
        self: &Arc<Self>,
        decide: impl FnOnce(&Catalog, u64) -> Result<(u32, ReshardMove), ReshardError> + Send + 'static,
    ) -> Result<(), ReshardError> {
        let control = self.clone();
        // A caller that goes away must not leave a stream that is UPDATING until a restart.
        let task = detach(async move {
            let transition_ms = control.settings.transition_ms;
            let change = move |catalog: &Catalog, now_ms| {
                let (stream, one) = decide(catalog, now_ms)?;
                let moves = vec![one];
                let command = match transition_ms {
                    0 => Command::Reshard(Reshard { stream, moves, transition_ms }),
                    _ => Command::BeginReshard(BeginReshard { stream, moves }),
                };
                Ok::<_, ReshardError>((command, stream))
            };
            let stream = control.ledger.change(change).await?;
            if transition_ms > 0 {
                control.reshard_later(stream, Duration::from_millis(transition_ms));
            }
            Ok(())
        });
        task.await.unwrap_or_else(|_| Err(ChangeFailure::from(Interrupted).into()))
    }

    /// Brings a stream to `target` shards of equal size. It is UPDATING until they are there.
    ///
    /// # Errors
    /// When the stream is not ACTIVE or on-demand, or `target` is over twice or below half the
    /// open shards, over a limit, or changed too often in a day.
    pub async fn update_shard_count(
        self: &Arc<Self>,
        scope: &Scope,
        name: &str,
        target: u32,
    ) -> Result<ShardCountUpdate, RescaleError> {
        let stream = StreamRef { scope: scope.clone(), name: Arc::from(name) };
        self.begin_rescale(stream, target, Wish::Caller).await
    }

    /// As [`Control::update_shard_count`], for the service itself: in any mode, to any number
    /// within the limits of stream and account, however often.
    pub(crate) async fn rescale(
        self: &Arc<Self>,
        stream: &StreamRef,
        target: u32,
    ) -> Result<ShardCountUpdate, RescaleError> {
        self.begin_rescale(stream.clone(), target, Wish::Service).await
    }

    /// Splits open shards in the middle, for the service itself: in any mode, all at once.
    ///
    /// # Errors
    /// When the stream is not ACTIVE, a shard is not open or too small, or the account has as
    /// many shards as it may have.
    pub(crate) async fn split_evenly(
        &self,
        stream: &StreamRef,
        shards: Vec<ShardId>,
    ) -> Result<(), ReshardError> {
        let (stream, quota) = (stream.clone(), self.quota(&stream.scope));
        let believed_ms = self.ledger.store().believed_ms();
        self.ledger
            .change(move |catalog, now_ms| {
                let stream = changeable(catalog, &stream, Wish::Service, now_ms)?;
                let mut moves = Vec::with_capacity(shards.len());
                for id in shards {
                    let shard =
                        open_shard(stream, &id.to_string(), Moment { now_ms, believed_ms })?;
                    let range = shard.range;
                    let Some(at) = reshard::middle(range) else {
                        let (stream, key) = (stream.reference.clone(), String::from("middle"));
                        return Err(SplitKeyInvalid { stream, shard: id, key, range }.into());
                    };
                    moves.push(split(shard, at));
                }
                check_room(catalog, &quota, stream, moves.len() as u32, now_ms)?;
                let transition_ms = quota.settings.transition_ms;
                Ok((reshard_by(stream, moves, transition_ms), ()))
            })
            .await
    }

    async fn begin_rescale(
        self: &Arc<Self>,
        stream: StreamRef,
        target: u32,
        wish: Wish,
    ) -> Result<ShardCountUpdate, RescaleError> {
        let (control, quota) = (self.clone(), self.quota(&stream.scope));
        // A caller that goes away must not leave a stream that is UPDATING until a restart.
        let task = detach(async move {
            let begun = control
                .ledger
                .change::<_, RescaleError>(move |catalog, now_ms| {
                    let stream = changeable(catalog, &stream, wish, now_ms)?;
                    check_target(stream, &quota.settings, target, wish, now_ms)?;
                    let current = stream.shards.open_len() as u32;
                    let additional = target.saturating_sub(current);
                    check_room(catalog, &quota, stream, additional, now_ms)?;
                    let is_counted = wish == Wish::Caller;
                    let begin = BeginRescale { stream: stream.number, target, is_counted };
                    let update = ShardCountUpdate { stream: stream.clone(), current, target };
                    Ok((Command::BeginRescale(begin), update))
                })
                .await?;
            let delay = Duration::from_millis(control.settings.transition_ms);
            control.reshard_later(begun.stream.number, delay);
            Ok(begun)
        });
        task.await.unwrap_or_else(|_| Err(ChangeFailure::from(Interrupted).into()))
    }

    /// What was under way when the last process ended.
    pub(crate) fn resume_reshards(self: &Arc<Self>) {
        let under_way: Vec<u32> = {
            let view = self.ledger.view();
            let under_way = view.streams().all().filter(|stream| stream.is_resharding());
            under_way.map(|stream| stream.number).collect()
        };
        under_way.into_iter().for_each(|number| self.reshard_later(number, Duration::ZERO));
    }

    /// Makes what a stream is on its way to, in a task of its own, after a while.
    fn reshard_later(self: &Arc<Self>, number: u32, delay: Duration) {
        supervise(self, delay, move |control| async move {
            match control.reshard_step(number).await {
                Ok(()) => Next::After(Duration::ZERO),
                Err(
                    NoStep::Nothing
                    | NoStep::Failure(ChangeFailure::Append(
                        AppendError::Failed | AppendError::ShuttingDown,
                    )),
                ) => {
                    // What is left is done after the restart.
                    Next::Done
                }
                Err(NoStep::Failure(error)) => {
                    tracing::warn!(%error, "a stream is not resharded yet; trying again");
                    Next::After(RESHARD_PAUSE)
                }
            }
        });
    }

    /// Makes the next step of what a stream is on its way to.
    async fn reshard_step(&self, number: u32) -> Result<(), NoStep> {
        let change = move |catalog: &Catalog, _| {
            let stream = catalog.streams().of_number(number);
            let stream = stream.filter(|stream| stream.gone_at_ms.is_none());
            Ok((stream.and_then(|stream| next_step(stream)).ok_or(NoStep::Nothing)?, ()))
        };
        self.ledger.change(change).await
    }

    /// Forgets closed shards of which nothing can be read any more. Returns how many streams had
    /// some.
    ///
    /// The engine does it by itself once a minute.
    ///
    /// # Errors
    /// When the journal refuses.
    pub async fn forget_expired_shards(&self) -> Result<usize, ChangeFailure> {
        let deletion_ms = self.ledger.store().deletion_ms();
        let expired: Vec<(u32, u64)> = {
            let view = self.ledger.view();
            let with_expired = view.streams().all().filter_map(|stream| {
                let horizon_ms = stream.retention.trim_horizon_ms(deletion_ms);
                stream.has_closed_before(horizon_ms).then_some((stream.number, horizon_ms))
            });
            with_expired.collect()
        };
        for &(stream, closed_before_ms) in &expired {
            let command = Command::ForgetShards(ForgetShards { stream, closed_before_ms });
            self.ledger.change(move |_, _| Ok::<_, ChangeFailure>((command, ()))).await?;
        }
        Ok(expired.len())
    }

    /// Starts the task that forgets expired shards.
    pub(crate) fn forget_shards_later(self: &Arc<Self>) {
        supervise(self, FORGET_PERIOD, |control| async move {
            if let Err(error) = control.forget_expired_shards().await {
                // They are hidden already; what they take is freed later.
                tracing::warn!(%error, "expired shards still take space");
            }
            Next::After(FORGET_PERIOD)
        });
    }
}

/// The stream, if it can be resharded.
fn changeable<'a>(
    catalog: &'a Catalog,
    stream: &StreamRef,
    wish: Wish,
    now_ms: u64,
) -> Result<&'a Arc<StreamEntry>, NotReshardable> {
    let found = find(catalog.streams(), &stream.scope, &stream.name, now_ms);
    let found = found.map_err(StreamUnavailable::from)?;
    if wish == Wish::Caller && found.mode == StreamMode::OnDemand {
        return Err(OnDemandStream(found.reference.clone()).into());
    }
    Ok(find_active(catalog.streams(), &stream.scope, &stream.name, now_ms)?)
}

/// The open shard that a caller means.
fn open_shard<'a>(
    stream: &'a StreamEntry,
    text: &str,
    moment: Moment,
) -> Result<&'a Shard, ReshardError> {
    let reference = || stream.reference.clone();
    let id = ShardId::parse_lenient(text);
    match id.and_then(|id| stream.visible_shard(id, moment)) {
        Some(shard) if shard.is_open() => Ok(shard),
        Some(shard) => Err(ShardClosed { stream: reference(), shard: shard.id }.into()),
        None => {
            let shard = id.map_or_else(|| text.to_owned(), |id| id.to_string());
            Err(ShardIdInvalid { stream: reference(), shard }.into())
        }
    }
}

fn check_room(
    catalog: &Catalog,
    quota: &Quota,
    stream: &StreamEntry,
    additional: u32,
    now_ms: u64,
) -> Result<(), ShardLimit> {
    if additional == 0 {
        // Fewer shards are allowed also to an account that has too many.
        return Ok(());
    }
    let usage = quota.usage(catalog.streams(), &stream.reference.scope, now_ms);
    quota.check_shards(&usage, &stream.reference, u64::from(additional))
}

fn check_target(
    stream: &StreamEntry,
    settings: &EngineSettings,
    target: u32,
    wish: Wish,
    now_ms: u64,
) -> Result<(), RescaleError> {
    let current = stream.shards.open_len() as u32;
    let limit = limits::STREAM_SHARDS_MAX;
    if wish == Wish::Caller {
        if u64::from(target) > 2 * u64::from(current) {
            return Err(RescaleTooHigh { current, target }.into());
        }
        if 2 * u64::from(target) < u64::from(current) {
            return Err(RescaleTooLow { current, target }.into());
        }
    }
    if target > limit {
        return Err(RescaleOverLimit { limit, current, target }.into());
    }
    let since_ms = now_ms.saturating_sub(limits::SHARD_COUNT_UPDATES_MS);
    let calls = stream.rescale_calls_ms.iter().filter(|at_ms| **at_ms > since_ms).count();
    let is_limited = wish == Wish::Caller && settings.limit_streams;
    if is_limited && calls >= limits::SHARD_COUNT_UPDATES_MAX {
        let (stream, limit) = (stream.reference.clone(), limits::SHARD_COUNT_UPDATES_MAX);
        return Err(RescaleCallLimit { stream, limit }.into());
    }
    Ok(())
}

fn split(shard: &Shard, at: u128) -> ReshardMove {
    ReshardMove::Split { shard: shard.id.0, at: at.to_be_bytes() }
}

fn merge(lower: &Shard, upper: &Shard) -> ReshardMove {
    ReshardMove::Merge { lower: lower.id.0, upper: upper.id.0 }
}

fn reshard_by(stream: &StreamEntry, moves: Vec<ReshardMove>, transition_ms: u64) -> Command {
    Command::Reshard(Reshard { stream: stream.number, moves, transition_ms })
}

/// The next step of what a stream is on its way to. `None`: it is where it shall be.
fn next_step(stream: &StreamEntry) -> Option<Command> {
    if !stream.pending_moves.is_empty() {
        return Some(reshard_by(stream, stream.pending_moves.clone(), 0));
    }
    let target = stream.rescale_target?;
    let shards = &stream.shards;
    let ranges: Vec<HashKeyRange> = shards.open().map(|shard| shard.range).collect();
    let round = reshard::next_round(&ranges, target);
    if round.is_empty() {
        return Some(Command::EndRescale(EndRescale { stream: stream.number, transition_ms: 0 }));
    }
    let moves = round.into_iter().map(|one| match one {
        Move::Split { place, at } => split(shards.open_at(place), at),
        Move::Merge { lower } => merge(shards.open_at(lower), shards.open_at(lower + 1)),
    });
    Some(reshard_by(stream, moves.collect(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::keyring::NoKeys;
    use crate::state::stream::{RecordDistribution, StreamStatus};
    use crate::streams::NewStream;
    use crate::testing::start;

    #[tokio::test]
    async fn the_service_itself_may_reshard_on_demand_streams_as_it_likes() {
        let new = NewStream {
            mode: Some(StreamMode::OnDemand),
            distribution: RecordDistribution::Auto,
            ..NewStream::named("s")
        };
        let (engine, scope) = start(NoKeys, new).await;
        let stream = engine.stream(&scope, "s").expect("there").reference.clone();
        engine.control.split_evenly(&stream, vec![ShardId(1)]).await.expect("split");
        let open = || {
            let stream = engine.stream(&scope, "s").expect("there");
            let ranges = stream.open.iter().map(|slot| slot.shard.range);
            (ranges.collect::<Vec<_>>(), stream.status(engine.now_ms()))
        };
        let (ranges, _) = open();
        assert_eq!(ranges.len(), 5);
        assert_eq!(ranges[1].end_inclusive - ranges[1].start, u128::MAX / 8, "an eighth");
        for target in [30, 2, 7, 1, 9, 1, 9, 1, 9, 1, 9, 5] {
            engine.control.rescale(&stream, target).await.expect("begun");
            while open().1 == Some(StreamStatus::Updating) {
                tokio::task::yield_now().await;
            }
            assert_eq!(open().0.len(), target as usize);
        }
        let over = engine.control.rescale(&stream, limits::STREAM_SHARDS_MAX + 1).await;
        assert!(matches!(over, Err(RescaleError::OverLimit(_))));
    }
}
