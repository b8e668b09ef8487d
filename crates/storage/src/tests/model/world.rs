//! A store, a plain model of it, and everything that can happen to them.
//!
//! What holds at any time, and is checked after every start:
//! * Every acknowledged record is where its number says, byte for byte, with its arrival time; none
//!   is lost before it expires, none is doubled, nothing else is there.
//! * Of requests that were not acknowledged, the first so many are there as a whole and the others
//!   not at all, records and commands alike. With durability `interval`, a power cut makes one row of
//!   them and what was acknowledged and not synced; only a snapshot may hold commands from further on.
//! * Numbers only rise, also over what a power cut took; arrival times never fall, whatever the clock
//!   does.
//! * What was ever readable stays readable.

use super::driver::{Driver, Request};
use super::plain::{Model, Record, Sent, Uncertain, closed_by};
use crate::{
    AppendError, Appended, Durability, Gate, Host, OpenError, ReadRequest, Recovered, RunsBuilder,
    StoreHealth, StoreOptions,
};
use crate::{DeletedRange, Deletion};
use anabranch_env::{Clock, FakeDisk, Fault, ManualClock, PowerCut};
use anabranch_model::ShardKey;
use anabranch_model::retention::{HOUR_MS, RetentionClass};
use bytes::Bytes;
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

mod checks;

pub(super) const START_MS: u64 = 10_000_000_000;
pub(super) const DAY_MS: u64 = 24 * HOUR_MS;

/// An interval that is over as soon as something was written, and acknowledged.
pub(super) const AT_ONCE: Durability = Durability::Interval(Duration::ZERO);
/// An interval that is over when [`World::idle`] says so.
pub(super) const ON_DEMAND: Durability = Durability::Interval(Duration::from_secs(3_600));

/// How a process ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    ShutDown,
    Killed,
    Power(PowerCut, u64),
}

/// What goes wrong, by the number of the operation since the world began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan {
    pub(super) fault: Option<(u64, Fault)>,
    /// So many operations after the fault, the process dies.
    pub(super) dies_after: Option<u64>,
    pub(super) read_fault: Option<u64>,
}

/// The catalog, as the store asks for it.
#[derive(Debug)]
struct ModelHost {
    clock: Arc<ManualClock>,
    state: Mutex<HostState>,
}

#[derive(Clone, Debug, Default)]
struct HostState {
    applied: (u64, Vec<u8>),
    dropped: BTreeSet<u64>,
    retention_ms: [u64; 2],
    /// The highest horizon that was ever told: what is before may be gone.
    told_ms: [u64; 2],
}

/// Shards of even numbers are of one stream, those of odd numbers of another.
fn group_of(shard: u64) -> usize {
    (shard % 2) as usize
}

impl Host for ModelHost {
    fn retention_class(&self, shard: ShardKey) -> Option<RetentionClass> {
        let state = self.state.lock();
        let hours = state.retention_ms[group_of(shard.0)].div_ceil(HOUR_MS);
        let class = RetentionClass::of_hours(u32::try_from(hours).unwrap_or(u32::MAX));
        (!state.dropped.contains(&shard.0)).then_some(class)
    }

    fn trim_horizon_ms(&self, shard: ShardKey) -> Option<u64> {
        let mut state = self.state.lock();
        let group = group_of(shard.0);
        let horizon_ms = self.clock.now_ms().saturating_sub(state.retention_ms[group]);
        state.told_ms[group] = state.told_ms[group].max(horizon_ms);
        (!state.dropped.contains(&shard.0)).then_some(state.told_ms[group])
    }

    fn deleting(&self, _: Deletion, _: &[DeletedRange]) {}

    fn dropped_shards(&self) -> u64 {
        self.state.lock().dropped.len() as u64
    }

    fn snapshot(&self) -> (u64, Vec<u8>) {
        self.state.lock().applied.clone()
    }
}

