//! On-demand streams and what accounts unlock for them, on a clock that the test moves.

use crate::ring::{assert_covers_ring, list};
use anabranch_engine::error::{
    CapacityError, ConsumerLimit, CreateStreamError, ModeSwitchLimit, RegisterConsumerError,
    WarmThroughputError,
};
use anabranch_engine::{
    Engine, EngineSettings, NewStream, NoKeys, PutEntry, PutOutcome, RecordDistribution, Scope,
    ShardRates, ShardTraffic, StoreOptions, StreamMode, StreamRef, StreamStatus,
};
use anabranch_env::{FakeDisk, ManualClock};
use anabranch_model::retention::HOUR_MS;
use anabranch_model::shard_filter::ShardFilter;
use anabranch_model::{CommitmentStatus, Shard};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

const PRINCIPAL: &str = "arn:aws:iam::123456789012:root";
const START_MS: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const KIB: usize = 1024;
const QUARTER: u128 = 1 << 126;

struct World {
    engine: Arc<Engine>,
    disk: FakeDisk,
    clock: Arc<ManualClock>,
    settings: EngineSettings,
    stream: StreamRef,
}

impl World {
    /// A service with a stream `s` that scales when the test says so.
    async fn new(mode: StreamMode, settings: EngineSettings) -> Self {
        let (disk, clock) = (FakeDisk::default(), Arc::new(ManualClock::at_ms(START_MS)));
        let scope = Scope { account: Arc::from("123456789012"), region: Arc::from("us-east-1") };
        let settings = EngineSettings { transition_ms: 0, scaling_period_ms: 0, ..settings };
        let engine = start(&disk, &clock, &settings).await;
        let stream = StreamRef { scope, name: Arc::from("s") };
        let world = Self { engine, disk, clock, settings, stream };
        world.create("s", mode).await.expect("created");
        world
    }

    async fn on_demand() -> Self {
        let settings = EngineSettings { rates: ShardRates::OFF, ..EngineSettings::default() };
        Self::new(StreamMode::OnDemand, settings).await
    }

    async fn create(&self, name: &str, mode: StreamMode) -> Result<(), CreateStreamError> {
        let new = NewStream {
            name: name.to_owned(),
            shard_count: Some(2),
            mode: Some(mode),
            tags: BTreeMap::new(),
            max_record_kib: 10 * 1024,
            distribution: RecordDistribution::UserPartitionKey,
            warm_mibps: 0,
        };
        self.engine.control.create_stream(&self.stream.scope, new).await
    }

    async fn restart(&mut self) {
        self.engine.store().shut_down();
        self.engine = start(&self.disk, &self.clock, &self.settings).await;
    }

    /// Puts so many KiB where the hash key says.
    async fn put(&self, hash_key: u128, kib: usize) -> PutOutcome {
        let data = vec![7; kib * KIB];
        let entry = PutEntry {
            partition_key: Some(Cow::Borrowed("k")),
            explicit_hash_key: Some(hash_key),
            data: &data[..],
        };
        let StreamRef { scope, name } = &self.stream;
        let prepared = self
            .engine
            .data
            .prepare_put_records(scope, name, PRINCIPAL, &[entry])
            .expect("prepared");
        let committed = self.engine.data.commit_put(prepared).await.expect("committed");
        committed.expect("no reshard")[0]
    }

    /// Lets time pass, lets the service look at its streams, and waits until it has done what it
    /// began. Returns how many streams it changed.
    async fn round(&self, ms: u64) -> usize {
        self.clock.advance_ms(ms);
        let changed = self.engine.control.scale_on_demand_streams().await;
        self.settle().await;
        changed
    }

    async fn settle(&self) {
        while self.status() == Some(StreamStatus::Updating) {
            tokio::task::yield_now().await;
        }
    }

    fn status(&self) -> Option<StreamStatus> {
        self.stream().status(self.engine.now_ms())
    }

    fn stream(&self) -> Arc<anabranch_engine::Stream> {
        self.engine.stream(&self.stream.scope, &self.stream.name).expect("there")
    }

    fn open(&self) -> Vec<Shard> {
        let open = list(&self.engine, &self.stream.scope, "s", ShardFilter::AtLatest);
        assert_covers_ring(&open);
        open
    }

