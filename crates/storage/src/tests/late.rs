//! A medium that confirms late: memory with two batches under way, each of few bytes. What the writer
//! does with several of them shows here, and on no other medium.

use crate::cell::common::Common;
use crate::cell::queue::Submission;
use crate::cell::writer::{Next, Writer};
use crate::medium::journal::{Journal, JournalError, Room};
use crate::medium::memory::MemoryMedium;
use crate::medium::opened::{Medium, Opened};
use crate::tests::support::queue_command;
use crate::{
    AppendError, Appended, Gate, OpenError, ReadRequest, RunsBuilder, Store, StoreHealth,
    StoreOptions, Succession,
};
use anabranch_env::ManualClock;
use anabranch_model::ShardKey;
use bytes::Bytes;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

const UNDER_WAY_MAX: usize = 2;
const BATCH_BYTES: u64 = 1 << 10;

#[derive(Debug)]
pub(super) struct Late {
    memory: MemoryMedium,
    /// How often the journal can be asked before it fails.
    answers_max: usize,
}

impl Late {
    pub(super) fn new(options: &StoreOptions) -> Self {
        Self { memory: MemoryMedium::new(options), answers_max: usize::MAX }
    }
}

impl Medium for Late {
    fn open(&self, common: &Common) -> Result<Opened, OpenError> {
        let opened = self.memory.open(common)?;
        let journal = LateJournal {
            memory: opened.journal,
            common: common.clone(),
            under_way: 0,
            is_asked: false,
            answers_max: self.answers_max,
        };
        Ok(Opened { journal: Box::new(journal), ..opened })
    }
}

/// Confirms the oldest batch when it is asked for the second time.
#[derive(Debug)]
struct LateJournal {
    memory: Box<dyn Journal>,
    common: Common,
    under_way: usize,
    is_asked: bool,
    answers_max: usize,
}

impl Journal for LateJournal {
    fn room(&self) -> Room {
        let Room { records, commands } = self.memory.room();
        Room { records: records.min(BATCH_BYTES), commands: commands.min(BATCH_BYTES) }
    }

    fn begin_chapter(&mut self, first: &Submission) -> Result<(), JournalError> {
        assert_eq!(self.under_way, 0, "a chapter begins behind what is confirmed");
        self.memory.begin_chapter(first)
    }

    fn takes_more(&self) -> bool {
        self.under_way < UNDER_WAY_MAX
    }

    fn begin_batch(&mut self, batch: &mut [Submission]) -> Result<(), JournalError> {
        assert!(self.takes_more() && !batch.is_empty());
        self.under_way += 1;
        self.memory.begin_batch(batch)
    }

    fn confirmed(&mut self) -> Result<usize, JournalError> {
        self.answers_max -= 1;
        if self.answers_max == 0 {
            return Err(io::Error::other("nobody knows what was written").into());
        }
        self.is_asked = !self.is_asked;
        self.under_way -= usize::from(!self.is_asked);
        if self.under_way > 0 {
            self.common.queue.wake();
        }
        Ok(usize::from(!self.is_asked))
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_deadline(&mut self) -> Result<(), JournalError> {
        Ok(())
    }

    fn idle(&mut self, next_index: u64) -> Result<(), JournalError> {
        assert_eq!(self.under_way, 0, "something is under way");
        self.memory.idle(next_index)
    }

    fn finish(&mut self, next_index: u64) -> Result<(), JournalError> {
        assert_eq!(self.under_way, 0, "something is under way");
        self.memory.finish(next_index)
    }
}

/// A store without threads whose journal fails when it is asked for the `answers_max`-th time.
fn open(answers_max: usize) -> (Store, Writer) {
    let tail_cache_bytes = 16 << 10;
    let options = StoreOptions { tail_cache_bytes, ..StoreOptions::new(PathBuf::from("/data")) };
    let medium = Late { answers_max, ..Late::new(&options) };
    let clock = Arc::new(ManualClock::at_ms(1_000));
    let (opening, _) = Store::open_on(&medium, options, clock).expect("opened");
    let (store, writer, _) = opening.take_apart();
    (store, writer)
}

type Outcome = Result<Appended, AppendError>;

/// An append, and what came of it as soon as that is known.
struct Call<'a> {
    future: Pin<Box<dyn Future<Output = Outcome> + 'a>>,
    outcome: Option<Outcome>,
}

