//! Resharding through the public API: what readers, writers and lists see of it.

use crate::ring::{assert_covers_ring, list};
use crate::world::{ALICE, STREAM, World, entry_at, named};
use anabranch_engine::error::{
    CreateStreamError, GetRecordsError, IteratorError, NotReshardable, RescaleCallLimit,
    RescaleError, RescaleTooHigh, RescaleTooLow, ReshardError, ShardIteratorError, ShardLimit,
    ShardNameError, StreamUnavailable,
};
use anabranch_engine::{
    EngineSettings, NewStream, PutOutcome, StartingPosition, StreamMode, StreamStatus,
};
use anabranch_model::retention::HOUR_MS;
use anabranch_model::shard_filter::ShardFilter;
use anabranch_model::{Shard, ShardId};

const HALF: u128 = 1 << 127;

impl World {
    async fn merge(&self, lower: &str, upper: &str) -> Result<(), ReshardError> {
        self.engine.control.merge_shards(&self.scope, STREAM, lower, upper).await
    }

    /// Rescales and waits until it is done.
    async fn rescale(&self, target: u32) -> Result<(), RescaleError> {
        let update = self.engine.control.update_shard_count(&self.scope, STREAM, target).await?;
        assert_eq!(update.target, target);
        self.settle().await;
        Ok(())
    }

    fn list(&self, filter: ShardFilter) -> Vec<Shard> {
        list(&self.engine, &self.scope, STREAM, filter)
    }

    /// The open shards in the order of their ranges.
    fn open(&self) -> Vec<Shard> {
        let mut open = self.list(ShardFilter::AtLatest);
        open.sort_by_key(|shard| shard.range.start);
        open
    }

    /// Records of a closed shard from a position on, and its children.
    async fn read_to_end(&self, shard: u32, position: StartingPosition) -> (usize, Vec<Shard>) {
        let mut iterator = self.iterator(STREAM, shard, position).expect("an iterator");
        let mut records = 0;
        loop {
            let reply = self.get(&iterator, 1).await.expect("records");
            records += reply.runs.iter().map(|run| run.count as usize).sum::<usize>();
            assert_eq!(reply.next_iterator.is_none(), !reply.child_shards.is_empty());
            match reply.next_iterator {
                Some(next) => iterator = next,
                None => return (records, reply.child_shards),
            }
        }
    }
}

fn ids(shards: &[Shard]) -> Vec<u32> {
    shards.iter().map(|shard| shard.id.0).collect()
}

fn shard_of(outcome: PutOutcome) -> u32 {
    match outcome {
        PutOutcome::Stored { shard, .. } | PutOutcome::Throttled { shard } => shard.0,
    }
}

#[tokio::test]
async fn a_closed_shard_is_read_to_its_end_and_names_its_children() {
    let mut world = World::plain(2).await;
    for data in [b"1", b"2", b"3"] {
        assert_eq!(shard_of(world.put_at(0, data).await), 0);
    }
    world.split("shardId-000000000000", 1 << 126).await.expect("split");
    // The upper one is closed without ever having had a record.
    world.merge("3", "1").await.expect("merged");
    for _ in 0..2 {
        assert_eq!(ids(&world.open()), [2, 4]);
        assert_covers_ring(&world.open());
        let (records, children) = world.read_to_end(0, StartingPosition::TrimHorizon).await;
        assert_eq!((records, ids(&children)), (3, vec![2, 3]));
        for position in [StartingPosition::TrimHorizon, StartingPosition::Latest] {
            let (records, children) = world.read_to_end(1, position).await;
            assert_eq!((records, ids(&children)), (0, vec![4]));
            let parents = (children[0].parent, children[0].adjacent_parent);
            assert_eq!(parents, (Some(ShardId(3)), Some(ShardId(1))));
        }
        let closed = world.list(ShardFilter::FromTrimHorizon).swap_remove(0);
        let ending = closed.ending_sequence_number().expect("closed").to_string();
        for position in [
            StartingPosition::AtSequenceNumber(ending.clone()),
            StartingPosition::AfterSequenceNumber(ending),
            StartingPosition::Latest,
        ] {
            assert_eq!(world.read_to_end(0, position).await.0, 0);
        }
        world.restart().await;
    }
}

#[tokio::test]
async fn a_put_on_its_way_to_a_shard_that_closes_goes_to_a_child() {
    let world = World::plain(1).await;
    let entry = entry_at(HALF, b"late");
    let prepare =
        || world.engine.data.prepare_put_record(&named(&world.engine, STREAM), ALICE, &entry, None);
    let prepared = prepare().expect("prepared");
    world.split("0", HALF).await.expect("split");
    let committed = world.engine.data.commit_put(prepared).await.expect("committed");
    assert_eq!(committed, None, "and nothing was stored");
    let committed = world.engine.data.commit_put(prepare().expect("prepared")).await;
    assert_eq!(shard_of(committed.expect("committed").expect("no reshard")[0]), 2);
    assert_eq!(world.read_to_end(0, StartingPosition::TrimHorizon).await.0, 0);
}

