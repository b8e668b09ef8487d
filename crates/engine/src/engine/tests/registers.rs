//! A machine that lives beside the catalog: names, each taken by whoever came first.

use crate::error::ChangeFailure;
use crate::ledger::{Ledger, Owner};
use crate::state::command::CommandError;
use crate::state::machine::{Kept, Machine, MachineId, Place};
use anabranch_storage::{Gate, Store};
use bytes::Bytes;
use minicbor::{Decode, Encode};
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Registers {
    #[n(0)]
    applied: u64,
    /// Who has each name, and how often it was taken: once.
    #[n(1)]
    pub(super) taken: BTreeMap<String, (String, u32)>,
}

#[derive(Debug, Encode, Decode)]
pub(super) struct Take {
    #[n(0)]
    name: String,
    #[n(1)]
    owner: String,
    /// What makes it long.
    #[cbor(n(2), with = "minicbor::bytes")]
    padding: Vec<u8>,
}

impl Machine for Registers {
    const ID: MachineId = MachineId(7);
    type Command = Take;
    type Effect = (String, (String, u32));

    fn apply(&mut self, take: &Take, place: Place) -> Vec<Self::Effect> {
        self.applied = place.number;
        let taken = self.taken.entry(take.name.clone()).or_default();
        *taken = (take.owner.clone(), taken.1 + 1);
        vec![(take.name.clone(), taken.clone())]
    }

    fn encode(take: &Take) -> Bytes {
        Bytes::from(minicbor::to_vec(take).expect("writing to memory cannot fail"))
    }

    fn decode(command: &[u8]) -> Result<Take, CommandError> {
        Ok(minicbor::decode(command)?)
    }

    fn restore(snapshot: &[u8]) -> Result<Self, CommandError> {
        Ok(minicbor::decode(snapshot)?)
    }

    fn applied(&self) -> u64 {
        self.applied
    }
}

/// What can be seen of them.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) registers: Registers,
    pub(super) brake: Arc<Brake>,
}

impl Kept for Names {
    fn snapshot(&self) -> Vec<u8> {
        minicbor::to_vec(&self.registers).expect("writing to memory cannot fail")
    }

    fn applied(&self) -> u64 {
        self.registers.applied
    }
}

pub(super) struct RegisterOwner(Arc<Brake>);

impl Owner for RegisterOwner {
    type Machine = Registers;
    type Reveal = Vec<(String, (String, u32))>;
    type View = Names;
    type Wake = ();

    fn of(machine: &Registers) -> (Self, Names) {
        let seen = Names { registers: machine.clone(), ..Names::default() };
        (Self(seen.brake.clone()), seen)
    }

    fn resume(view: &Names) -> (Self, Registers) {
        (Self(view.brake.clone()), view.registers.clone())
    }

    fn closing(&self, _: &Take) -> Vec<Arc<Gate>> {
        Vec::new()
    }

    fn stage(&mut self, effects: Vec<(String, (String, u32))>) -> Self::Reveal {
        self.0.pass();
        effects
    }

    fn reveal(view: &mut Names, number: u64, taken: Self::Reveal, (): &mut ()) {
        view.registers.applied = number;
        view.registers.taken.extend(taken);
    }

    fn wake(_: &Store, (): ()) {}
}

/// Holds a change up that has its place in the journal.
#[derive(Debug, Default)]
pub(super) struct Brake {
    state: Mutex<Braking>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Braking {
    is_set: bool,
    holds_one: bool,
}

impl Brake {
    pub(super) fn set(&self, is_set: bool) {
        self.state.lock().is_set = is_set;
        self.changed.notify_all();
    }

    /// Returns when a change is held up.
    pub(super) fn wait_for_one(&self) {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |state| !state.holds_one);
    }

    fn pass(&self) {
        let mut state = self.state.lock();
        state.holds_one = state.is_set;
        self.changed.notify_all();
        self.changed.wait_while(&mut state, |state| state.is_set);
        state.holds_one = false;
    }
}

#[derive(Debug)]
pub(super) enum TakeError {
    /// By this one.
    Taken(String),
    Failure(ChangeFailure),
}

impl From<ChangeFailure> for TakeError {
    fn from(failure: ChangeFailure) -> Self {
        Self::Failure(failure)
    }
}

/// Takes a name, unless it is taken.
pub(super) async fn take(
    ledger: &Arc<Ledger<RegisterOwner>>,
    name: String,
    owner: String,
    padding: usize,
) -> Result<(), TakeError> {
    let change = ledger.change(move |registers, _| match registers.taken.get(&name) {
        Some((owner, _)) => Err(TakeError::Taken(owner.clone())),
        None => Ok((Take { name, owner, padding: vec![0; padding] }, ())),
    });
    change.await
}
