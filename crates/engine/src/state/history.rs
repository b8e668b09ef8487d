//! What was recovered of a cell, machine by machine.
//!
//! A snapshot covers all commands up to its number, and each machine in it may have more of its own. So a
//! machine knows its last command, and those up to there are not applied again.

use super::command::CommandError;
use super::machine::{Machine, MachineId, Place};
use super::payload;
use super::snapshot::{self, Part};
use anabranch_model::sequence_number::INDEX_CLOSED;
use anabranch_storage::RecoveredCommand;
use bytes::Bytes;
use minicbor::decode::Error;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct History {
    /// Of the machines that were rebuilt.
    last_command: u64,
    /// Those that nobody has asked for yet.
    machines: BTreeMap<MachineId, Past>,
}

#[derive(Debug, Default)]
struct Past {
    snapshot: Option<Vec<u8>>,
    commands: Vec<(Place, Bytes)>,
}

impl History {
    /// Finds out whose everything is.
    ///
    /// # Errors
    /// When it was written by a version that knew more than this one.
    pub(crate) fn read(
        snapshot: Option<&[u8]>,
        commands: &[RecoveredCommand],
    ) -> Result<Self, CommandError> {
        let mut history = Self::default();
        let parts = snapshot.map(snapshot::decode).transpose()?.unwrap_or_default();
        for Part { machine, bytes } in parts {
            history.machines.entry(machine).or_default().snapshot = Some(bytes);
        }
        for recovered in commands {
            let (machine, command) = payload::open(&recovered.payload)?;
            let RecoveredCommand { number, index, arrival_ms, .. } = *recovered;
            let past = history.machines.entry(machine).or_default();
            past.commands.push((Place { number, index, arrival_ms }, command));
        }
        Ok(history)
    }

    /// Rebuilds a machine, which is new if nothing is known of it.
    ///
    /// # Errors
    /// When its snapshot or a command was written by a version that knew more than this one.
    pub(crate) fn rebuild<M: Machine>(&mut self) -> Result<M, CommandError> {
        let Past { snapshot, commands } = self.machines.remove(&M::ID).unwrap_or_default();
        let mut machine = match snapshot {
            Some(bytes) => M::restore(&bytes)?,
            None => M::default(),
        };
        for (place, command) in commands {
            if place.number > machine.applied() {
                machine.apply(&M::decode(&command)?, place);
                assert_eq!(machine.applied(), place.number, "a machine knows its last command");
            }
        }
        if machine.applied() > INDEX_CLOSED {
            return Err(Error::message("a number that cannot be counted on from").into());
        }
        self.last_command = self.last_command.max(machine.applied());
        Ok(machine)
    }

    /// The number of the last command, when all machines were rebuilt that there are.
    ///
    /// # Errors
    /// When there is one that this version does not know.
    pub(crate) fn end(self) -> Result<u64, CommandError> {
        match self.machines.into_keys().next() {
            None => Ok(self.last_command),
            Some(MachineId(machine)) => {
                Err(Error::message(format!("unknown machine number={machine}")).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::catalog::Catalog;
    use crate::state::command::{Command, InstallSecret};

    /// Commands of the catalog and of machine 7, in turns.
    fn commands(count: u64) -> Vec<RecoveredCommand> {
        let commands = (1..=count).map(|number| {
            let secret = Command::InstallSecret(InstallSecret { secret: vec![number as u8] });
            let machine = MachineId(if number % 2 == 1 { 0 } else { 7 });
            let payload = payload::of(machine, secret.encode());
            RecoveredCommand { number, index: 0, arrival_ms: 0, payload }
        });
        commands.collect()
    }

    #[test]
    fn a_machine_that_nobody_knows_is_refused() {
        let mut history = History::read(None, &commands(4)).expect("read");
        let catalog: Catalog = history.rebuild().expect("rebuilt");
        assert_eq!((catalog.secret(), catalog.applied()), ([3].as_slice(), 3));
        let error = history.end().expect_err("machine 7 is unknown").to_string();
        assert!(error.contains("unknown machine number=7"), "{error}");
        Catalog::rebuild(None, &commands(4)).expect_err("machine 7 is unknown");
        Catalog::rebuild(None, &commands(1)).expect("the catalog alone");
    }

    #[test]
    fn what_a_snapshot_has_is_not_applied_again() {
        let (_, snapshot) = Catalog::rebuild(None, &commands(1)).expect("rebuilt").snapshot();
        let early = snapshot::decode(&snapshot).expect("decodes").remove(0);
        let mut commands = commands(5);
        // Not what the snapshot has: whoever applies it, shows.
        commands[0].payload = Command::InstallSecret(InstallSecret { secret: vec![9] }).encode();
        for (count, secret) in [(0, 1), (1, 1), (2, 1), (3, 3), (5, 5)] {
            let snapshot = snapshot::encode(vec![early.clone()]);
            let mut history = History::read(Some(&snapshot), &commands[..count]).expect("read");
            let catalog: Catalog = history.rebuild().expect("rebuilt");
            assert_eq!(catalog.secret(), [secret], "after {count} commands");
        }
    }

    #[test]
    fn a_number_that_cannot_be_counted_on_from_is_refused() {
        let mut catalog = Catalog::default();
        catalog.cover(u64::MAX);
        Catalog::rebuild(Some(&catalog.snapshot().1), &[]).expect_err("too high");
    }
}
