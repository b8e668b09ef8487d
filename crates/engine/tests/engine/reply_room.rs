//! GetRecords takes memory for its reply before it reads, and reads a limited shard one call at a time.

use crate::world::{STREAM, Setup, World, get_request};
use anabranch_engine::error::{GetRecordsError, NoRoom};
use anabranch_engine::{EngineSettings, ReadCount, ReplyRoom, ShardRates, StartingPosition};
use anabranch_model::ShardId;
use parking_lot::Mutex;

/// What a room was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Try(ReadCount),
    Take(ReadCount),
    Shrink(ReadCount),
}

/// A room that notes what it is asked.
#[derive(Default)]
struct Noting {
    is_full: bool,
    has_none: bool,
    /// Whether memory never comes free.
    waits: bool,
    asked: Mutex<Vec<Asked>>,
}

impl Noting {
    fn note(&self, asked: Asked) {
        self.asked.lock().push(asked);
    }
}

impl ReplyRoom for Noting {
    type Share = ();

    fn try_take(&self, read: ReadCount) -> Option<()> {
        self.note(Asked::Try(read));
        (!self.is_full).then_some(())
    }

    async fn take(&self, most: ReadCount) -> Option<()> {
        self.note(Asked::Take(most));
        if self.waits {
            std::future::pending().await
        }
        tokio::task::yield_now().await;
        (!self.has_none).then_some(())
    }

    fn shrink(&self, (): &mut (), read: ReadCount) {
        self.note(Asked::Shrink(read));
    }
}

const MOST: ReadCount = ReadCount { records: 100, bytes: 10 << 20 };

impl World {
    async fn get_into(&self, room: &Noting) -> Result<usize, GetRecordsError> {
        let start = StartingPosition::TrimHorizon;
        let iterator = self.iterator(STREAM, 0, start).expect("an iterator");
        let iterator = self.engine.data.open_iterator(&iterator).expect("an iterator");
        let request = get_request(&self.scope, &iterator, 100);
        let (reply, _) = self.engine.data.get_records(request, room).await?;
        Ok(reply.runs.iter().map(|run| run.count as usize).sum())
    }
}

#[tokio::test]
async fn records_in_memory_are_let_go_of_before_a_call_waits() {
    let world = World::plain(1).await;
    world.put(STREAM, &[("k", b"12345678")]).await;
    let read = ReadCount { records: 1, bytes: 9 };
    let room = Noting::default();
    assert_eq!(world.get_into(&room).await.expect("read"), 1);
    assert_eq!(*room.asked.lock(), [Asked::Try(read)]);
    let room = Noting { is_full: true, ..Noting::default() };
    assert_eq!(world.get_into(&room).await.expect("read"), 1);
    assert_eq!(*room.asked.lock(), [Asked::Try(read), Asked::Take(MOST), Asked::Shrink(read)]);
    let room = Noting { is_full: true, has_none: true, ..Noting::default() };
    let refused = world.get_into(&room).await;
    assert!(matches!(refused, Err(GetRecordsError::NoRoom(NoRoom))));
}

#[tokio::test]
async fn records_on_the_disk_are_read_when_there_is_memory_for_them() {
    let world = World::plain(1).await;
    // More than is kept in memory.
    for _ in 0..40 {
        world.put(STREAM, &[("k", &[7; 4000])]).await;
    }
    while world.segments("").len() < 5 {
        tokio::task::yield_now().await;
    }
    let room = Noting { has_none: true, ..Noting::default() };
    assert!(matches!(world.get_into(&room).await, Err(GetRecordsError::NoRoom(NoRoom))));
    assert_eq!(*room.asked.lock(), [Asked::Take(MOST)]);
}

#[tokio::test]
async fn records_that_leave_memory_while_a_call_waits_for_its_turn_need_memory() {
    let rates = ShardRates { read_bytes: 1 << 20, ..ShardRates::OFF };
    let settings = EngineSettings { rates, ..Setup::default().settings };
    let world = World::with_stream(1, settings).await;
    world.put(STREAM, &[("k", &[7; 50])]).await;
    let stream = world.engine.stream(&world.scope, STREAM).expect("there");
    let turn = stream.slot(ShardId(0)).expect("there").meter.turn_to_read(&rates, 0).await;
    let room = Noting::default();
    let mut waiting = std::pin::pin!(world.get_into(&room));
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("it is another one's turn"),
        () = tokio::task::yield_now() => {}
    }
    // More than is kept in memory.
    for _ in 0..40 {
        world.put(STREAM, &[("k", &[7; 4000])]).await;
    }
    while world.engine.store().is_in_memory(0) {
        tokio::task::yield_now().await;
    }
    drop(turn);
    assert_eq!(waiting.await.expect("read"), 41);
    assert_eq!(room.asked.lock()[0], Asked::Take(MOST));
}

#[tokio::test]
async fn calls_at_the_same_moment_are_judged_by_what_the_first_one_gets() {
    let rates = ShardRates { read_bytes: 1000, read_calls: 5, ..ShardRates::OFF };
    let settings = EngineSettings { rates, ..Setup::default().settings };
    let world = World::with_stream(1, settings).await;
    world.put(STREAM, &[("k", &[7; 5000])]).await;
    let room = Noting { is_full: true, ..Noting::default() };
    let calls = [world.get_into(&room), world.get_into(&room), world.get_into(&room)];
    let [first, second, third] = calls;
    let got: [_; 3] = tokio::join!(first, second, third).into();
    let is_refused = |got: &&Result<usize, GetRecordsError>| {
        matches!(got, Err(GetRecordsError::ReadRateExceeded(_)))
    };
    assert_eq!(got.iter().filter(is_refused).count(), 2, "{got:?}");
    assert_eq!(got.iter().flatten().collect::<Vec<_>>(), [&1]);
}

#[tokio::test]
async fn whoever_waits_for_memory_holds_up_nobody_else() {
    let rates = ShardRates { read_bytes: 1000, read_calls: 5, ..ShardRates::OFF };
    let settings = EngineSettings { rates, ..Setup::default().settings };
    let world = World::with_stream(1, settings).await;
    world.put(STREAM, &[("k", &[7; 50])]).await;
    let full = Noting { is_full: true, waits: true, ..Noting::default() };
    let mut waiting = std::pin::pin!(world.get_into(&full));
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("there is no memory"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(world.get_into(&Noting::default()).await.expect("read"), 1);
}
