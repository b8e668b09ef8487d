//! On-demand streams and what accounts unlock for them, on a clock that the test moves.

use crate::ring::{assert_covers_ring, list};
use crate::world::{STREAM, Setup, World, stream_ref};
use anabranch_engine::error::{
    CapacityError, ConsumerLimit, ModeSwitchLimit, RegisterConsumerError, WarmThroughputError,
};
use anabranch_engine::{
    EngineSettings, NewStream, PutOutcome, ShardRates, ShardTraffic, StreamMode,
};
use anabranch_model::retention::HOUR_MS;
use anabranch_model::shard_filter::ShardFilter;
use anabranch_model::{CommitmentStatus, Shard};
use std::collections::BTreeMap;

const DAY_MS: u64 = 24 * HOUR_MS;
const KIB: usize = 1024;
const QUARTER: u128 = 1 << 126;

impl World {
    /// A service with a stream that scales when the test says so.
    async fn scaled(mode: StreamMode, settings: EngineSettings) -> Self {
        let settings = EngineSettings { transition_ms: 0, scaling_period_ms: 0, ..settings };
        let world = Self::with(settings).await;
        let new = NewStream {
            shard_count: Some(2),
            mode: Some(mode),
            max_record_kib: 10 * 1024,
            ..NewStream::named(STREAM)
        };
        world.engine.control.create_stream(&world.scope, new).await.expect("created");
        world
    }

    async fn on_demand() -> Self {
        Self::scaled(StreamMode::OnDemand, Setup::default().settings).await
    }

    /// Puts so many KiB where the hash key says.
    async fn put_kib(&self, hash_key: u128, kib: usize) -> PutOutcome {
        self.put_at(hash_key, &vec![7; kib * KIB]).await
    }

    /// Lets time pass, lets the service look at its streams, and waits until it has done what it
    /// began. Returns how many streams it changed.
    async fn round(&self, ms: u64) -> usize {
        self.clock.advance_ms(ms);
        let changed = self.engine.control.scale_on_demand_streams().await;
        self.settle().await;
        changed
    }

    fn ring(&self) -> Vec<Shard> {
        let open = list(&self.engine, &self.scope, STREAM, ShardFilter::AtLatest);
        assert_covers_ring(&open);
        open
    }

    async fn commit(&self, enabled: bool) -> CommitmentStatus {
        let commitment = self.engine.control.set_commitment(&self.scope, enabled).await;
        commitment.expect("set").status(self.engine.now_ms())
    }

    async fn warm(&self, mibps: u32) -> (u32, u32) {
        let (_, warm) = self
            .engine
            .control
            .set_warm_throughput(&stream_ref(), mibps)
            .await
            .expect("warm throughput");
        self.settle().await;
        (warm.target_mibps, warm.current_mibps)
    }
}

#[tokio::test]
async fn a_shard_that_stays_hot_is_split_evenly() {
    let world = World::on_demand().await;
    world.round(1000).await;
    let mut changes = Vec::new();
    for _ in 0..3 {
        world.put_kib(QUARTER, 600).await;
        world.put_kib(0, 400).await;
        changes.push(world.round(1000).await);
    }
    assert_eq!(changes, [0, 0, 1]);
    let open = world.ring();
    assert_eq!(open.len(), 5);
    let parents: Vec<u32> = open.iter().filter_map(|s| s.parent).map(|id| id.0).collect();
    assert_eq!(parents, [1, 1]);
    let starts: Vec<u128> =
        open.iter().filter(|s| s.parent.is_some()).map(|s| s.range.start).collect();
    assert_eq!(starts, [QUARTER, QUARTER + QUARTER / 2]);
    // The load goes on in one half, which has not been hot for long.
    world.put_kib(QUARTER, 600).await;
    assert_eq!(world.round(1000).await, 0);
}

#[tokio::test]
async fn provisioned_streams_are_left_alone() {
    let settings = EngineSettings { rates: ShardRates::OFF, ..EngineSettings::default() };
    let world = World::scaled(StreamMode::Provisioned, settings).await;
    for _ in 0..5 {
        world.put_kib(0, 900).await;
        assert_eq!(world.round(1000).await, 0);
    }
    assert_eq!(world.ring().len(), 2);
    // As an on-demand one it gets the shards that such a stream starts with.
    world
        .engine
        .control
        .set_stream_mode(&stream_ref(), StreamMode::OnDemand, None)
        .await
        .expect("set");
    assert_eq!(world.ring().len(), 2, "a switch keeps the shards");
    assert_eq!(world.round(1000).await, 1);
    assert_eq!(world.ring().len(), 4);
}

#[tokio::test]
async fn there_is_room_for_twice_the_peak_of_thirty_days_also_after_a_restart() {
    let mut world = World::on_demand().await;
    world.round(1000).await;
    for quarter in 0..4 {
        world.put_kib(quarter * QUARTER, 900).await;
    }
    assert_eq!(world.round(1000).await, 1);
    // Four times 900 KiB and a key of one byte, twice.
    assert_eq!(world.ring().len(), 8);
    world.restart().await;
    for _ in 0..29 {
        assert_eq!(world.round(DAY_MS).await, 0, "the peak still counts");
    }
    assert_eq!(world.ring().len(), 8);
    assert_eq!(world.round(DAY_MS).await, 0, "cold from now on");
    assert_eq!(world.round(DAY_MS - 1).await, 0);
    assert_eq!(world.round(1).await, 1);
    assert_eq!(world.ring().len(), 4);
}

