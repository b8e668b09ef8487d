//! What was put to a stream and its task has not looked at yet.
//!
//! Who puts only adds to a list here, so that a `put` waits for other puts alone and never for the work on
//! aggregates and answers. The whole list is taken at once, which also lets many partition keys be hashed
//! together: by whoever makes it long, if nobody works on aggregates just then, since the records are in
//! the caches of that processor; else by the task, which is woken when there is much, or when what is here
//! would wait for too long.

use crate::pipeline::{Given, Micros, Piece};
use crate::receipt::{Receipt, Sheets, Ticket};
use crate::record::Record;
use crate::spool::RecordId;
use anabranch_model::hash_key;

/// The task is woken at so many records, or so many bytes of them: the least that is worth it.
const RECORDS_TO_WAKE: usize = 256;
const BYTES_TO_WAKE: usize = 64 << 10;

/// An empty list keeps room for so many records.
const KEPT_RECORDS_MAX: usize = 16 * RECORDS_TO_WAKE;

/// What was put to a stream and its task has not looked at yet. Its bytes are bounded by the producer's buffer.
#[derive(Debug)]
pub(crate) struct Inbox {
    waiting: Vec<Waiting>,
    /// Of keys and data.
    bytes: usize,
    /// When the first one came.
    since: Micros,
    /// How long it may be here.
    patience: Micros,
    /// Until when the task sleeps; `None`: it does not, or is being woken.
    sleeps_until: Option<Micros>,
    sheets: Sheets,
    /// No record comes any more.
    is_closed: bool,
}

/// A record that was put.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) token: Token,
    pub(crate) record: Record,
    /// An earlier process may have stored it.
    pub(crate) may_be_stored: bool,
}

/// By which a record's owner is known.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) ticket: Ticket,
    /// Its place in the spool; boxed, since most have none.
    pub(crate) spooled: Option<Box<RecordId>>,
}

/// What was taken out of an inbox.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    waiting: Vec<Waiting>,
    /// When the first one came: none of them came earlier.
    pub(crate) since: Micros,
}

/// What who has put a record does then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    /// Wakes the task.
    Wake,
    /// Empties the inbox.
    Empty,
}

/// The inbox takes nothing any more.
#[derive(Debug)]
pub(crate) struct Closed;

impl Inbox {
    pub(crate) fn new(patience: Micros) -> Self {
        Self {
            waiting: Vec::new(),
            bytes: 0,
            since: 0,
            patience,
            sleeps_until: None,
            sheets: Sheets::default(),
            is_closed: false,
        }
    }

    /// Takes a record, and says what is to be done then. The clock is asked for the first of many.
    pub(crate) fn push(
        &mut self,
        record: Record,
        charge: u32,
        now: impl FnOnce() -> Micros,
    ) -> Result<(Receipt, Then), Closed> {
        if self.is_closed {
            return Err(Closed);
        }
        let (ticket, receipt) = self.sheets.next(charge);
        let token = Token { ticket, spooled: None };
        let waiting = Waiting { token, record, may_be_stored: false };
        let then = self.push_waiting(waiting, now).map_err(|_| Closed)?;
        Ok((receipt, then))
    }

    /// The same of a record that has its token; it is given back when nothing is taken any more.
    pub(crate) fn push_waiting(
        &mut self,
        waiting: Waiting,
        now: impl FnOnce() -> Micros,
    ) -> Result<Then, Box<Waiting>> {
        if self.is_closed {
            return Err(Box::new(waiting));
        }
        if self.waiting.is_empty() {
            self.since = now();
        }
        self.bytes += waiting.record.size();
        self.waiting.push(waiting);
        Ok(match () {
            () if self.has_much() => Then::Empty,
            () if self.wakes_for_records() => Then::Wake,
            () => Then::Nothing,
        })
    }

    /// Whether a task that sleeps is to be woken for what is to be done at this time.
    fn wakes_for(&mut self, at: Micros) -> bool {
        let wakes = self.sleeps_until.is_some_and(|until| at < until);
        if wakes {
            self.sleeps_until = None;
        }
        wakes
    }

    /// Whether the task is to be told that there is something to do at this time that was never here. One that is
    /// awake may have decided already until when it will sleep.
    pub(crate) fn wakes_for_work(&mut self, at: Micros) -> bool {
        self.sleeps_until.is_none() || self.wakes_for(at)
    }

    /// Whether a task that sleeps is to be woken for what is here.
    pub(crate) fn wakes_for_records(&mut self) -> bool {
        self.wakes_for(self.due())
    }

    /// When what is here is to be looked at.
    fn due(&self) -> Micros {
        match () {
            () if self.is_empty() => Micros::MAX,
            () if self.has_much() => 0,
            () => self.since + self.patience,
        }
    }

