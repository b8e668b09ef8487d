//! Receipts: how outcomes get from a stream's task to those who wait for them.
//!
//! The outcomes of [`SHEET_RECORDS`] records that were put one after another are on one *sheet*: one allocation
//! for all of them, which is there until the last of their receipts and tickets is gone. What is written for a
//! record that is stored is where that was, shared by all user records of the stored record.

use crate::record::{PutError, Stored};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Records of a sheet: more are cheaper to put, and keep more memory for one that nobody asks about.
const SHEET_RECORDS: usize = 8;

/// What a record's result is waited for with. Dropping it does not take the record back.
///
/// Cancel safe: it may be polled again after it was dropped from a `select!`, by reference.
///
/// # Panics
/// If it is polled again after it was ready, as futures are.
#[derive(Debug)]
#[must_use = "only the receipt says whether the record is stored"]
pub struct Receipt {
    sheet: Sheet,
    place: u8,
    is_taken: bool,
}

/// By which a record's owner is told. Dropped without, it says that the producer is gone.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// `None`: told, or nobody's.
    sheet: Option<Sheet>,
    place: u8,
    /// Bytes that come free with the outcome.
    pub(crate) charge: u32,
}

/// Where the next receipts are.
#[derive(Debug, Default)]
pub(crate) struct Sheets {
    current: Option<Sheet>,
    used: u8,
}

type Sheet = Arc<Mutex<[Entry]>>;

#[derive(Debug)]
enum Entry {
    /// Nobody asked.
    Open,
    /// Who is to be woken.
    Awaited(Waker),
    Stored(Stored),
    Failed(Box<PutError>),
    /// Nobody asks any more.
    Taken,
}

impl Sheets {
    /// The two ends of a record's outcome.
    pub(crate) fn next(&mut self, charge: u32) -> (Ticket, Receipt) {
        let is_new = || -> Sheet { Arc::new(Mutex::new([const { Entry::Open }; SHEET_RECORDS])) };
        let sheet = self.current.get_or_insert_with(is_new).clone();
        let place = self.used;
        self.used += 1;
        let of_ticket = if usize::from(self.used) == SHEET_RECORDS {
            self.used = 0;
            self.current.take()
        } else {
            Some(sheet.clone())
        };
        (Ticket { sheet: of_ticket, place, charge }, Receipt { sheet, place, is_taken: false })
    }
}

/// The two ends of an outcome that has a sheet of its own: of a record that may wait for long while others
/// do not.
pub(crate) fn alone(charge: u32) -> (Ticket, Receipt) {
    let sheet: Sheet = Arc::new(Mutex::new([Entry::Open]));
    let ticket = Ticket { sheet: Some(sheet.clone()), place: 0, charge };
    (ticket, Receipt { sheet, place: 0, is_taken: false })
}

impl Ticket {
    /// Of a record that nobody waits for.
    pub(crate) fn nobodys(charge: u32) -> Self {
        Self { sheet: None, place: 0, charge }
    }

    /// Whether somebody waits for the outcome, or may.
    pub(crate) fn is_wanted(&self) -> bool {
        let is_taken =
            |sheet: &Sheet| matches!(sheet.lock()[usize::from(self.place)], Entry::Taken);
        self.sheet.as_ref().is_some_and(|sheet| !is_taken(sheet))
    }

    /// Tells the owner, whose task is to be woken then.
    #[must_use]
    pub(crate) fn tell(mut self, result: Result<Stored, PutError>) -> Option<Waker> {
        let sheet = self.sheet.take()?;
        tell(&sheet, self.place, result)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(sheet) = self.sheet.take()
            && let Some(waker) = tell(&sheet, self.place, Err(PutError::gone(true)))
        {
            waker.wake();
        }
    }
}

fn tell(sheet: &Sheet, place: u8, result: Result<Stored, PutError>) -> Option<Waker> {
    let told = match result {
        Ok(stored) => Entry::Stored(stored),
        Err(error) => Entry::Failed(Box::new(error)),
    };
    let mut entries = sheet.lock();
    let entry = &mut entries[usize::from(place)];
    match entry {
        Entry::Open => *entry = told,
        Entry::Awaited(_) => {
            if let Entry::Awaited(waker) = std::mem::replace(entry, told) {
                return Some(waker);
            }
        }
        Entry::Taken | Entry::Stored(_) | Entry::Failed(_) => {}
    }
    None
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if !self.is_taken {
            self.sheet.lock()[usize::from(self.place)] = Entry::Taken;
        }
    }
}

impl Future for Receipt {
    type Output = Result<Stored, PutError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { sheet, place, is_taken } = &mut *self;
        let mut entries = sheet.lock();
        let entry = &mut entries[usize::from(*place)];
        match entry {
            Entry::Open => *entry = Entry::Awaited(cx.waker().clone()),
            Entry::Awaited(waker) => waker.clone_from(cx.waker()),
            Entry::Stored(_) | Entry::Failed(_) => {
                *is_taken = true;
                return match std::mem::replace(entry, Entry::Taken) {
                    Entry::Stored(stored) => Poll::Ready(Ok(stored)),
                    Entry::Failed(error) => Poll::Ready(Err(*error)),
                    Entry::Open | Entry::Awaited(_) | Entry::Taken => unreachable!("it was told"),
                };
            }
            Entry::Taken => panic!("a receipt was polled after it was ready"),
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Landing;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn stored(place: u32) -> Stored {
        let at = Landing {
            shard: "s".into(),
            sequence_number: "1".into(),
            is_aggregate: true,
            sent_at: 0,
            answered_at: 0,
        };
        Stored::new(Arc::new(at), place, 0, None)
    }

    fn poll(receipt: &mut Receipt, woken: &Arc<Woken>) -> Poll<Result<Stored, PutError>> {
        let waker = Waker::from(woken.clone());
        Pin::new(receipt).poll(&mut Context::from_waker(&waker))
    }

    #[test]
    fn each_receipt_has_its_own_outcome_whatever_the_order() {
        let mut sheets = Sheets::default();
        let (tickets, mut receipts): (Vec<_>, Vec<_>) = (0..50).map(|_| sheets.next(1)).unzip();
        let woken = Arc::new(Woken::default());
        for receipt in receipts.iter_mut().step_by(2) {
            assert!(poll(receipt, &woken).is_pending());
            assert!(poll(receipt, &woken).is_pending(), "it may be asked again");
        }
        for (place, ticket) in tickets.into_iter().enumerate().rev() {
            let waker = ticket.tell(Ok(stored(place as u32)));
            assert_eq!(waker.is_some(), place % 2 == 0);
            waker.into_iter().for_each(Waker::wake);
        }
        assert_eq!(woken.0.load(Ordering::Relaxed), 25);
        for (place, receipt) in receipts.iter_mut().enumerate() {
            let Poll::Ready(Ok(stored)) = poll(receipt, &woken) else { panic!("it was told") };
            assert_eq!(stored.sub_sequence_number(), Some(place as u32));
        }
    }

    #[test]
    fn a_ticket_that_is_lost_says_that_the_producer_is_gone() {
        let (ticket, mut receipt) = Sheets::default().next(1);
        let woken = Arc::new(Woken::default());
        assert!(poll(&mut receipt, &woken).is_pending());
        drop(ticket);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert_eq!(poll(&mut receipt, &woken), Poll::Ready(Err(PutError::gone(true))));
    }
}
