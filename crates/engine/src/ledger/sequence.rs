//! The commands of all machines of a cell, in the one order of its journal.
//!
//! Ledgers reveal when they come to it: a command may be seen while one of another machine, before it in
//! the journal, is not. A snapshot covers what is settled without a gap.
//!
//! Invariant: whoever looks finds each queued command here. It is taken in under the lock under which it
//! gets its number.
//!
//! Invariant: `covered` is the number of a command that was revealed and so is durable, and all before it
//! were revealed or given up.

use anabranch_storage::{AppendError, Appended, Confirmation};
use parking_lot::Mutex;
use std::collections::VecDeque;

#[derive(Debug)]
pub(crate) struct Sequence(Mutex<Commands>);

#[derive(Debug)]
struct Commands {
    covered: u64,
    /// Those behind it, in order. The first is under way.
    behind: VecDeque<Command>,
}

#[derive(Debug)]
struct Command {
    number: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    UnderWay,
    Revealed,
    GivenUp,
}

impl Sequence {
    /// Behind a command that was recovered, with all before it.
    pub(crate) fn behind(covered: u64) -> Self {
        Self(Mutex::new(Commands { covered, behind: VecDeque::new() }))
    }

    /// Takes in the command that `queue` queues.
    pub(crate) fn queue(
        &self,
        queue: impl FnOnce() -> Result<(Appended, Confirmation), AppendError>,
    ) -> Result<(Appended, Confirmation), AppendError> {
        let mut commands = self.0.lock();
        let queued = queue()?;
        let number = queued.0.command;
        commands.behind.push_back(Command { number, state: State::UnderWay });
        Ok(queued)
    }

    /// Can be seen. To be told before anybody sees more.
    pub(super) fn revealed(&self, number: u64) {
        self.settle(number, State::Revealed);
    }

    /// Was not stored.
    pub(super) fn given_up(&self, number: u64) {
        self.settle(number, State::GivenUp);
    }

    /// What can be seen of the machines holds all commands up to this one, and maybe more.
    pub(crate) fn covered(&self) -> u64 {
        self.0.lock().covered
    }

    fn settle(&self, number: u64, state: State) {
        let mut commands = self.0.lock();
        let place = commands.behind.binary_search_by_key(&number, |command| command.number);
        commands.behind[place.expect("each is settled once")].state = state;
        let is_settled = |command: &mut Command| command.state != State::UnderWay;
        while let Some(settled) = commands.behind.pop_front_if(is_settled) {
            if settled.state == State::Revealed {
                commands.covered = settled.number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{GivenUp, Revealed};

    /// A sequence behind command 7, with commands 8, 9, ... under way.
    fn under_way(count: u64) -> Sequence {
        let sequence = Sequence::behind(7);
        let numbers = (8..8 + count).map(|number| Command { number, state: State::UnderWay });
        sequence.0.lock().behind.extend(numbers);
        sequence
    }

    #[test]
    fn what_is_covered_ends_before_the_first_command_under_way() {
        let sequence = under_way(4);
        let settled = [(9, Revealed, 7), (10, GivenUp, 7), (8, Revealed, 9), (11, Revealed, 11)];
        for (number, state, covered) in settled {
            sequence.settle(number, state);
            assert_eq!(sequence.covered(), covered, "after {number}");
        }
        assert!(sequence.0.lock().behind.is_empty());
    }

    #[test]
    fn no_command_is_covered_that_was_not_stored() {
        let sequence = under_way(3);
        for (number, state, covered) in [(8, GivenUp, 7), (10, GivenUp, 7), (9, GivenUp, 7)] {
            sequence.settle(number, state);
            assert_eq!(sequence.covered(), covered, "after {number}");
        }
    }

    #[test]
    fn nobody_looks_between_a_command_and_its_number() {
        let sequence = Sequence::behind(7);
        let refused = sequence.queue(|| {
            assert!(sequence.0.try_lock().is_none(), "it can be looked at");
            Err(AppendError::StorageFull)
        });
        assert_eq!(refused.map(drop), Err(AppendError::StorageFull));
        assert_eq!(sequence.covered(), 7);
    }
}
