//! The plain model of a store: maps, and what a power cut does to them.

use crate::Appended;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) arrival_ms: u64,
    pub(super) key: Option<String>,
    pub(super) data: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ShardModel {
    pub(super) records: BTreeMap<u64, Record>,
    /// Index of the command that opened it, and of the one that closed it.
    pub(super) start: u64,
    pub(super) end: Option<u64>,
    pub(super) is_dropped: bool,
    /// A power cut took the command that dropped it. What maintenance removed meanwhile is gone.
    pub(super) was_dropped: bool,
}

/// Partition key and data.
pub(super) type SentRecord = (Option<String>, Vec<u8>);

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) enum Sent {
    /// Shard and records of each run.
    Runs(Vec<(u64, Vec<SentRecord>)>),
    Command(String),
}

impl Sent {
    pub(super) fn closes(&self) -> Vec<u64> {
        match self {
            Self::Command(text) => closed_by(text).collect(),
            Self::Runs(_) => Vec::new(),
        }
    }

    fn opens(&self) -> usize {
        match self {
            Self::Command(text) => opened_by(text),
            Self::Runs(_) => 0,
        }
    }
}

/// A request whose fate is not known, and its place if it was acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Uncertain {
    pub(super) sent: Sent,
    pub(super) place: Option<Appended>,
}

/// What became of requests that were acknowledged and not synced.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fates {
    pub(super) lost: u64,
    pub(super) kept: u64,
    /// Commands that a snapshot has kept.
    pub(super) ahead: u64,
}

/// A request that was acknowledged and perhaps not synced, and what it found.
#[derive(Clone, Debug)]
struct Unsynced {
    sent: Sent,
    place: Appended,
    last_command: u64,
    last_ms: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) shards: Vec<ShardModel>,
    /// All commands in order; what they did to the shards is above.
    pub(super) commands: Vec<String>,
    pub(super) last_command: u64,
    /// In the order of the journal: they failed, or a power cut may have taken them.
    pub(super) uncertain: Vec<Uncertain>,
    unsynced: Vec<Unsynced>,
    /// Never goes back: what a power cut took may have been read.
    pub(super) next_index: u64,
    pub(super) last_ms: u64,
    pub(super) fates: Fates,
}

impl Model {
    /// With three open shards.
    pub(super) fn new() -> Self {
        Self { shards: vec![ShardModel::default(); 3], ..Self::default() }
    }

    pub(super) fn store(
        &mut self,
        shard: u64,
        records: Vec<SentRecord>,
        first: u64,
        arrival_ms: u64,
    ) {
        for (index, (key, data)) in (first..).zip(records) {
            let record = Record { arrival_ms, key, data };
            let before = self.shards[shard as usize].records.insert(index, record);
            assert!(before.is_none(), "index {index} was given out twice");
            self.next_index = self.next_index.max(index + 1);
        }
    }

    /// What a command does to the shards once it is durable.
    pub(super) fn apply(&mut self, text: &str, number: u64, index: u64) {
        for shard in closed_by(text) {
            let model = &mut self.shards[shard as usize];
            let last = model.records.last_key_value().map_or(0, |(last, _)| *last);
            assert!(index > last, "shard {shard} closed at {index} before {last}");
            model.end = Some(index);
        }
        for _ in 0..opened_by(text) {
            self.shards.push(ShardModel { start: index, ..ShardModel::default() });
        }
        if let Some(shard) = dropped_by(text) {
            self.shards[shard as usize].is_dropped = true;
        }
        self.next_index = self.next_index.max(index);
        self.last_command = number;
        self.commands.push(text.to_owned());
    }

    fn revert(&mut self, text: &str) {
        for shard in closed_by(text) {
            self.shards[shard as usize].end = None;
        }
        self.shards.truncate(self.shards.len() - opened_by(text));
        if let Some(shard) = dropped_by(text) {
            let shard = &mut self.shards[shard as usize];
            shard.is_dropped = false;
            shard.was_dropped = true;
        }
        self.commands.pop();
    }

    /// Before a request without a sync is taken in.
    pub(super) fn note_unsynced(&mut self, sent: Sent, place: Appended) {
        let Self { last_command, last_ms, .. } = *self;
        self.unsynced.push(Unsynced { sent, place, last_command, last_ms });
    }

    pub(super) fn synced(&mut self) {
        self.unsynced.clear();
    }

    /// What is in a file that is not the last one is durable, and so is all before.
    pub(super) fn synced_below(&mut self, index: u64) {
        let is_below = |request: &Unsynced| {
            matches!(request.sent, Sent::Runs(_)) && request.place.first_indices[0] < index
        };
        let synced = self.unsynced.iter().rposition(is_below).map_or(0, |last| last + 1);
        self.unsynced.drain(..synced);
    }

    /// What was not synced is as uncertain as what failed after it.
    pub(super) fn lose_unsynced(&mut self) {
        let mut uncertain = Vec::new();
        while let Some(request) = self.unsynced.pop() {
            let Unsynced { sent, place, last_command, last_ms } = request;
            match &sent {
                Sent::Runs(runs) => {
                    for ((shard, records), first) in runs.iter().zip(&place.first_indices) {
                        let known = &mut self.shards[*shard as usize].records;
                        (*first..).zip(records).for_each(|(index, _)| drop(known.remove(&index)));
                    }
                }
                Sent::Command(text) => self.revert(text),
            }
            (self.last_command, self.last_ms) = (last_command, last_ms);
            uncertain.push(Uncertain { sent, place: Some(place) });
        }
        uncertain.reverse();
        self.uncertain.splice(..0, uncertain);
    }

    /// All shards that there may be, those that uncertain commands open included.
    pub(super) fn shards_max(&self) -> u64 {
        let opened = self.uncertain.iter().map(|uncertain| uncertain.sent.opens());
        (self.shards.len() + opened.sum::<usize>()) as u64
    }

    /// Commands that a snapshot may hold: those that were acknowledged, in order.
    pub(super) fn acknowledged_commands(&self) -> impl Iterator<Item = &str> {
        let lost = self.uncertain.iter().filter_map(|uncertain| match &uncertain.sent {
            Sent::Command(text) if uncertain.place.is_some() => Some(text),
            _ => None,
        });
        self.commands.iter().chain(lost).map(String::as_str)
    }

    pub(super) fn dropped(&self) -> BTreeSet<u64> {
        (0..).zip(&self.shards).filter(|(_, shard)| shard.is_dropped).map(|(key, _)| key).collect()
    }

    /// The snapshot of the catalog: number of the last command, and all of them.
    pub(super) fn snapshot(&self) -> (u64, Vec<u8>) {
        (self.last_command, self.commands.join("\n").into_bytes())
    }
}

fn numbers(text: &str) -> impl Iterator<Item = u64> {
    text.split(' ').skip(1).map_while(|number| number.parse().ok())
}

pub(super) fn closed_by(text: &str) -> impl Iterator<Item = u64> {
    numbers(text).take(if text.starts_with(['s', 'm']) { usize::MAX } else { 0 })
}

fn opened_by(text: &str) -> usize {
    match text.as_bytes()[0] {
        b's' => 2,
        b'm' => 1,
        _ => 0,
    }
}

fn dropped_by(text: &str) -> Option<u64> {
    text.strip_prefix("d ").and_then(|number| number.parse().ok())
}