pub(super) struct World {
    /// For messages: how to get here again.
    name: String,
    pub(super) disk: FakeDisk,
    pub(super) clock: Arc<ManualClock>,
    host: Arc<ModelHost>,
    pub(super) model: Model,
    gates: Vec<Arc<Gate>>,
    driver: Option<Driver>,
    /// Of the processes that start from now on.
    pub(super) durability: Durability,
    plan: Plan,
    /// Operations and reads of the disks before this one.
    operations: u64,
    reads: u64,
    pages: StdRng,
    next_datum: u64,
    trace: Option<Vec<String>>,
    /// Whether this process meets a power cut that is part of the case.
    is_doomed: bool,
    /// Whether every operation of the disk is used to look for what must not be visible yet.
    is_watched: bool,
    /// Where readers must stop at this moment.
    visible_to: Arc<AtomicU64>,
}

/// Small files, so that a few records fill them.
fn options(durability: Durability) -> StoreOptions {
    StoreOptions {
        durability,
        journal_file_bytes: 4 << 10,
        tail_cache_bytes: 12 << 10,
        ..StoreOptions::new(PathBuf::from("/srv/data"))
    }
}

impl World {
    /// A world before its first start.
    pub(super) fn new(name: String, plan: Plan) -> Self {
        let clock = Arc::new(ManualClock::at_ms(START_MS));
        let retention_ms = [DAY_MS, 7 * DAY_MS];
        let state = HostState { retention_ms, ..HostState::default() };
        let host = ModelHost { clock: clock.clone(), state: Mutex::new(state) };
        let mut world = Self {
            name,
            disk: FakeDisk::default(),
            clock,
            host: Arc::new(host),
            model: Model::new(),
            gates: Vec::new(),
            driver: None,
            durability: Durability::Sync,
            plan,
            operations: 0,
            reads: 0,
            pages: StdRng::seed_from_u64(1),
            next_datum: 0,
            trace: None,
            is_doomed: false,
            is_watched: false,
            visible_to: Arc::default(),
        };
        world.set_faults();
        world
    }

    /// This world after another end of its process. What it knows is copied, nothing is shared.
    pub(super) fn after(&self, name: String, end: End) -> Self {
        let clock = Arc::new(ManualClock::at_ms(self.clock.now_ms()));
        let state = Mutex::new(self.host.state.lock().clone());
        let mut world = Self {
            name,
            disk: end.leaves(&self.disk),
            clock: clock.clone(),
            host: Arc::new(ModelHost { clock, state }),
            model: self.model.clone(),
            gates: Vec::new(),
            driver: None,
            durability: self.durability,
            plan: Plan::default(),
            operations: 0,
            reads: 0,
            pages: self.pages.clone(),
            next_datum: self.next_datum,
            trace: None,
            is_doomed: false,
            is_watched: false,
            visible_to: Arc::default(),
        };
        if matches!(end, End::Power(..)) {
            world.lose_unsynced();
        }
        world
    }

    /// Notes what happens, for comparing.
    pub(super) fn record(&mut self) {
        self.trace = Some(Vec::new());
        self.disk.record();
    }

    /// What happened.
    pub(super) fn recorded(&mut self) -> Vec<String> {
        self.note(|| "the end".to_owned());
        self.trace.clone().unwrap_or_default()
    }

    pub(super) fn watch(&mut self) {
        self.is_watched = true;
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.extend(self.disk.take_recorded());
            trace.push(what());
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.driver.is_some()
    }

    pub(super) fn health(&self) -> Option<StoreHealth> {
        self.driver.as_ref().map(|driver| driver.store.health())
    }

    /// Whether something has gone wrong for this process.
    pub(super) fn has_met_fault(&self) -> bool {
        let met = |at: u64, from: u64, to: u64| (from..to).contains(&at);
        let Plan { fault, read_fault, .. } = self.plan;
        fault.is_some_and(|(at, _)| met(at, self.operations, self.all_operations()))
            || read_fault.is_some_and(|at| met(at, self.reads, self.all_reads()))
            || self.is_doomed
    }