#[tokio::test]
async fn who_waits_at_the_tip_of_a_shard_is_woken_when_it_closes() {
    let world = World::plain(2).await;
    let key = world.stream().open[1].key;
    let mut tip = world.engine.store().watch_tip(key);
    tip.mark_seen();
    let ((), merged) = tokio::join!(tip.advanced(), world.merge("0", "1"));
    merged.expect("merged");
}

#[tokio::test]
async fn a_put_that_has_to_be_prepared_again_does_not_pay_twice() {
    let settings = EngineSettings { transition_ms: 0, ..EngineSettings::default() };
    let world = World::with_stream(2, settings).await;
    let data = vec![0; 600_000];
    let entries = [entry_at(0, b"small"), entry_at(HALF, &data)];
    let prepare =
        || world.engine.data.prepare_put_records(&named(&world.engine, STREAM), ALICE, &entries);
    let prepared = prepare().expect("prepared");
    world.split("0", 1 << 126).await.expect("split");
    assert_eq!(world.engine.data.commit_put(prepared).await.expect("committed"), None);
    let outcomes = world.engine.data.commit_put(prepare().expect("prepared")).await;
    let outcomes = outcomes.expect("committed").expect("no reshard");
    assert!(outcomes.iter().all(|o| matches!(o, PutOutcome::Stored { .. })), "{outcomes:?}");
}

#[tokio::test]
async fn numbers_of_children_are_higher_and_may_be_used_for_ordering() {
    let world = World::plain(1).await;
    let mut last = String::new();
    for generation in 1..20u32 {
        let outcome = world.put_at(u128::MAX, b"x").await;
        let PutOutcome::Stored { shard, sequence_number } = outcome else { panic!("throttled") };
        let number = sequence_number.to_string();
        assert!(number > last, "generation {generation}");
        let ordered = entry_at(u128::MAX, b"x");
        let prepared = world.engine.data.prepare_put_record(
            &named(&world.engine, STREAM),
            ALICE,
            &ordered,
            Some(&number),
        );
        prepared.expect("a number that was given out is accepted");
        last = number;
        let at = u128::MAX - (u128::MAX >> generation);
        world.split(&shard.to_string(), at).await.expect("split");
    }
}

#[tokio::test]
async fn at_any_time_the_filter_shows_shards_that_cover_the_ring_once() {
    let world = World::plain(3).await;
    let created_ms = world.engine.now_ms();
    for target in [6, 4, 8, 5, 3] {
        world.rescale(target).await.expect("rescaled");
        assert_eq!(world.open().len(), target as usize);
        // Some changes come in one millisecond.
        world.clock.advance_ms(u64::from(target % 2) * 700);
        world.split(&world.open()[0].id.to_string(), 77).await.expect("split");
        world.clock.advance_ms(1);
    }
    world.clock.advance_ms(2_000);
    let now_ms = world.engine.now_ms();
    for ms in created_ms - 5..=now_ms {
        let open = world.list(ShardFilter::AtTimestamp(ms));
        assert_covers_ring(&open);
        let from = ids(&world.list(ShardFilter::FromTimestamp(ms)));
        assert!(open.iter().all(|shard| from.contains(&shard.id.0)));
    }
    for hours in [0, 24] {
        world.clock.set_ms(created_ms + hours * HOUR_MS);
        while world.engine.now_ms() < now_ms + hours * HOUR_MS + 10 {
            assert_covers_ring(&world.list(ShardFilter::AtTrimHorizon));
            world.clock.advance_ms(7);
        }
    }
}

#[tokio::test]
async fn expired_shards_are_forgotten_and_their_ids_not_used_again() {
    let mut world = World::plain(2).await;
    world.put_at(0, b"old").await;
    let old = world.iterator(STREAM, 0, StartingPosition::TrimHorizon).expect("an iterator");
    world.merge("0", "1").await.expect("merged");
    world.clock.advance_ms(12 * HOUR_MS);
    world.rescale(2).await.expect("rescaled");
    assert_eq!(world.engine.control.forget_expired_shards().await.expect("looked"), 0);
    world.clock.advance_ms(12 * HOUR_MS + 1);
    assert_eq!(ids(&world.list(ShardFilter::FromTrimHorizon)), [2, 3, 4], "hidden at once");
    assert!(matches!(
        world.iterator(STREAM, 0, StartingPosition::TrimHorizon),
        Err(ShardIteratorError::Shard(ShardNameError::NotFound(_)))
    ));
    assert_eq!(world.engine.control.forget_expired_shards().await.expect("looked"), 1);
    assert_eq!(world.engine.control.forget_expired_shards().await.expect("looked"), 0);
    for _ in 0..2 {
        let stream = world.stream();
        assert_eq!(stream.shards.len(), 3);
        let listed = world.list(ShardFilter::FromTrimHorizon);
        assert_eq!((listed[0].id, listed[0].parent), (ShardId(2), Some(ShardId(0))));
        assert_covers_ring(&world.list(ShardFilter::AtTrimHorizon));
        match world.engine.data.open_iterator(&old) {
            Err(error) => assert!(matches!(error, IteratorError::Expired(_))),
            Ok(_) => {
                let gone = world.get(&old, 1).await;
                assert!(matches!(gone, Err(GetRecordsError::ShardNotFound(_))));
            }
        }
        world.restart().await;
    }
    world.clock.advance_ms(12 * HOUR_MS + 1);
    assert_eq!(world.engine.control.forget_expired_shards().await.expect("looked"), 1);
    world.merge("3", "4").await.expect("merged");
    assert_eq!(ids(&world.open()), [5]);
}

