//! A catalog that lacks a change: what is saved of a damaged directory is readable.

use crate::world::{STREAM, Setup, World, scope};
use anabranch_engine::salvage::{self, Lost};
use anabranch_engine::{StartingPosition, StoreOptions};
use anabranch_model::{ShardId, ShardKey};
use std::path::Path;

async fn read(world: &World, shard: u32) -> Vec<String> {
    let read = world.read(STREAM, shard, StartingPosition::TrimHorizon).await;
    read.iter().map(|data| String::from_utf8_lossy(data).into_owned()).collect()
}

#[tokio::test]
async fn shards_whose_opening_is_lost_are_closed_ones_of_their_stream() {
    let world = World::unlimited().await;
    let disk = world.disk.clone();
    world.create(STREAM, 1).await.expect("created");
    world.put_at(0, b"before").await;
    let half = 1 << 127;
    world.split("shardId-000000000000", half).await.expect("split");
    world.put_at(0, b"lower").await;
    world.put_at(u128::MAX, b"upper").await;
    world.engine.store().shut_down();
    // The command Reshard, as docs/formats/catalog.md has it.
    let journal = Path::new("/data/journal/0000000000000001.journal");
    disk.corrupt(journal, |bytes| {
        let at = bytes.windows(3).position(|bytes| bytes == [0x82, 7, 0x81]).expect("a reshard");
        bytes[at + 4] ^= 1;
    });

    let found = salvage::read(&disk, Path::new("/data"), &mut |_| {}).expect("read");
    let lost: Vec<_> = found.findings.iter().map(|finding| &finding.lost).collect();
    assert!(matches!(lost[..], [Lost::Command { number: 3 }]), "{lost:?}");
    let salvaged = salvage::rebuild(&found, &scope());
    let adopted: Vec<ShardKey> = salvaged.adopted.keys().copied().collect();
    assert_eq!(adopted, [1, 2].map(|shard| ShardKey::new(0, ShardId(shard))));
    let (command, payload) = salvaged.catalog.snapshot();
    let catalog = (command, &payload[..]);
    found.write(&disk, Path::new("/saved"), catalog, &[], &mut |_| {}).expect("written");

    let options = StoreOptions { directory: "/saved".into(), ..world.options.clone() };
    let world = World::new(Setup { options, disk, ..Setup::default() }).await;
    for (shard, text) in [(0, "before"), (1, "lower"), (2, "upper")] {
        assert_eq!(read(&world, shard).await, [text], "shard {shard}");
    }
    world.put_at(u128::MAX, b"after").await;
    assert_eq!(read(&world, 0).await, ["before", "after"], "open again, for all of the ring");
    // A shard that is opened now is none of those that were found.
    world.split("shardId-000000000000", half).await.expect("split");
    let stream = world.stream();
    let open: Vec<u32> = stream.open.iter().map(|slot| slot.shard.id.0).collect();
    assert_eq!(open, [3, 4]);
}