    /// Whether there was a fault that the writer does not go on after.
    fn may_fail(&self) -> bool {
        let harmless = [Fault::Full, Fault::OutOfDescriptors, Fault::Short].map(Some);
        let is_harmless = harmless.contains(&self.plan.fault.map(|(_, fault)| fault));
        self.has_met_fault() && (self.is_doomed || !is_harmless)
    }

    /// Whether the volume is full, or may be.
    fn is_short_of_space(&self) -> bool {
        self.disk.free_space().is_some()
    }

    /// Gives the disk what it was short of.
    pub(super) fn mend(&self) {
        self.disk.set_space(None);
        self.disk.set_out_of_descriptors(false);
    }

    pub(super) fn forget_plan(&mut self) {
        self.plan = Plan::default();
    }

    /// Cuts the power at the next operation but `after`.
    pub(super) fn doom(&mut self, after: u64) {
        self.disk.fail_after(after, Fault::Dead);
        self.is_doomed = true;
    }

    /// The power stays.
    pub(super) fn avert_doom(&mut self) {
        self.disk.forget_faults();
        self.is_doomed = false;
        self.set_faults();
    }

    /// Changing operations since the world began.
    pub(super) fn all_operations(&self) -> u64 {
        self.operations + self.disk.operations()
    }

    pub(super) fn all_reads(&self) -> u64 {
        self.reads + self.disk.reads()
    }

    /// Lets something go wrong, counted from now on.
    pub(super) fn plan_fault(&mut self, after: u64, fault: Fault) {
        self.plan.fault = Some((self.all_operations() + after, fault));
        self.set_faults();
    }

    pub(super) fn plan_read_fault(&mut self, after: u64) {
        self.plan.read_fault = Some(self.all_reads() + after);
        self.set_faults();
    }

    fn set_faults(&mut self) {
        let Plan { fault, dies_after, read_fault } = self.plan;
        if let Some((at, fault)) = fault
            && let Some(at) = at.checked_sub(self.operations)
        {
            self.disk.fail_at(at, fault);
            if let Some(after) = dies_after {
                self.disk.fail_at(at + after, Fault::Dead);
            }
        }
        if let Some(at) = read_fault.and_then(|at| at.checked_sub(self.reads)) {
            self.disk.fail_read_at(at);
        }
    }

    /// Ends the process and leaves the disk for the next one.
    pub(super) fn end(&mut self, end: End) {
        self.stop(end);
        self.leave_disk(end);
    }

    /// As [`World::end`], and nothing goes wrong in the next process.
    pub(super) fn end_and_forget_plan(&mut self, end: End) {
        self.stop(end);
        self.forget_plan();
        self.leave_disk(end);
    }

    fn stop(&mut self, end: End) {
        if let (End::ShutDown, Some(driver)) = (end, &mut self.driver) {
            driver.shut_down();
            self.synced_unless_failed();
        }
        // The system may have dropped what a sync should have written.
        let dropping = [Fault::Broken, Fault::NoSpace, Fault::NoSpaceAtAll, Fault::NoSpaceAtTheEnd];
        let may_drop = self.plan.fault.is_some_and(|(_, fault)| dropping.contains(&fault));
        let has_dropped = self.health() == Some(StoreHealth::Failed) && may_drop;
        self.driver = None;
        if has_dropped || matches!(end, End::Power(..)) {
            self.lose_unsynced();
        }
    }

    fn leave_disk(&mut self, end: End) {
        self.note(|| format!("{end:?}"));
        let (operations, reads) = (self.all_operations(), self.all_reads());
        self.disk = end.leaves(&self.disk);
        if self.trace.is_some() {
            self.disk.record();
        }
        (self.operations, self.reads) = (operations, reads);
        self.is_doomed = false;
        self.set_faults();
    }

    fn lose_unsynced(&mut self) {
        self.model.lose_unsynced();
        self.tell_host();
    }

    /// Tells the host what its catalog is.
    fn tell_host(&self) {
        let mut state = self.host.state.lock();
        (state.applied, state.dropped) = (self.model.snapshot(), self.model.dropped());
    }

