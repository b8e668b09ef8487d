//! A cell that is open and not started: its machines are rebuilt from what was recovered.

use crate::components::Components;
use crate::error::StartError;
use crate::ledger::{Cell, Owner, Rebuilt, Sequence};
use crate::live::host::CellHost;
use crate::live::owner::StreamOwner;
use crate::state::history::History;
use crate::state::machine::{Kept, Machine, MachineId};
use anabranch_env::Clock;
use anabranch_storage::{Opening, Recovered, Store, StoreOptions};
use parking_lot::RwLock;
use std::sync::Arc;

pub(crate) struct CellOpening {
    store: Opening,
    history: History,
    machines: Vec<(MachineId, Arc<RwLock<dyn Kept>>)>,
    clock: Arc<dyn Clock>,
}

impl CellOpening {
    /// Opens the store, and says what else recovery found.
    pub(crate) async fn open(
        options: StoreOptions,
        components: &Components,
    ) -> Result<(Self, Recovered), StartError> {
        let (disk, clock) = (components.disk.clone(), components.clock.clone());
        let opening = clock.clone();
        // Reading gigabytes of journal is no work for an async thread.
        let opened = tokio::task::spawn_blocking(move || Store::open(options, disk, opening));
        let (store, mut recovered) = opened.await.map_err(std::io::Error::other)??;
        let commands = std::mem::take(&mut recovered.commands);
        let history = History::read(recovered.snapshot.take().as_deref(), &commands)?;
        Ok((Self { store, history, machines: Vec::new(), clock }, recovered))
    }

    /// Rebuilds a machine of this cell, whose snapshots have it from now on.
    pub(crate) fn rebuild<O: Owner>(&mut self) -> Result<Rebuilt<O>, StartError> {
        let rebuilt = Rebuilt::<O>::of(self.history.rebuild()?);
        self.machines.push((O::Machine::ID, rebuilt.view.clone()));
        Ok(rebuilt)
    }

    /// Starts the store under the machines, the streams among them. Refuses a cell in which there are
    /// others.
    pub(crate) fn start(self, streams: &Rebuilt<StreamOwner>) -> Result<Arc<Cell>, StartError> {
        let last_command = self.history.end()?;
        self.store.skip_commands_through(last_command);
        let sequence = Arc::new(Sequence::behind(last_command));
        let view = streams.view.clone();
        // Maintenance asks what is alive: it must be there before that starts.
        let host = CellHost::new(view, self.machines, sequence.clone(), self.clock);
        let store = self.store.start(Arc::new(host))?;
        Ok(Arc::new(Cell { store, sequence }))
    }
}
