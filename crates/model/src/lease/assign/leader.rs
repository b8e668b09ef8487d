//! Who leads: a lock in one row, as steps of whoever wants it.
//!
//! The row is free when there is none, when it says so, or when its version has not moved for the
//! time it names by the observer's own clock. Whoever leads moves the version before, and deletes
//! the row when it stops, so that the next one need not wait. A leader that could not move it for
//! that time, by its clock and counted from before it asked, does not lead any more. Two clocks
//! of different speed can let two lead for a while; what they write is fenced row by row.

use crate::lease::attribute::Attribute;
use crate::lease::entity::kind::{Kind, LEADER_KEY, Layout};
use crate::lease::entity::leader::{self, LeaderRow};
use crate::lease::names::WorkerId;
use crate::lease::write::{Action, Change, Expected, Language, Write};

/// Times of the lock, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockSettings {
    /// For how long the version must not move before another may lead.
    pub lease_ms: u64,
    /// How often the leader moves it; a fraction of `lease_ms`.
    pub beat_ms: u64,
    /// How often the others look.
    pub look_ms: u64,
}

impl Default for LockSettings {
    /// The library's lease and beat; it looks as often as it beats, we more often, so that a lock
    /// that was given back is taken within seconds.
    fn default() -> Self {
        Self { lease_ms: 120_000, beat_ms: 30_000, look_ms: 5_000 }
    }
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing until this time.
    Wait {
        /// Milliseconds of the own clock.
        until_ms: u64,
    },
    /// Read the row, and tell [`Lock::on_row`].
    Read,
    /// Write, and tell what came of it.
    Try(Attempt),
}

/// A write that makes or keeps a worker leader.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The write.
    pub write: Write,
    version: String,
    sent_ms: u64,
}

/// One worker's part in it. It decides; who has it reads and writes, and says what happened.
#[derive(Clone, Debug)]
pub struct Lock {
    me: WorkerId,
    layout: Layout,
    settings: LockSettings,
    seen: Option<Seen>,
    held: Option<Held>,
    unanswered: Option<Held>,
}

#[derive(Clone, Debug)]
struct Seen {
    row: Option<LeaderRow>,
    since_ms: u64,
    looked_ms: u64,
}

#[derive(Clone, Debug)]
struct Held {
    version: String,
    /// When the write that moved it was sent.
    since_ms: u64,
}

impl Lock {
    /// A worker that does not lead and knows nothing.
    #[must_use]
    pub fn new(me: WorkerId, layout: Layout, settings: LockSettings) -> Self {
        Self { me, layout, settings, seen: None, held: None, unanswered: None }
    }

    /// Whether this worker leads.
    #[must_use]
    pub fn leads(&self, now_ms: u64) -> bool {
        let is_fresh = |held: &Held| now_ms.saturating_sub(held.since_ms) < self.settings.lease_ms;
        self.held.as_ref().is_some_and(is_fresh)
    }

    /// What to do at `now_ms` of the own clock. `fresh` is a text that nobody has used before,
    /// such as a random UUID: it becomes the version if it comes to a write.
    #[must_use]
    pub fn step(&self, now_ms: u64, fresh: &str) -> Step {
        if self.unanswered.is_some() {
            return Step::Read;
        }
        if let Some(held) = &self.held {
            let until_ms = held.since_ms.saturating_add(self.settings.beat_ms);
            return if now_ms < until_ms {
                Step::Wait { until_ms }
            } else {
                Step::Try(self.attempt(self.beat(&held.version, fresh), now_ms, fresh))
            };
        }
        let Some(seen) = &self.seen else { return Step::Read };
        let expected = match &seen.row {
            None => Some(vec![(self.key_name(), Expected::Absent)]),
            Some(row) => {
                let unmoved_ms = now_ms.saturating_sub(seen.since_ms);
                let is_free = row.is_released || unmoved_ms >= row.lease_ms;
                is_free.then(|| vec![self.exists(), version_is(&row.version)])
            }
        };
        let until_ms = seen.looked_ms.saturating_add(self.settings.look_ms);
        match expected {
            Some(expected) => Step::Try(self.attempt(self.take(expected, fresh), now_ms, fresh)),
            None if now_ms < until_ms => Step::Wait { until_ms },
            None => Step::Read,
        }
    }