    /// What was acknowledged is durable now, or the store says that it does not know.
    fn synced_unless_failed(&mut self) {
        if self.health() == Some(StoreHealth::Failed) {
            assert!(self.may_fail(), "{}: failed for no reason", self.name);
        } else {
            self.model.synced();
        }
    }

    /// The writer has nothing to do until the interval is over.
    pub(super) fn idle(&mut self) {
        let Some(driver) = &mut self.driver else { return };
        driver.idle();
        self.synced_unless_failed();
    }

    /// Starts a process and compares everything. An error has been looked at: it was to be expected.
    pub(super) fn open(&mut self) -> Result<(), OpenError> {
        let opened =
            Driver::open(options(self.durability), &self.disk, &self.clock, self.host.clone());
        self.note(|| format!("{:?}", opened.as_ref().map(|(_, recovered)| recovered)));
        let (driver, recovered) = opened.inspect_err(|error| self.check_open_error(error))?;
        self.driver = Some(driver);
        self.gates = self.model.shards.iter().map(|shard| gate(shard.end.is_some())).collect();
        // What is there is read.
        let is_out = self.disk.is_out_of_descriptors();
        self.disk.set_out_of_descriptors(false);
        self.resolve(recovered);
        self.disk.set_out_of_descriptors(is_out);
        // What recovery shows is durable.
        self.model.synced();
        self.check();
        // What is shown before it is synced is shown at operations of the disk.
        if self.is_watched && self.durability != AT_ONCE {
            self.hook();
        }
        Ok(())
    }

    /// As [`World::open`] where nothing stands in the way.
    pub(super) fn open_well(&mut self) {
        if let Err(error) = self.open() {
            panic!("{}: {error}", self.name);
        }
    }

    /// Only what the disk refused may keep a store from opening, and the error says where.
    fn check_open_error(&self, error: &OpenError) {
        let may_fail = self.has_met_fault() || self.is_short_of_space();
        assert!(may_fail, "{}: {error}", self.name);
        assert!(matches!(error, OpenError::Io { .. }), "{}: {error}", self.name);
        assert!(error.to_string().contains("path=/"), "{}: {error}", self.name);
    }

    /// At every operation of the disk, nothing is visible that was not acknowledged.
    fn hook(&self) {
        let driver = self.driver.as_ref().expect("open");
        let (shared, visible_to) = (driver.shared.clone(), self.visible_to.clone());
        let (name, shards) = (self.name.clone(), self.model.shards.len() as u64);
        visible_to.store(driver.store.durable_index(), Ordering::SeqCst);
        let (weak, turns) = (Arc::downgrade(&shared), AtomicU64::new(0));
        self.disk.on_operation(move || {
            let Some(shared) = weak.upgrade() else { return };
            let limit = visible_to.load(Ordering::SeqCst);
            assert_eq!(shared.durable_index.load(Ordering::SeqCst), limit, "{name}");
            // One shard at each operation, another at the next.
            let shard = turns.fetch_add(1, Ordering::Relaxed) % shards;
            let request = request(shard, limit.saturating_sub(1), 100, 1 << 20);
            let reply = crate::cell::read::read(&shared, &request).expect("memory");
            let ends = reply.runs.iter().map(|run| run.first_index + u64::from(run.count));
            assert!(ends.max().unwrap_or(0) <= limit, "{name}: {reply:?}");
        });
    }