#[tokio::test]
async fn rescaling_keeps_to_its_limits() {
    let settings = EngineSettings { shard_limit: 9, transition_ms: 0, ..EngineSettings::default() };
    let world = World::with_stream(3, settings).await;
    assert!(matches!(
        world.rescale(7).await,
        Err(RescaleError::TooHigh(RescaleTooHigh { current: 3, target: 7 }))
    ));
    assert!(matches!(
        world.rescale(1).await,
        Err(RescaleError::TooLow(RescaleTooLow { current: 3, target: 1 }))
    ));
    world.rescale(2).await.expect("half, rounded up");
    world.rescale(4).await.expect("twice");
    world.rescale(8).await.expect("twice");
    assert!(matches!(
        world.rescale(10).await,
        Err(RescaleError::ShardLimit(ShardLimit { current: 8, limit: 9, additional: 2, .. }))
    ));
    for _ in 3..10 {
        world.rescale(8).await.expect("the same number");
    }
    assert!(matches!(
        world.rescale(8).await,
        Err(RescaleError::CallLimit(RescaleCallLimit { limit: 10, .. }))
    ));
    world.clock.advance_ms(24 * HOUR_MS);
    world.rescale(9).await.expect("a day later");
    let eighth = world.open()[0].id.to_string();
    assert!(matches!(world.split(&eighth, 77).await, Err(ReshardError::ShardLimit(_))));
}

#[tokio::test]
async fn only_active_provisioned_streams_are_resharded_by_callers() {
    let settings = EngineSettings { transition_ms: 50, ..EngineSettings::default() };
    let world = World::with_stream(1, settings).await;
    let new = NewStream {
        shard_count: Some(4),
        mode: Some(StreamMode::OnDemand),
        ..NewStream::named("o")
    };
    world.engine.control.create_stream(&world.scope, new).await.expect("created");
    world.clock.advance_ms(50);
    let on_demand = world.engine.control.update_shard_count(&world.scope, "o", 5).await;
    assert!(matches!(on_demand, Err(RescaleError::Stream(NotReshardable::OnDemand(_)))));
    world.split("0", HALF).await.expect("split");
    assert_eq!(world.status(), Some(StreamStatus::Updating));
    assert!(matches!(
        world.merge("1", "2").await,
        Err(ReshardError::Stream(NotReshardable::Stream(StreamUnavailable::NotActive(_))))
    ));
    world.settle().await;
    assert!(matches!(world.split("0", HALF).await, Err(ReshardError::ShardClosed(_))));
    assert!(matches!(world.split("9", HALF).await, Err(ReshardError::ShardIdInvalid(_))));
    assert!(matches!(world.merge("2", "1").await, Err(ReshardError::NotAdjacent(_))));
    assert!(matches!(world.merge("1", "1").await, Err(ReshardError::NotAdjacent(_))));
    assert!(matches!(world.split("2", HALF + 1).await, Err(ReshardError::SplitKeyInvalid(_))));
    world.merge("1", "2").await.expect("merged");
}

#[tokio::test]
async fn until_a_reshard_is_made_the_parents_are_all_there_is() {
    // So long that it is made by the next start alone.
    let transition_ms = 24 * HOUR_MS;
    for cuts_power in [false, true] {
        let settings =
            EngineSettings { shard_limit: 3, transition_ms, ..EngineSettings::default() };
        let mut world = World::with_stream(2, settings).await;
        world.clock.advance_ms(transition_ms);
        world.split("0", 1 << 126).await.expect("begun");
        assert_eq!(world.status(), Some(StreamStatus::Updating));
        assert_eq!(ids(&world.list(ShardFilter::FromTrimHorizon)), [0, 1]);
        for data in [b"1", b"2"] {
            assert_eq!(shard_of(world.put_at(0, data).await), 0);
        }
        // What is to come counts already.
        let other = world.create("t", 1).await;
        assert!(matches!(other, Err(CreateStreamError::ShardLimit(_))));
        // And it stays so, whatever the clock says.
        world.clock.advance_ms(2 * transition_ms);
        assert_eq!(world.status(), Some(StreamStatus::Updating));

        if cuts_power {
            world.cut_power().await
        } else {
            world.restart().await
        }
        world.settle().await;
        assert_eq!(world.status(), Some(StreamStatus::Active));
        assert_eq!(ids(&world.open()), [2, 3, 1]);
        assert_covers_ring(&world.open());
        assert_eq!(shard_of(world.put_at(0, b"3").await), 2);
    }
}