    /// The row that was read, asked for at `now_ms` or later.
    pub fn on_row(&mut self, now_ms: u64, row: Option<LeaderRow>) {
        let unanswered = self.unanswered.take();
        let version = row.as_ref().filter(|row| row.owner == self.me).map(|row| &row.version);
        let is_mine = |held: &Held| version == Some(&held.version);
        self.held = unanswered.filter(is_mine).or(self.held.take().filter(is_mine));
        let same = self.seen.take().filter(|seen| {
            seen.row.as_ref().map(|row| &row.version) == row.as_ref().map(|row| &row.version)
        });
        let since_ms = same.map_or(now_ms, |seen| seen.since_ms);
        self.seen = Some(Seen { row, since_ms, looked_ms: now_ms });
    }

    /// The write was made: this worker leads.
    pub fn on_made(&mut self, attempt: Attempt) {
        self.unanswered = None;
        self.held = Some(Held { version: attempt.version, since_ms: attempt.sent_ms });
    }

    /// The write was refused: another leads, or an earlier write was made after all.
    pub fn on_refused(&mut self) {
        self.held = None;
        self.unanswered = None;
        // What was seen is not so any more; it is read before anything else is tried.
        self.seen = None;
    }

    /// No answer came: the row tells whether the write was made.
    pub fn on_unanswered(&mut self, attempt: Attempt) {
        self.unanswered = Some(Held { version: attempt.version, since_ms: attempt.sent_ms });
    }

    /// Leads no more. The write gives the lock back; if it fails the lock expires.
    pub fn stop(&mut self) -> Option<Write> {
        let held = self.unanswered.take().or(self.held.take())?;
        self.held = None;
        Some(self.write(self.mine(&held.version), Change::Delete))
    }

    fn key_name(&self) -> &'static str {
        Kind::Leader.key_name(self.layout)
    }

    fn exists(&self) -> (&'static str, Expected) {
        (self.key_name(), Expected::Present)
    }

    fn mine(&self, version: &str) -> Vec<(&'static str, Expected)> {
        let owner = Expected::Is(Attribute::text(self.me.as_str()));
        vec![self.exists(), version_is(version), (leader::OWNER, owner)]
    }

    fn take(&self, expected: Vec<(&'static str, Expected)>, fresh: &str) -> Write {
        let row = LeaderRow {
            owner: self.me.clone(),
            version: fresh.to_owned(),
            lease_ms: self.settings.lease_ms,
            is_released: false,
            others: Default::default(),
        };
        self.write(expected, Change::Put(row.to_item(self.layout)))
    }

    fn beat(&self, version: &str, fresh: &str) -> Write {
        let lease = Attribute::text(self.settings.lease_ms.to_string());
        let actions = vec![
            (leader::LEASE, Action::Put(lease)),
            (leader::VERSION, Action::Put(Attribute::text(fresh))),
        ];
        self.write(self.mine(version), Change::Update(actions))
    }

    fn write(&self, expected: Vec<(&'static str, Expected)>, change: Change) -> Write {
        let (key_name, key) = (self.key_name(), LEADER_KEY.to_owned());
        Write { key_name, key, expected, change, language: Language::Expression }
    }

    fn attempt(&self, write: Write, sent_ms: u64, fresh: &str) -> Attempt {
        Attempt { write, version: fresh.to_owned(), sent_ms }
    }
}

fn version_is(version: &str) -> (&'static str, Expected) {
    (leader::VERSION, Expected::Is(Attribute::text(version)))
}

#[cfg(test)]
mod tests;