    /// Appends requests in one batch and holds the answers against the model.
    fn submit(&mut self, sent: Vec<Sent>) {
        let was_failed = self.health() == Some(StoreHealth::Failed);
        let requests = sent.iter().map(|sent| self.request_of(sent)).collect();
        let closing: BTreeSet<u64> = sent.iter().flat_map(Sent::closes).collect();
        let Some(driver) = &mut self.driver else { return };
        let answers = driver.submit(requests);
        for (sent, answer) in sent.into_iter().zip(answers) {
            self.note(|| format!("{answer:?}"));
            match answer {
                Ok(appended) => {
                    assert!(!was_failed, "{}: acknowledged after a failure", self.name);
                    self.acknowledged(sent, &appended);
                }
                Err(AppendError::StorageFull) => {
                    let may_be = self.has_met_fault() || self.is_short_of_space();
                    assert!(may_be, "{}: full for no reason", self.name);
                }
                Err(AppendError::Failed) => {
                    assert!(self.may_fail(), "{}: failed for no reason", self.name);
                    self.model.uncertain.push(Uncertain { sent, place: None });
                }
                Err(AppendError::Closed(shard)) => {
                    let Sent::Runs(runs) = sent else { panic!("{}: {sent:?}", self.name) };
                    assert!(runs.iter().any(|(one, _)| *one == shard.0), "{}", self.name);
                    let is_closing = closing.contains(&shard.0);
                    let is_closed = self.gates[shard.0 as usize].is_closed();
                    assert!(is_closing || is_closed, "{}: shard {shard:?}", self.name);
                }
                Err(error) => panic!("{}: {error}", self.name),
            }
        }
        let driver = self.driver.as_ref().expect("open");
        let (durable, synced) = (driver.store.durable_index(), driver.sealed_index());
        self.visible_to.store(durable, Ordering::SeqCst);
        assert!(durable >= self.model.next_index, "{}: acknowledged, not durable", self.name);
        self.model.synced_below(synced);
        if self.durability == AT_ONCE {
            self.synced_unless_failed();
        }
    }

    fn request_of(&self, sent: &Sent) -> Request {
        match sent {
            Sent::Runs(sent) => {
                let mut runs = RunsBuilder::default();
                for (shard, records) in sent {
                    runs.push(ShardKey(*shard), |run| {
                        records.iter().for_each(|(key, data)| run.push(key.as_deref(), data));
                    });
                }
                let gate = |(shard, _): &(u64, _)| self.gates[*shard as usize].clone();
                Request::Runs { runs: runs.finish(), gates: sent.iter().map(gate).collect() }
            }
            Sent::Command(text) => {
                let closing = closed_by(text).map(|shard| self.gates[shard as usize].clone());
                let payload = Bytes::from(text.clone().into_bytes());
                Request::Command { payload, closing: closing.collect() }
            }
        }
    }

    fn acknowledged(&mut self, sent: Sent, appended: &Appended) {
        let name = &self.name;
        let Model { next_index, last_ms, .. } = self.model;
        assert!(appended.arrival_ms >= last_ms, "{name}: arrival falls from {last_ms}");
        assert!(appended.first_indices[0] >= next_index, "{name}: index falls from {next_index}");
        if self.durability != Durability::Sync {
            self.model.note_unsynced(sent.clone(), appended.clone());
        }
        match sent {
            Sent::Runs(runs) => {
                let mut at = appended.first_indices[0];
                assert_eq!(runs.len(), appended.first_indices.len(), "{name}");
                for ((shard, records), first) in runs.into_iter().zip(&appended.first_indices) {
                    assert_eq!(at, *first, "{name}: the runs of a request are consecutive");
                    at += records.len() as u64;
                    self.model.store(shard, records, *first, appended.arrival_ms);
                }
            }
            Sent::Command(text) => {
                assert!(appended.command > self.model.last_command, "{name}");
                self.apply(text, appended.command, appended.first_indices[0]);
            }
        }
        self.model.last_ms = appended.arrival_ms;
    }

    /// What a command does once it is durable.
    fn apply(&mut self, text: String, number: u64, index: u64) {
        self.model.apply(&text, number, index);
        self.gates = self.model.shards.iter().map(|shard| gate(shard.end.is_some())).collect();
        self.tell_host();
    }

    /// Open shards, in order.
    pub(super) fn open_shards(&self) -> Vec<u64> {
        let shards = self.model.shards.iter().enumerate();
        let open = shards.filter(|(_, shard)| shard.end.is_none() && !shard.is_dropped);
        open.map(|(number, _)| number as u64).collect()
    }