#[tokio::test]
async fn growth_ends_with_the_accounts_shards() {
    let settings =
        EngineSettings { rates: ShardRates::OFF, shard_limit: 5, ..EngineSettings::default() };
    let world = World::scaled(StreamMode::OnDemand, settings).await;
    world.round(1000).await;
    for _ in 0..8 {
        world.put_kib(0, 600).await;
        world.put_kib(2 * QUARTER, 700).await;
        world.round(1000).await;
    }
    let parents: Vec<_> = world.ring().iter().filter_map(|shard| shard.parent).collect();
    assert_eq!((world.ring().len(), parents[0].0), (5, 2), "the hotter one was split");
}

#[tokio::test]
async fn warm_throughput_opens_shards_and_gives_them_back() {
    let mut world = World::on_demand().await;
    let refused = world.engine.control.set_warm_throughput(&stream_ref(), 7).await;
    assert!(
        matches!(refused, Err(CapacityError::Warm(WarmThroughputError::NeedsCommitment(_)))),
        "{refused:?}"
    );
    assert_eq!(world.commit(true).await, CommitmentStatus::Enabled);
    assert_eq!(world.warm(7).await, (7, 4));
    assert_eq!(world.ring().len(), 7);
    world.restart().await;
    let warm = world.engine.control.warm_throughput(&world.stream()).expect("unlocked");
    assert_eq!((warm.target_mibps, warm.current_mibps), (7, 7));
    assert_eq!(world.round(3 * DAY_MS).await + world.round(3 * DAY_MS).await, 0);
    assert_eq!(world.warm(5).await, (5, 5));
    assert_eq!(world.round(1000).await, 1, "what is too much goes without waiting");
    assert_eq!(world.ring().len(), 5);

    assert_eq!(world.warm(9).await, (9, 5));
    assert_eq!(world.commit(false).await, CommitmentStatus::Disabled);
    assert!(world.engine.control.warm_throughput(&world.stream()).is_none());
    assert_eq!(world.round(1000).await, 0);
    assert_eq!(world.round(DAY_MS).await, 1, "without a commitment nothing is kept warm");
    assert_eq!(world.ring().len(), 4);
}

#[tokio::test]
async fn a_commitment_unlocks_consumers_until_it_ends_by_itself() {
    let mut world = World::on_demand().await;
    assert_eq!(world.commit(true).await, CommitmentStatus::Enabled);
    for consumer in 0..30 {
        let name = format!("c{consumer}");
        let registered =
            world.engine.control.register_consumer(&stream_ref(), &name, BTreeMap::new()).await;
        registered.expect("registered");
    }
    world.clock.advance_ms(HOUR_MS);
    assert_eq!(world.commit(false).await, CommitmentStatus::EnabledUntilEarliestAllowedEnd);
    world.clock.advance_ms(23 * HOUR_MS - 1);
    world.restart().await;
    let status =
        |world: &World| world.engine.control.commitment(&world.scope).status(world.engine.now_ms());
    assert_eq!(status(&world), CommitmentStatus::EnabledUntilEarliestAllowedEnd);
    world.clock.advance_ms(1);
    assert_eq!(status(&world), CommitmentStatus::Disabled);
    let refused =
        world.engine.control.register_consumer(&stream_ref(), "more", BTreeMap::new()).await;
    assert!(
        matches!(refused, Err(RegisterConsumerError::Limit(ConsumerLimit { limit: 20, .. }))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_mode_is_switched_twice_in_any_day() {
    let world = World::on_demand().await;
    let stream = stream_ref();
    let switch = |mode| world.engine.control.set_stream_mode(&stream, mode, None);
    switch(StreamMode::Provisioned).await.expect("the first");
    world.clock.advance_ms(HOUR_MS);
    switch(StreamMode::OnDemand).await.expect("the second");
    world.clock.advance_ms(23 * HOUR_MS - 1);
    let refused = switch(StreamMode::Provisioned).await;
    assert!(
        matches!(refused, Err(CapacityError::ModeSwitchLimit(ModeSwitchLimit { limit: 2, .. }))),
        "{refused:?}"
    );
    world.clock.advance_ms(1);
    switch(StreamMode::Provisioned).await.expect("the first was a day ago");
    assert!(switch(StreamMode::OnDemand).await.is_err());
}

#[tokio::test]
async fn large_records_pass_now_and_then_and_all_traffic_is_counted() {
    // A sixteenth of the service's rate: the records stay small.
    let rates = ShardRates { write_bytes: 64 * KIB as u64, ..ShardRates::AWS };
    let settings = EngineSettings { rates, ..EngineSettings::default() };
    let world = World::scaled(StreamMode::OnDemand, settings).await;
    let is_stored = |outcome| matches!(outcome, PutOutcome::Stored { .. });
    assert!(is_stored(world.put_kib(0, 640).await));
    assert!(!is_stored(world.put_kib(0, 640).await));
    world.clock.advance_ms(1000);
    assert!(is_stored(world.put_kib(0, 63).await), "the rate goes on behind a large record");
    assert!(!is_stored(world.put_kib(0, 640).await));
    world.clock.advance_ms(11_000);
    assert!(is_stored(world.put_kib(0, 640).await));
    let expected = ShardTraffic {
        incoming_bytes: (2 * 640 * KIB + 63 * KIB + 3) as u64,
        incoming_records: 3,
        write_throttles: 2,
        ..ShardTraffic::default()
    };
    assert_eq!(world.stream().open[0].meter.traffic(), expected);
    assert_eq!(world.stream().open[1].meter.traffic(), ShardTraffic::default());
}