    async fn commit(&self, enabled: bool) -> CommitmentStatus {
        let commitment = self.engine.control.set_commitment(&self.stream.scope, enabled).await;
        commitment.expect("set").status(self.engine.now_ms())
    }

    async fn warm(&self, mibps: u32) -> (u32, u32) {
        let (_, warm) = self
            .engine
            .control
            .set_warm_throughput(&self.stream, mibps)
            .await
            .expect("warm throughput");
        self.settle().await;
        (warm.target_mibps, warm.current_mibps)
    }
}

async fn start(
    disk: &FakeDisk,
    clock: &Arc<ManualClock>,
    settings: &EngineSettings,
) -> Arc<Engine> {
    let options =
        StoreOptions { journal_file_bytes: 2 << 20, ..StoreOptions::new(PathBuf::from("/data")) };
    let disk = Arc::new(disk.clone());
    let engine =
        Engine::start(options, settings.clone(), disk, clock.clone(), Arc::new(NoKeys)).await;
    engine.expect("the engine starts")
}

#[tokio::test]
async fn a_shard_that_stays_hot_is_split_evenly() {
    let world = World::on_demand().await;
    world.round(1000).await;
    let mut changes = Vec::new();
    for _ in 0..3 {
        world.put(QUARTER, 600).await;
        world.put(0, 400).await;
        changes.push(world.round(1000).await);
    }
    assert_eq!(changes, [0, 0, 1]);
    let open = world.open();
    assert_eq!(open.len(), 5);
    let parents: Vec<u32> = open.iter().filter_map(|s| s.parent).map(|id| id.0).collect();
    assert_eq!(parents, [1, 1]);
    let starts: Vec<u128> =
        open.iter().filter(|s| s.parent.is_some()).map(|s| s.range.start).collect();
    assert_eq!(starts, [QUARTER, QUARTER + QUARTER / 2]);
    // The load goes on in one half, which has not been hot for long.
    world.put(QUARTER, 600).await;
    assert_eq!(world.round(1000).await, 0);
}

#[tokio::test]
async fn provisioned_streams_are_left_alone() {
    let settings = EngineSettings { rates: ShardRates::OFF, ..EngineSettings::default() };
    let world = World::new(StreamMode::Provisioned, settings).await;
    for _ in 0..5 {
        world.put(0, 900).await;
        assert_eq!(world.round(1000).await, 0);
    }
    assert_eq!(world.open().len(), 2);
    // As an on-demand one it gets the shards that such a stream starts with.
    world
        .engine
        .control
        .set_stream_mode(&world.stream, StreamMode::OnDemand, None)
        .await
        .expect("set");
    assert_eq!(world.open().len(), 2, "a switch keeps the shards");
    assert_eq!(world.round(1000).await, 1);
    assert_eq!(world.open().len(), 4);
}

#[tokio::test]
async fn there_is_room_for_twice_the_peak_of_thirty_days_also_after_a_restart() {
    let mut world = World::on_demand().await;
    world.round(1000).await;
    for quarter in 0..4 {
        world.put(quarter * QUARTER, 900).await;
    }
    assert_eq!(world.round(1000).await, 1);
    // Four times 900 KiB and a key of one byte, twice.
    assert_eq!(world.open().len(), 8);
    world.restart().await;
    for _ in 0..29 {
        assert_eq!(world.round(DAY_MS).await, 0, "the peak still counts");
    }
    assert_eq!(world.open().len(), 8);
    assert_eq!(world.round(DAY_MS).await, 0, "cold from now on");
    assert_eq!(world.round(DAY_MS - 1).await, 0);
    assert_eq!(world.round(1).await, 1);
    assert_eq!(world.open().len(), 4);
}

#[tokio::test]
async fn growth_ends_with_the_accounts_shards() {
    let settings =
        EngineSettings { rates: ShardRates::OFF, shard_limit: 5, ..EngineSettings::default() };
    let world = World::new(StreamMode::OnDemand, settings).await;
    world.round(1000).await;
    for _ in 0..8 {
        world.put(0, 600).await;
        world.put(2 * QUARTER, 700).await;
        world.round(1000).await;
    }
    let parents: Vec<_> = world.open().iter().filter_map(|shard| shard.parent).collect();
    assert_eq!((world.open().len(), parents[0].0), (5, 2), "the hotter one was split");
}

