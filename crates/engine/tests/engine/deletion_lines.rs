//! Whatever deletes records says so in the log: stream, shard, range and reason.

use crate::world::{Setup, World, entry, put_on, scope};
use anabranch_engine::{Durability, PutOutcome, StoreOptions, StreamRef};
use anabranch_testkit::log_lines::LogLines;
use std::sync::Arc;

const DAY_MS: u64 = 24 * 3_600_000;

fn arn(name: &str) -> String {
    StreamRef { scope: scope(), name: Arc::from(name) }.as_arn().to_string()
}

impl World {
    /// Puts so many records of 4 KiB to each of the shards, and one request at a time.
    async fn fill(&self, name: &str, shards: u32, records: usize) {
        let data = [b'x'; 4 << 10];
        for record in 0..records * shards as usize {
            let width = u128::MAX / u128::from(shards);
            let mut entry = entry("k", &data[..]);
            entry.explicit_hash_key =
                Some(width * (record as u128 % u128::from(shards)) + width / 2);
            let outcomes = put_on(&self.engine, name, &[entry]).await.expect("put");
            assert!(matches!(outcomes[0], PutOutcome::Stored { .. }));
        }
    }

    /// Has maintenance look until there is such a line.
    fn until_logged(&self, log: &LogLines, parts: &[&str]) -> Vec<String> {
        for _ in 0..10_000 {
            self.engine.store().maintain();
            let lines = log.with(parts);
            if !lines.is_empty() {
                return lines;
            }
            std::thread::yield_now();
        }
        panic!("nothing logged of {parts:?}: {:#?}", log.with(&[]));
    }
}

#[tokio::test]
async fn records_that_have_expired() {
    let log = LogLines::begin();
    let world = World::unlimited().await;
    world.create("expiring", 3).await.expect("created");
    world.fill("expiring", 3, 4).await;
    while world.segments("").is_empty() {
        world.engine.store().maintain();
    }
    assert!(log.with(&["records are deleted", &arn("expiring")]).is_empty());
    world.clock.advance_ms(DAY_MS + 1);
    for shard in 0..3 {
        let (stream, shard) = (arn("expiring"), format!("shardId-{shard:012}"));
        let parts = ["records are deleted: their retention period is over", &stream, &shard];
        let line = world.until_logged(&log, &parts).remove(0);
        for part in ["first=", "end=", "last_ms=1700000000000", "hours=24"] {
            assert!(line.contains(part), "{line}");
        }
    }
}

#[tokio::test]
async fn records_of_a_stream_that_was_deleted() {
    let log = LogLines::begin();
    let world = World::unlimited().await;
    world.create("deleted", 1).await.expect("created");
    world.fill("deleted", 1, 12).await;
    while world.segments("").is_empty() {
        world.engine.store().maintain();
    }
    let deleted = world.engine.control.delete_stream(&world.scope, "deleted", false);
    deleted.await.expect("deleted");
    // Without a transition it is purged in a task that goes on at once.
    while log.with(&["a deleted stream is gone", &arn("deleted"), "number=0"]).is_empty() {
        tokio::task::yield_now().await;
    }
    // What was in segments, and what was in the journal alone and comes to none.
    world.create("other", 1).await.expect("created");
    world.fill("other", 1, 12).await;
    let parts = ["records are deleted: their stream is gone", &arn("deleted"), "shard=shardId-000"];
    world.until_logged(&log, &parts);
    let mut next = 1;
    while next < 13 {
        let first = format!(" first={next} ");
        let line = world.until_logged(&log, &[&parts[..], &[&first]].concat()).remove(0);
        let end = line.split(" end=").nth(1).and_then(|rest| rest.split(' ').next());
        next = end.and_then(|end| end.parse().ok()).expect("an end");
    }
    assert_eq!(next, 13);
}

#[tokio::test]
async fn records_that_the_memory_has_no_room_for() {
    let log = LogLines::begin();
    let setup = Setup::default();
    let options = StoreOptions {
        durability: Durability::Memory,
        tail_cache_bytes: 256 << 10,
        drops_oldest: true,
        ..setup.options.clone()
    };
    let world = World::new(Setup { options, ..setup }).await;
    world.create("dropped", 2).await.expect("created");
    world.fill("dropped", 2, 100).await;
    for shard in ["shardId-000000000000", "shardId-000000000001"] {
        let parts = ["memory for records (--tail-cache-bytes) is full", &arn("dropped"), shard];
        let line = world.until_logged(&log, &parts).remove(0);
        assert!(line.contains(" first=") && line.contains(" end="), "{line}");
    }
}

#[tokio::test]
async fn each_of_many_shards_has_its_line() {
    const SHARDS: u32 = 150;
    let log = LogLines::begin();
    let setup = Setup::default();
    let options = StoreOptions { journal_file_bytes: 1 << 20, ..setup.options.clone() };
    let world = World::new(Setup { options, ..setup }).await;
    world.create("many", SHARDS).await.expect("created");
    world.fill("many", SHARDS, 2).await;
    while world.segments("").is_empty() {
        world.engine.store().maintain();
    }
    world.clock.advance_ms(DAY_MS + 1);
    let retention = "records are deleted: their retention period is over";
    world.until_logged(&log, &[retention, &arn("many")]);
    world.engine.store().maintain();
    for shard in 0..SHARDS {
        let shard = format!("shardId-{shard:012}");
        assert_eq!(log.with(&[retention, &arn("many"), &shard]).len(), 1, "{shard}");
    }
}