impl<'a> Call<'a> {
    /// Appends a record, a batch by itself.
    fn new(store: &'a Store, gate: &'a Gate) -> Self {
        let mut runs = RunsBuilder::default();
        runs.push(ShardKey(1), |run| run.push(Some("key"), &[7; 700]));
        let mut call =
            Self { future: Box::pin(store.append(runs.finish(), [gate])), outcome: None };
        call.look();
        call
    }

    fn look(&mut self) -> Option<&Outcome> {
        if self.outcome.is_none()
            && let Poll::Ready(outcome) =
                self.future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            self.outcome = Some(outcome);
        }
        self.outcome.as_ref()
    }
}

/// As many turns as it takes, and more.
fn write_all(writer: &mut Writer) {
    for _ in 0..20 {
        writer.turn(Instant::now());
    }
}

fn readable(store: &Store) -> usize {
    let request = ReadRequest {
        shard: ShardKey(1),
        from_index: 0,
        from_ms: 0,
        first_from_secs: 0,
        end_index: None,
        records_max: 1_000,
        bytes_max: 1 << 20,
    };
    store.read(&request).expect("memory").runs.len()
}

#[test]
fn what_is_confirmed_is_shown_in_order_while_more_is_under_way() {
    let (store, mut writer) = open(usize::MAX);
    let gate = Gate::default();
    let mut calls: Vec<_> = (0..6).map(|_| Call::new(&store, &gate)).collect();
    let (mut shown, mut waits) = (Vec::new(), 0);
    while shown.last() != Some(&6) {
        waits += usize::from(writer.turn(Instant::now()) == Next::Wait(None));
        let answers: Vec<bool> = calls.iter_mut().map(|call| call.look().is_some()).collect();
        let answered = answers.iter().filter(|is_there| **is_there).count();
        assert!(answers[..answered].iter().all(|is_there| *is_there), "out of order: {answers:?}");
        assert_eq!((readable(&store), store.durable_index()), (answered, 1 + answered as u64));
        shown.push(answered);
    }
    assert!(shown[0] < 3, "not all at once: {shown:?}");
    assert!(waits > 0, "nothing to do but to wait for the medium");
    assert_eq!(writer.turn(Instant::now()), Next::Wait(None));
}

#[test]
fn what_is_under_way_when_the_journal_fails_is_refused_with_what_is_behind_it() {
    let (store, mut writer) = open(3);
    let gate = Gate::default();
    let mut calls: Vec<_> = (0..6).map(|_| Call::new(&store, &gate)).collect();
    while writer.turn(Instant::now()) != Next::Stop {}
    let outcomes: Vec<_> = calls.iter_mut().map(|call| call.look().cloned()).collect();
    assert!(matches!(outcomes[0], Some(Ok(_))), "{outcomes:?}");
    let is_refused = |outcome: &Option<Outcome>| *outcome == Some(Err(AppendError::Failed));
    assert!(outcomes[1..].iter().all(is_refused), "{outcomes:?}");
    assert_eq!((readable(&store), store.health()), (1, StoreHealth::Failed));
    let mut late = Call::new(&store, &gate);
    assert_eq!(late.look(), Some(&Err(AppendError::Failed)));
}

#[tokio::test]
async fn commands_that_build_on_one_that_was_refused_are_refused_and_nothing_else_is() {
    let (store, mut writer) = open(usize::MAX);
    let (gate, succession) = (Gate::default(), Succession::default());
    // More than all the memory that there is.
    let large = Bytes::from(vec![0; 20 << 10]);
    let refused = queue_command(&store, large, &succession).await.expect("queued");
    let mut record = Call::new(&store, &gate);
    let small = Bytes::from_static(b"small");
    let behind = queue_command(&store, small.clone(), &succession).await.expect("queued");
    let beside = Succession::default();
    let beside = queue_command(&store, small.clone(), &beside).await.expect("queued");
    write_all(&mut writer);
    assert_eq!(refused.wait().await, Err(AppendError::MemoryFull));
    assert_eq!(behind.wait().await, Err(AppendError::StorageFull));
    assert_eq!(beside.wait().await, Ok(()), "it builds on neither");
    assert!(matches!(record.look(), Some(Ok(_))));
    let anew = queue_command(&store, small, &Succession::default()).await.expect("queued");
    write_all(&mut writer);
    assert_eq!(anew.wait().await, Ok(()));
}
