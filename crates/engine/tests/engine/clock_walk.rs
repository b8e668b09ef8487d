//! A clock that is wrong for seconds, at every state of a small scenario and by every size: nothing that
//! was acknowledged within its retention is lost.

use crate::world::{STREAM, Setup, World, entry, put_on};
use anabranch_engine::{PutOutcome, StartingPosition, StreamStatus};
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
const STATES: usize = 6;

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
    wrong_at: usize,
    meanwhile: Meanwhile,
    state: usize,
}

impl Walk {
    async fn begin(jump_ms: i64, wrong_at: usize, meanwhile: Meanwhile) -> Self {
        let clock = Arc::new(ManualClock::at_ms(START_MS));
        let world = World::new(Setup { clock, agrees: true, ..Setup::default() }).await;
        let acknowledged = Vec::new();
        Self { world, acknowledged, jump_ms, wrong_at, meanwhile, state: 0 }
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

    fn pass(&self, ms: i64) {
        self.world.clock.advance_ms(ms.unsigned_abs());
        self.world.engine.store().maintain();
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

    /// The next state: here the clock may be wrong for twelve seconds.
    async fn pause(&mut self) {
        let is_here = self.state == self.wrong_at;
        self.state += 1;
        if !is_here {
            return;
        }
        self.jump(self.jump_ms);
        if self.state > 1 {
            self.put().await;
        }
        for _ in 0..2 {
            self.end_process().await;
            self.pass(6 * SECOND_MS);
            if self.state > 1 {
                self.put().await;
            }
        }
        self.jump(-self.jump_ms);
        self.end_process().await;
        self.pass(0);
    }

    async fn check(&self) {
        let found = self.world.read(STREAM, 0, StartingPosition::TrimHorizon).await;
        let Self { jump_ms, wrong_at, meanwhile, .. } = self;
        assert!(found == self.acknowledged, "{jump_ms} ms at {wrong_at}, {meanwhile:?}");
    }

    async fn run(&mut self) {
        self.pause().await;
        self.world.create(STREAM, 1).await.expect("created");
        self.pause().await;
        self.put_many().await;
        self.pause().await;
        self.pass(12 * HOUR_MS);
        self.put_many().await;
        self.pause().await;
        let increased = self.world.engine.control.increase_retention(&self.world.scope, STREAM, 25);
        increased.await.expect("increased");
        self.pass(11 * HOUR_MS);
        self.pause().await;
        self.put_many().await;
        self.world.engine.control.forget_expired_shards().await.expect("looked");
        self.pause().await;
        assert_eq!(self.state, STATES);
        self.check().await;
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_for_seconds_takes_nothing() {
    for jump_ms in JUMPS_MS {
        for wrong_at in 0..STATES {
            let mut walk = Walk::begin(jump_ms, wrong_at, Meanwhile::Puts).await;
            walk.run().await;
            // And nothing is dated far ahead, nor is the cell far from the time.
            walk.put().await;
            let now_ms = walk.world.clock.now_ms();
            assert!(walk.world.engine.now_ms() <= now_ms + AHEAD_MS, "{jump_ms} at {wrong_at}");
            assert_eq!(walk.world.status(), Some(StreamStatus::Active));
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_over_restarts_takes_nothing() {
    for meanwhile in [Meanwhile::Restarts, Meanwhile::PowerCuts] {
        for jump_ms in JUMPS_MS {
            for wrong_at in 1..STATES {
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
    walk.world.create(STREAM, 1).await.expect("created");
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
