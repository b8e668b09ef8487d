//! `put --spool`: a record counts as taken when it is durable in the spool.
//!
//! The input does not wait for outcomes. Of the newest [`RECEIPTS_MAX`] records without an outcome the receipts
//! are kept, so that it is said where they are, and which of the input could not be stored; of older ones the
//! spool's status counts the outcomes.

use std::collections::VecDeque;

use anabranch_producer::{PutError, PutErrorKind, Receipt, Spooling, Stored};
use anyhow::Context;
use futures_util::FutureExt;

use crate::commands::put::feed::{Fed, Feed, RECEIPTS_MAX};
use crate::commands::put::outcome::Outcome;
use crate::commands::put::printer::Printer;
use crate::commands::put::watch::{Stop, Watch};

/// Takes all of the input, and returns when the producer is closed: nothing of the spool is left, or no more of
/// it can be sent.
pub(super) async fn settle(
    feed: &mut Feed,
    watch: &Watch,
    printer: &mut Printer,
    is_aggregating: bool,
) -> anyhow::Result<()> {
    let mut settling =
        Settling { watch, printer, is_aggregating, number: 0, held: Held::default() };
    let ended = settling.take_all(feed).await;
    watch.stop(Stop::AfterWhatWasRead);
    watch.say_what_waits();
    let settled = settling.settle_held().await;
    watch.closed().await;
    ended.and(settled)
}

/// A record that is durable, until it has an outcome.
#[derive(Debug)]
struct Kept {
    /// Its place in the input, from 1.
    number: u64,
    bytes: usize,
    receipt: Receipt,
}

/// The newest records without an outcome.
#[derive(Debug, Default)]
struct Held(VecDeque<Kept>);

/// A record's place in the input, its bytes and its outcome.
type Done = (u64, usize, Result<Stored, PutError>);

impl Held {
    fn push(&mut self, kept: Kept) {
        if self.0.len() >= RECEIPTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(kept);
    }

    /// Waits for the outcome of the oldest; `None`: there is no record. Cancel safe.
    async fn next(&mut self) -> Option<Done> {
        let result = (&mut self.0.front_mut()?.receipt).await;
        let Kept { number, bytes, .. } = self.0.pop_front()?;
        Some((number, bytes, result))
    }

    /// The outcome of the oldest, if it has one.
    fn try_next(&mut self) -> Option<Done> {
        self.next().now_or_never().flatten()
    }
}

struct Settling<'a> {
    watch: &'a Watch,
    printer: &'a mut Printer,
    is_aggregating: bool,
    /// Of the newest record.
    number: u64,
    held: Held,
}

impl Settling<'_> {
    /// Takes records until the input ends or nothing is taken any more.
    async fn take_all(&mut self, feed: &mut Feed) -> anyhow::Result<()> {
        loop {
            while let Some(done) = self.held.try_next() {
                self.note(done)?;
            }
            let fed = match feed.try_next() {
                Some(fed) => Some(fed),
                None => {
                    self.printer.flush(&self.watch.screen)?;
                    tokio::select! {
                        biased;
                        fed = feed.next() => Some(fed.context("the input's thread is gone")?),
                        Some(done) = self.held.next() => {
                            self.note(done)?;
                            continue;
                        }
                        () = self.watch.closed() => feed.next_of_the_last().await,
                    }
                }
            };
            match fed {
                None => return Ok(()),
                Some(Fed::End(ended)) => return ended,
                Some(Fed::Record { receipt, spooling, bytes, position }) => {
                    self.take(receipt, spooling, bytes, position).await;
                }
            }
        }
    }

    /// Waits until a record is durable.
    async fn take(
        &mut self,
        receipt: Receipt,
        spooling: Option<Spooling>,
        bytes: usize,
        position: u64,
    ) {
        self.number += 1;
        let number = self.number;
        let kept = match spooling {
            Some(spooling) => spooling.await,
            None => Ok(()),
        };
        match kept {
            Ok(()) => {
                self.watch.note_taken(bytes, position);
                self.held.push(Kept { number, bytes, receipt });
            }
            Err(trouble) => {
                self.watch.note_not_kept(number, &Outcome::not_kept(trouble, bytes));
                // The rest of the input would come after a gap.
                self.watch.stop(Stop::AfterWhatWasRead);
            }
        }
    }

    /// Waits for the outcomes of the records that are held. When the producer is closed all have one.
    async fn settle_held(&mut self) -> anyhow::Result<()> {
        loop {
            let done = match self.held.try_next() {
                Some(done) => Some(done),
                None => {
                    self.printer.flush(&self.watch.screen)?;
                    self.held.next().await
                }
            };
            let Some(done) = done else { return Ok(()) };
            self.note(done)?;
        }
    }

    fn note(&mut self, (number, bytes, result): Done) -> anyhow::Result<()> {
        if result.as_ref().is_err_and(|error| error.kind == PutErrorKind::Closed) {
            // It stays in the spool, whose status counts it.
            return Ok(());
        }
        let outcome = Outcome::of(result, bytes);
        self.watch.note_at(number, &outcome, self.is_aggregating);
        match &outcome.result {
            Ok(place) => self.printer.print(place, &self.watch.screen)?,
            // The rest of the input would come after a gap.
            Err(_) => self.watch.stop(Stop::AfterWhatWasRead),
        }
        Ok(())
    }
}
