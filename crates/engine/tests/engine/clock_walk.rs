//! A clock that is wrong for seconds, at every state of a small scenario and by every size: nothing that
//! was acknowledged within its retention is lost.

use crate::world::{ALICE, STREAM, Setup, World, entry, put_on};
use anabranch_engine::{EngineSettings, KeyRequest, PutOutcome, StartingPosition, StreamStatus};
use anabranch_env::{AHEAD_MS, Clock, ManualClock};
use std::sync::Arc;

/// Later than that of other tests: a clock before 2024 counts as one that was never set.
const START_MS: u64 = 1_800_000_000_000;
const SECOND_MS: i64 = 1000;
const HOUR_MS: i64 = 3600 * SECOND_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const JUMPS_MS: [i64; 8] = [
    SECOND_MS,
    -SECOND_MS,
    HOUR_MS,
    -HOUR_MS,
    2 * DAY_MS,
    -2 * DAY_MS,
    3650 * DAY_MS,
    -3650 * DAY_MS,
];
/// States at which the clock is wrong for a while.
const STATES: usize = 9;
/// How long a change of a stream is visible.
const TRANSITION_MS: i64 = 3 * SECOND_MS;
/// The cell's time goes a little slower while it is ahead of the clock.
const SETTLED_MS: i64 = TRANSITION_MS + TRANSITION_MS / 15 + 1;

/// What happens while the clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    Puts,
    /// The process ends and another one begins, twice; and again when the clock is right.
    Restarts,
    /// As that, but by power cuts.
    PowerCuts,
}

struct Walk {
    world: World,
    /// Data of all records that were acknowledged.
    acknowledged: Vec<Vec<u8>>,
    jump_ms: i64,
    /// How long the clock is wrong.
    wrong_ms: i64,
    wrong_at: usize,
    meanwhile: Meanwhile,
    state: usize,
}

impl Walk {
    async fn begin(jump_ms: i64, wrong_at: usize, meanwhile: Meanwhile) -> Self {
        let world = Self::world(START_MS).await;
        let acknowledged = Vec::new();
        let wrong_ms = 12 * SECOND_MS;
        Self { world, acknowledged, jump_ms, wrong_ms, wrong_at, meanwhile, state: 0 }
    }

    async fn world(start_ms: u64) -> World {
        let setup = Setup::default();
        let transition_ms = TRANSITION_MS.unsigned_abs();
        let settings = EngineSettings { transition_ms, ..setup.settings };
        let clock = Arc::new(ManualClock::at_ms(start_ms));
        World::new(Setup { clock, agrees: true, settings, ..setup }).await
    }

    /// Creates the stream, which is not there at once, and maybe while the clock is wrong.
    async fn create(&mut self) {
        self.world.create(STREAM, 1).await.expect("created");
        assert_eq!(self.world.status(), Some(StreamStatus::Creating));
        self.pause().await;
        self.settle();
    }

    /// Whatever the clock has done, a change is over when its time has passed.
    fn settle(&self) {
        self.pass(SETTLED_MS);
        let Self { jump_ms, wrong_at, meanwhile, .. } = self;
        let status = self.world.status();
        assert_eq!(status, Some(StreamStatus::Active), "{jump_ms} at {wrong_at}, {meanwhile:?}");
    }

    /// Whether there is a stream that takes records.
    fn takes_records(&self) -> bool {
        let stream = self.world.engine.stream(&self.world.scope, STREAM);
        let status = stream.ok().and_then(|stream| stream.status(self.world.engine.now_ms()));
        matches!(status, Some(StreamStatus::Active | StreamStatus::Updating))
    }

    /// Encrypts what follows: the stream is UPDATING for a while.
    async fn encrypt(&mut self) {
        let (caller, key_id) = (self.world.scope.clone(), "a".to_owned());
        let request = KeyRequest { caller, principal: Arc::from(ALICE), key_id };
        let control = self.world.engine.control.clone();
        control.start_encryption(&self.world.scope, STREAM, request).await.expect("started");
        assert_eq!(self.world.status(), Some(StreamStatus::Updating));
        self.pause().await;
        self.settle();
    }

    /// Deletes the stream: it is DELETING for a while.
    async fn delete(&mut self) {
        let deleted = self.world.engine.control.delete_stream(&self.world.scope, STREAM, false);
        deleted.await.expect("deleted");
        let stream = self.world.stream();
        self.pause().await;
        self.pass(SETTLED_MS);
        assert_eq!(stream.status(self.world.engine.now_ms()), None, "{} ms", self.jump_ms);
    }

    /// Puts so many records that there are new segments.
    async fn put_many(&mut self) {
        for _ in 0..12 {
            self.put().await;
        }
        self.world.engine.store().maintain();
    }

    async fn put(&mut self) {
        let mut data = vec![b'x'; 4 << 10];
        data[..8].copy_from_slice(&(self.acknowledged.len() as u64).to_le_bytes());
        let entries = [entry("k", &data[..])];
        let outcome = put_on(&self.world.engine, STREAM, &entries).await.expect("put")[0];
        assert!(matches!(outcome, PutOutcome::Stored { .. }), "{outcome:?}");
        self.acknowledged.push(data);
    }

    /// Waits, for some turns of maintenance, until there are segments or none.
    fn until_segments(&self, are_there: bool) {
        for _ in 0..1000 {
            if self.world.segments("").is_empty() != are_there {
                return;
            }
            // What the journal thread has sealed, and what is revealed by then, decides when.
            self.world.engine.store().maintain();
            std::thread::yield_now();
        }
        panic!("there are {} segments", self.world.segments("").len());
    }