    /// A request with runs of as many records of such a length.
    pub(super) fn runs(&mut self, runs: &[(u64, usize, usize)]) -> Option<Put> {
        let mut sent = Vec::new();
        for (shard, count, bytes) in runs {
            let mut records = Vec::new();
            for place in 0..*count {
                let mut data = self.next_datum.to_le_bytes().to_vec();
                data.resize(8.max(*bytes), self.next_datum as u8);
                let key = (place % 3 > 0).then(|| format!("key {}", self.next_datum));
                self.next_datum += 1;
                records.push((key, data));
            }
            sent.push((*shard, records));
        }
        (!sent.is_empty()).then_some(Put(Sent::Runs(sent)))
    }

    pub(super) fn put(&mut self, runs: &[(u64, usize, usize)]) {
        let put = self.runs(runs);
        self.batch(put.into_iter().collect());
    }

    pub(super) fn batch(&mut self, requests: Vec<Put>) {
        self.submit(requests.into_iter().map(|put| put.0).collect());
    }

    pub(super) fn note_command(&mut self, bytes: usize) -> Put {
        self.next_datum += 1;
        Put(Sent::Command(format!("n {} {}", self.next_datum, "x".repeat(bytes))))
    }

    /// `s` closes a shard and opens two, `m` closes two and opens one, `d` drops one.
    pub(super) fn command(&mut self, text: String) {
        self.batch(vec![Put(Sent::Command(text))]);
    }

    pub(super) fn maintain(&mut self) {
        let Some(driver) = &mut self.driver else { return };
        let outcome = driver.maintain();
        self.note(|| format!("{:?}", outcome.as_ref().map_err(std::io::Error::kind)));
        if let Err(error) = outcome {
            let is_full = error.kind() == ErrorKind::StorageFull && self.is_short_of_space();
            assert!(self.has_met_fault() || is_full, "{}: {error}", self.name);
        }
    }

    pub(super) fn set_retention(&mut self, group: usize, retention_ms: u64) {
        self.host.state.lock().retention_ms[group] = retention_ms;
    }

    /// After a start: finds out what became of the requests that had failed.
    fn resolve(&mut self, recovered: Recovered) {
        let mut commands: Vec<(u64, u64, String)> = Vec::new();
        let snapshot = recovered.snapshot.map(|bytes| bytes.to_vec()).unwrap_or_default();
        let snapshot = String::from_utf8(snapshot).expect("text");
        let covered = snapshot.lines().count();
        let acknowledged = self.model.acknowledged_commands().take(covered);
        assert!(snapshot.lines().eq(acknowledged), "{}: another catalog", self.name);
        for command in recovered.commands {
            let text = String::from_utf8(command.payload.to_vec()).expect("text");
            commands.push((command.number, command.index, text));
        }
        let all = self.model.commands.len();
        let ahead = covered.saturating_sub(all);
        let known = all.saturating_sub(covered);
        assert!(commands.len() >= known, "{}: commands are lost", self.name);
        let extra = commands.split_off(known);
        let texts = commands.iter().map(|(_, _, text)| text);
        assert!(texts.eq(&self.model.commands[all - known..]), "{}: commands changed", self.name);
        let unknown = self.unknown_records();
        self.adopt(unknown, extra, ahead);
        let driver = self.driver.as_ref().expect("open");
        let (durable, now_ms) = (driver.store.durable_index(), driver.store.now_ms());
        assert!(durable >= self.model.next_index, "{}: the end went back", self.name);
        assert!(now_ms >= self.model.last_ms, "{}: time went back", self.name);
    }

    /// Records that are readable and not in the model, by data: shard, index and the record.
    fn unknown_records(&mut self) -> BTreeMap<Vec<u8>, (u64, u64, Record)> {
        let mut unknown = BTreeMap::new();
        // Shards that commands without an answer may have opened are read as well.
        for shard in 0..self.model.shards_max() {
            for (index, record) in self.read_all(shard, 0) {
                let known = self.model.shards.get(shard as usize);
                if known.is_none_or(|shard| !shard.records.contains_key(&index)) {
                    unknown.insert(record.data.clone(), (shard, index, record));
                }
            }
        }
        unknown
    }

