//! A table that takes writes under their conditions, behind a network that loses things.

use crate::audit::Audit;
use crate::random::Random;
use crate::stream::Stream;
use anabranch_model::lease::entity::Kind;
use anabranch_model::lease::{Item, Lease, LeaseKey, WorkerId, Write};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// How old a reading may be that is not consistent, milliseconds.
const STALE_MS: u64 = 1_000;

pub(crate) enum Answer {
    Made,
    Refused(Option<Item>),
    /// It may have been made, or may yet be.
    Nothing,
}

pub(crate) type Rows = BTreeMap<String, Rc<Item>>;

#[derive(Default)]
pub(crate) struct Table {
    rows: Rows,
    before: VecDeque<(u64, Rows)>,
    late: Vec<(u64, WorkerId, Write)>,
    pub(crate) has_faults: bool,
    pub(crate) audit: Audit,
    pub(crate) lost_answers: u64,
    pub(crate) refused: u64,
}

impl Table {
    /// Time passes: late requests come.
    pub(crate) fn pass(&mut self, now_ms: u64, stream: &Stream) {
        while let Some(at) = self.late.iter().position(|(due_ms, ..)| *due_ms <= now_ms) {
            let (_, by, write) = self.late.swap_remove(at);
            let _ = self.apply(&by, &write, stream);
        }
        self.before.push_back((now_ms, self.rows.clone()));
        while self.before.front().is_some_and(|(at_ms, _)| at_ms + STALE_MS < now_ms) {
            self.before.pop_front();
        }
    }

    pub(crate) fn write(
        &mut self,
        now_ms: u64,
        by: &WorkerId,
        write: &Write,
        stream: &Stream,
        random: &mut Random,
    ) -> Answer {
        let fault = if self.has_faults { random.below(20) } else { 99 };
        self.lost_answers += u64::from(fault < 4);
        match fault {
            0 => Answer::Nothing,
            1 => {
                let due_ms = now_ms + random.between(100, 15_000);
                self.late.push((due_ms, by.clone(), write.clone()));
                Answer::Nothing
            }
            _ => {
                let before = self.row(&write.key);
                let is_made = self.apply(by, write, stream);
                match (fault, is_made) {
                    (2 | 3, _) => Answer::Nothing,
                    (_, true) => Answer::Made,
                    (_, false) => Answer::Refused(before),
                }
            }
        }
    }

    fn apply(&mut self, by: &WorkerId, write: &Write, stream: &Stream) -> bool {
        let before = self.row(&write.key);
        let Ok(after) = write.apply(before.as_ref()) else {
            self.refused += 1;
            return false;
        };
        let is_lease = |row: &Item| Kind::of_row(row) == Ok(Kind::Lease);
        if before.as_ref().or(after.as_ref()).is_some_and(is_lease) {
            let (before, after) = (before.as_ref(), after.as_ref());
            self.audit.on_write(by, write, before, after, &self.rows, stream);
        }
        match after {
            Some(row) => self.rows.insert(write.key.clone(), Rc::new(row)),
            None => self.rows.remove(&write.key),
        };
        true
    }

    pub(crate) fn row(&self, key: &str) -> Option<Item> {
        self.rows.get(key).map(|row| Item::clone(row))
    }

    pub(crate) fn lease(&self, key: &LeaseKey) -> Option<Lease> {
        self.row(key.as_str()).map(|row| Lease::from_item(row).expect("a lease"))
    }

    /// All leases, as they are.
    pub(crate) fn leases(&self) -> Vec<Lease> {
        leases(self.rows.values())
    }

    /// All leases, each as it is or as it was some time ago.
    pub(crate) fn some_leases(&self, random: &mut Random) -> Vec<Lease> {
        if !self.has_faults || self.before.is_empty() {
            return self.leases();
        }
        let old = &self.before[random.below(self.before.len() as u64) as usize].1;
        let keys = self.rows.keys().chain(old.keys()).collect::<BTreeSet<_>>();
        let rows: Vec<&Rc<Item>> = keys
            .into_iter()
            .filter_map(|key| if random.one_in(2) { &self.rows } else { old }.get(key))
            .collect();
        leases(rows)
    }
}

fn leases<'a>(rows: impl IntoIterator<Item = &'a Rc<Item>>) -> Vec<Lease> {
    let is_lease = |row: &&Rc<Item>| Kind::of_row(row) == Ok(Kind::Lease);
    let lease = |row: &Rc<Item>| Lease::from_item(Item::clone(row)).expect("a lease");
    rows.into_iter().filter(is_lease).map(lease).collect()
}