    /// What is here; `arrived`, which is empty, is where the next records go.
    pub(crate) fn take(&mut self, arrived: &mut Arrived) {
        std::mem::swap(&mut self.waiting, &mut arrived.waiting);
        arrived.since = self.since;
        self.bytes = 0;
    }

    /// The task is about to sleep until this time. When it is to look here again, which may be at once.
    pub(crate) fn sleep(&mut self, until: Micros) -> Micros {
        let until = until.min(self.due());
        self.sleeps_until = Some(until);
        until
    }

    /// The task is awake, or being woken.
    pub(crate) fn wake(&mut self) {
        self.sleeps_until = None;
    }

    /// Nothing is taken any more.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn has_much(&self) -> bool {
        self.waiting.len() >= RECORDS_TO_WAKE || self.bytes >= BYTES_TO_WAKE
    }
}

impl Arrived {
    /// The records, in their order; it is empty then.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Given<Token>> {
        let keys: Vec<&str> =
            self.waiting.iter().map(|waiting| &*waiting.record.partition_key).collect();
        let hashes = hash_key::of_partition_keys(&keys);
        self.waiting.drain(..).zip(hashes).map(|(waiting, key_hash)| {
            let Waiting { token, record, may_be_stored } = waiting;
            let Record { partition_key, explicit_hash_key, data, is_ordered } = record;
            let piece = Piece::new(partition_key, key_hash, explicit_hash_key, data);
            Given { token, piece, is_ordered, may_be_stored }
        })
    }

    /// Nobody keeps what a burst once needed.
    pub(crate) fn shrink(&mut self) {
        if self.waiting.capacity() > KEPT_RECORDS_MAX {
            self.waiting = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: usize) -> Record {
        Record::new(format!("key-{number}"), "data")
    }

    fn push(inbox: &mut Inbox, number: usize, now: Micros) -> Then {
        inbox.push(record(number), 1, || now).expect("it is open").1
    }

    #[test]
    fn the_task_is_woken_once_and_no_later_than_records_may_wait() {
        let mut inbox = Inbox::new(100);
        assert_eq!(push(&mut inbox, 0, 10), Then::Nothing, "it is awake");
        assert_eq!(inbox.sleep(Micros::MAX), 110, "the first came at 10");
        assert_eq!(push(&mut inbox, 1, 50), Then::Nothing, "it will look in time");
        inbox.wake();
        inbox.take(&mut Arrived::default());
        assert_eq!(inbox.sleep(1_000), 1_000);
        assert_eq!(push(&mut inbox, 2, 500), Then::Wake);
        assert_eq!(push(&mut inbox, 3, 501), Then::Nothing, "it is being woken");
    }

    #[test]
    fn much_is_looked_at_at_once() {
        let mut inbox = Inbox::new(100);
        inbox.sleep(50);
        let then: Vec<Then> =
            (0..RECORDS_TO_WAKE).map(|number| push(&mut inbox, number, 10)).collect();
        let (last, before) = then.split_last().expect("there are many");
        assert_eq!(*last, Then::Empty);
        assert!(before.iter().all(|then| *then == Then::Nothing), "it will look in time");
        assert!(inbox.wakes_for_records(), "nobody has emptied it");
        assert!(!inbox.wakes_for_records(), "it is being woken");
        assert_eq!(inbox.sleep(50), 0);
        let mut inbox = Inbox::new(100);
        inbox.sleep(50);
        let large = Record::new("key", vec![0; BYTES_TO_WAKE]);
        assert_eq!(inbox.push(large, 1, || 10).expect("it is open").1, Then::Empty);
    }

    #[test]
    fn a_task_that_decides_how_long_it_sleeps_is_told_of_other_work() {
        let mut inbox = Inbox::new(100);
        assert!(inbox.wakes_for_work(70), "who is awake may have decided already");
        inbox.sleep(50);
        assert!(!inbox.wakes_for_work(50), "it will look in time");
        assert!(inbox.wakes_for_work(49));
    }

    #[test]
    fn what_was_put_comes_out_in_its_order_with_its_hashes() {
        for count in [1, 7, 100] {
            let mut inbox = Inbox::new(100);
            (0..count).for_each(|number| assert_eq!(push(&mut inbox, number, 10), Then::Nothing));
            let mut arrived = Arrived::default();
            inbox.take(&mut arrived);
            assert!(inbox.is_empty());
            let pieces: Vec<Piece> = arrived.drain().map(|given| given.piece).collect();
            let expected: Vec<Piece> = (0..count)
                .map(|number| {
                    let Record { partition_key, data, .. } = record(number);
                    let key_hash = hash_key::of_partition_key(&partition_key);
                    Piece::new(partition_key, key_hash, None, data)
                })
                .collect();
            assert_eq!(pieces, expected);
        }
        let mut inbox = Inbox::new(100);
        inbox.close();
        assert!(inbox.push(record(0), 1, || 0).is_err());
    }
}