#[tokio::test]
async fn warm_throughput_opens_shards_and_gives_them_back() {
    let mut world = World::on_demand().await;
    let refused = world.engine.control.set_warm_throughput(&world.stream, 7).await;
    assert!(
        matches!(refused, Err(CapacityError::Warm(WarmThroughputError::NeedsCommitment(_)))),
        "{refused:?}"
    );
    assert_eq!(world.commit(true).await, CommitmentStatus::Enabled);
    assert_eq!(world.warm(7).await, (7, 4));
    assert_eq!(world.open().len(), 7);
    world.restart().await;
    let warm = world.engine.control.warm_throughput(&world.stream()).expect("unlocked");
    assert_eq!((warm.target_mibps, warm.current_mibps), (7, 7));
    assert_eq!(world.round(3 * DAY_MS).await + world.round(3 * DAY_MS).await, 0);
    assert_eq!(world.warm(5).await, (5, 5));
    assert_eq!(world.round(1000).await, 1, "what is too much goes without waiting");
    assert_eq!(world.open().len(), 5);

    assert_eq!(world.warm(9).await, (9, 5));
    assert_eq!(world.commit(false).await, CommitmentStatus::Disabled);
    assert!(world.engine.control.warm_throughput(&world.stream()).is_none());
    assert_eq!(world.round(1000).await, 0);
    assert_eq!(world.round(DAY_MS).await, 1, "without a commitment nothing is kept warm");
    assert_eq!(world.open().len(), 4);
}

#[tokio::test]
async fn a_commitment_unlocks_consumers_until_it_ends_by_itself() {
    let mut world = World::on_demand().await;
    assert_eq!(world.commit(true).await, CommitmentStatus::Enabled);
    for consumer in 0..30 {
        let name = format!("c{consumer}");
        let registered =
            world.engine.control.register_consumer(&world.stream, &name, BTreeMap::new()).await;
        registered.expect("registered");
    }
    world.clock.advance_ms(HOUR_MS);
    assert_eq!(world.commit(false).await, CommitmentStatus::EnabledUntilEarliestAllowedEnd);
    world.clock.advance_ms(23 * HOUR_MS - 1);
    world.restart().await;
    let status = |world: &World| {
        world.engine.control.commitment(&world.stream.scope).status(world.engine.now_ms())
    };
    assert_eq!(status(&world), CommitmentStatus::EnabledUntilEarliestAllowedEnd);
    world.clock.advance_ms(1);
    assert_eq!(status(&world), CommitmentStatus::Disabled);
    let refused =
        world.engine.control.register_consumer(&world.stream, "more", BTreeMap::new()).await;
    assert!(
        matches!(refused, Err(RegisterConsumerError::Limit(ConsumerLimit { limit: 20, .. }))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_mode_is_switched_twice_in_any_day() {
    let world = World::on_demand().await;
    let switch = |mode| world.engine.control.set_stream_mode(&world.stream, mode, None);
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
    let world = World::new(StreamMode::OnDemand, settings).await;
    let is_stored = |outcome| matches!(outcome, PutOutcome::Stored { .. });
    assert!(is_stored(world.put(0, 640).await));
    assert!(!is_stored(world.put(0, 640).await));
    world.clock.advance_ms(1000);
    assert!(is_stored(world.put(0, 63).await), "the rate goes on behind a large record");
    assert!(!is_stored(world.put(0, 640).await));
    world.clock.advance_ms(11_000);
    assert!(is_stored(world.put(0, 640).await));
    let expected = ShardTraffic {
        incoming_bytes: (2 * 640 * KIB + 63 * KIB + 3) as u64,
        incoming_records: 3,
        write_throttles: 2,
        ..ShardTraffic::default()
    };
    assert_eq!(world.stream().open[0].meter.traffic(), expected);
    assert_eq!(world.stream().open[1].meter.traffic(), ShardTraffic::default());
}