    /// Lets time pass, and the clocks be compared now and then.
    fn pass(&self, ms: i64) {
        let mut left = ms.unsigned_abs();
        loop {
            let step = left.min(10 * 60 * 1000);
            self.world.clock.advance_ms(step);
            self.world.engine.store().maintain();
            left -= step;
            if left == 0 {
                return;
            }
        }
    }

    fn jump(&self, ms: i64) {
        let now_ms = self.world.clock.now_ms();
        self.world.clock.set_ms(now_ms.saturating_add_signed(ms));
        self.world.engine.store().maintain();
    }

    async fn end_process(&mut self) {
        match self.meanwhile {
            Meanwhile::Puts => {}
            Meanwhile::Restarts => self.world.restart().await,
            Meanwhile::PowerCuts => self.world.cut_power().await,
        }
        self.world.engine.store().maintain();
    }

    /// The next state: here the clock may be wrong for a while.
    async fn pause(&mut self) {
        let is_here = self.state == self.wrong_at;
        self.state += 1;
        if !is_here {
            return;
        }
        self.jump(self.jump_ms);
        self.put_if_taken().await;
        for _ in 0..2 {
            self.end_process().await;
            self.pass(self.wrong_ms / 2);
            self.put_if_taken().await;
        }
        self.jump(-self.jump_ms);
        self.end_process().await;
        self.pass(0);
    }

    async fn put_if_taken(&mut self) {
        if self.takes_records() {
            self.put().await;
        }
    }

    async fn check(&self) {
        let found = self.world.read(STREAM, 0, StartingPosition::TrimHorizon).await;
        let Self { jump_ms, wrong_at, meanwhile, .. } = self;
        assert!(found == self.acknowledged, "{jump_ms} ms at {wrong_at}, {meanwhile:?}");
    }

    async fn run(&mut self) {
        self.pause().await;
        self.create().await;
        self.pause().await;
        self.put_many().await;
        self.pause().await;
        self.pass(12 * HOUR_MS);
        self.put_many().await;
        self.pause().await;
        let increased = self.world.engine.control.increase_retention(&self.world.scope, STREAM, 25);
        increased.await.expect("increased");
        self.encrypt().await;
        self.pass(11 * HOUR_MS);
        self.pause().await;
        self.put_many().await;
        self.world.engine.control.forget_expired_shards().await.expect("looked");
        self.pause().await;
        self.check().await;
        self.delete().await;
        assert_eq!(self.state, STATES);
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_for_seconds_takes_nothing() {
    for jump_ms in JUMPS_MS {
        for wrong_at in 0..STATES {
            let mut walk = Walk::begin(jump_ms, wrong_at, Meanwhile::Puts).await;
            walk.run().await;
            // And nothing is dated far ahead, nor is the cell far from the time.
            let now_ms = walk.world.clock.now_ms();
            assert!(walk.world.engine.now_ms() <= now_ms + AHEAD_MS, "{jump_ms} at {wrong_at}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_for_so_long_that_it_is_believed_takes_nothing() {
    for meanwhile in [Meanwhile::Puts, Meanwhile::Restarts] {
        for jump_ms in JUMPS_MS {
            for wrong_at in 0..STATES {
                let walk = Walk::begin(jump_ms, wrong_at, meanwhile).await;
                Walk { wrong_ms: 40 * 60 * SECOND_MS, ..walk }.run().await;
            }
        }
    }
}

#[tokio::test]
async fn a_clock_that_was_wrong_from_the_start_holds_no_state_up() {
    for jump_ms in JUMPS_MS {
        for wrong_ms in [SECOND_MS, HOUR_MS, 30 * HOUR_MS] {
            let mut walk = Walk::begin(0, STATES, Meanwhile::Puts).await;
            walk.world = Walk::world(START_MS.saturating_add_signed(jump_ms)).await;
            walk.jump_ms = jump_ms;
            walk.create().await;
            walk.pass(wrong_ms);
            walk.put().await;
            walk.jump(-jump_ms);
            walk.encrypt().await;
            walk.world.restart().await;
            walk.delete().await;
            walk.create().await;
            walk.put().await;
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_over_restarts_takes_nothing() {
    for meanwhile in [Meanwhile::Restarts, Meanwhile::PowerCuts] {
        for jump_ms in JUMPS_MS {
            for wrong_at in 0..STATES {
                Walk::begin(jump_ms, wrong_at, meanwhile).await.run().await;
            }
        }
    }
}

#[tokio::test]
async fn what_has_expired_by_both_clocks_is_deleted() {
    let mut walk = Walk::begin(2 * DAY_MS, 3, Meanwhile::Puts).await;
    walk.run().await;
    walk.until_segments(true);
    walk.pass(26 * HOUR_MS);
    // The newest records are in the journal still.
    walk.until_segments(false);
    assert_eq!(walk.world.engine.store().deletion_held_ms(), None);
}

#[tokio::test]
async fn deletion_is_held_after_a_jump_until_the_operator_says_so() {
    let mut walk = Walk::begin(0, STATES, Meanwhile::Puts).await;
    walk.create().await;
    walk.put_many().await;
    walk.until_segments(true);
    let before = walk.world.segments("");
    walk.jump(2 * DAY_MS);
    walk.pass(HOUR_MS);
    let store = walk.world.engine.store();
    assert_eq!(store.deletion_held_ms(), Some(2 * DAY_MS.unsigned_abs()));
    let after = walk.world.segments("");
    assert!(before.iter().all(|segment| after.contains(segment)));
    store.resume_deletion();
    store.maintain();
    assert_eq!(store.deletion_held_ms(), None);
    walk.until_segments(false);
}
