//! Who makes the live state of the catalog's effects.

use super::stream::Stream;
use super::view::{Reveal, View, Wake};
use crate::ledger::Owner;
use crate::state::catalog::{Catalog, Effect};
use crate::state::command::Command;
use anabranch_storage::{Gate, Store};
use std::collections::HashMap;
use std::sync::Arc;

/// The newest streams, those that nobody may see yet among them.
#[derive(Debug, Default)]
pub(crate) struct StreamOwner(HashMap<u32, Arc<Stream>>);

impl Owner for StreamOwner {
    type Machine = Catalog;
    type Reveal = Vec<Reveal>;
    type View = View;
    type Wake = Wake;

    fn of(machine: &Catalog) -> (Self, View) {
        let streams = machine.streams().all();
        let streams = streams.map(|entry| (entry.number, Stream::new(entry.clone(), None)));
        let owner = Self(streams.collect());
        let view = View::new(machine, owner.0.values().cloned());
        (owner, view)
    }

    fn resume(view: &View) -> (Self, Catalog) {
        let streams = view.streams().all().map(|stream| (stream.number, stream.clone()));
        (Self(streams.collect()), view.catalog())
    }

    fn closing(&self, command: &Command) -> Vec<Arc<Gate>> {
        let Command::Reshard(reshard) = command else { return Vec::new() };
        let Some(stream) = self.0.get(&reshard.stream) else { return Vec::new() };
        let closed = reshard.closed_shards().into_iter();
        closed.filter_map(|key| Some(stream.slot(key.shard())?.gate.clone())).collect()
    }

    fn stage(&mut self, effects: Vec<Effect>) -> Vec<Reveal> {
        let stage = |effect| match effect {
            Effect::Stream(entry) => {
                let number = entry.number;
                let stream = Stream::new(entry, self.0.get(&number).map(|former| &**former));
                self.0.insert(number, stream.clone());
                Reveal::Stream(stream)
            }
            Effect::Purged(number) => {
                self.0.remove(&number);
                Reveal::Purged(number)
            }
            Effect::Closed(shards) => Reveal::Closed(shards),
            Effect::Committed(scope, commitment) => Reveal::Committed(scope, commitment),
            Effect::Secret(secret) => Reveal::Secret(secret),
        };
        effects.into_iter().map(stage).collect()
    }

    fn reveal(view: &mut View, number: u64, staged: Vec<Reveal>, wake: &mut Wake) {
        view.show(number, staged, wake);
    }

    fn wake(store: &Store, wake: Wake) {
        wake.streams.iter().for_each(|stream| stream.changed.send_replace(()));
        if !wake.shards.is_empty() {
            // Readers that wait for records of a closed shard have reached its end.
            store.wake(wake.shards);
        }
    }
}