    /// A prefix of what is uncertain is there, each request as a whole, and `ahead` commands in any
    /// case: a snapshot holds them.
    fn adopt(
        &mut self,
        mut unknown: BTreeMap<Vec<u8>, (u64, u64, Record)>,
        extra: Vec<(u64, u64, String)>,
        mut ahead: usize,
    ) {
        let (mut extra, mut is_over) = (extra.into_iter(), false);
        for Uncertain { sent, place } in std::mem::take(&mut self.model.uncertain) {
            let was_acknowledged = u64::from(place.is_some());
            match sent {
                Sent::Command(text) if ahead > 0 => {
                    ahead -= 1;
                    self.model.fates.ahead += 1;
                    let place = place.expect("a snapshot holds what was acknowledged");
                    self.apply(text, place.command, place.first_indices[0]);
                    self.model.last_ms = place.arrival_ms;
                }
                Sent::Command(text) if !is_over => match extra.next() {
                    Some((number, index, found)) => {
                        assert_eq!(found, text, "{}: another command", self.name);
                        let is_there = place.is_none_or(|place| {
                            (place.command, place.first_indices[0]) == (number, index)
                        });
                        assert!(is_there, "{}: a command has moved", self.name);
                        self.apply(text, number, index);
                    }
                    None => {
                        is_over = true;
                        self.model.fates.lost += was_acknowledged;
                    }
                },
                Sent::Command(_) => self.model.fates.lost += was_acknowledged,
                Sent::Runs(runs) => {
                    let records = || runs.iter().flat_map(|(_, records)| records);
                    let places: Vec<_> =
                        records().filter_map(|(_, data)| unknown.remove(data)).collect();
                    is_over |= places.is_empty();
                    if places.is_empty() {
                        self.model.fates.lost += was_acknowledged;
                        continue;
                    }
                    self.model.fates.kept += was_acknowledged;
                    assert!(!is_over, "{}: a later request without an earlier", self.name);
                    assert_eq!(places.len(), records().count(), "{}: half a request", self.name);
                    let (first, arrival_ms) = (places[0].1, places[0].2.arrival_ms);
                    assert!(arrival_ms >= self.model.last_ms, "{}: arrival falls", self.name);
                    let is_there = match place {
                        Some(place) => {
                            (place.first_indices[0], place.arrival_ms) == (first, arrival_ms)
                        }
                        None => first >= self.model.next_index,
                    };
                    assert!(is_there, "{}: index {first} falls or has moved", self.name);
                    self.model.last_ms = arrival_ms;
                    let mut at = first;
                    for (shard, records) in runs {
                        let count = records.len() as u64;
                        self.model.store(shard, records, at, arrival_ms);
                        at += count;
                    }
                }
            }
        }
        assert!(unknown.is_empty(), "{}: never sent: {unknown:?}", self.name);
        assert_eq!(extra.next(), None, "{}: a command that was never sent", self.name);
    }
}

/// Failures say where they are, also those of other code.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.recorded().iter().for_each(|line| eprintln!("{line}"));
            eprintln!("it happened in: {}", self.name);
        }
    }
}

/// A request to put.
#[derive(Clone, Debug)]
pub(super) struct Put(Sent);

impl Put {
    pub(super) fn command(text: String) -> Self {
        Self(Sent::Command(text))
    }
}

impl End {
    fn leaves(self, disk: &FakeDisk) -> FakeDisk {
        match self {
            Self::ShutDown | Self::Killed => disk.restart(),
            Self::Power(cut, seed) => disk.power_cut(cut, seed),
        }
    }
}

fn request(shard: u64, from_index: u64, records_max: usize, bytes_max: usize) -> ReadRequest {
    ReadRequest {
        shard: ShardKey(shard),
        from_index,
        from_ms: 0,
        first_from_secs: 0,
        end_index: None,
        records_max,
        bytes_max,
    }
}

fn gate(is_closed: bool) -> Arc<Gate> {
    Arc::new(if is_closed { Gate::closed() } else { Gate::default() })
}
