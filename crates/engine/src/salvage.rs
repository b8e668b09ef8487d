//! The catalog of a directory that was damaged, as far as it is known.
//!
//! The newest intact snapshot and the commands that were found make the catalog. What changes are
//! missing shows in records that belong to no shard:
//!
//! * of a stream that no command and no snapshot knows: it gets a stream of its own,
//!   `salvaged-NUMBER`, with the longest retention;
//! * of a shard with a higher number than its stream has: it becomes a closed shard of the stream,
//!   without parents.
//!
//! Records of streams and shards that were deleted before look the same but for their numbers, which
//! were given out before: they stay deleted.

use crate::state::catalog::Catalog;
use crate::state::command::{Command, CreateStream};
use crate::state::machine::Place;
use crate::state::scope::Scope;
use anabranch_model::{ShardId, ShardKey, limits};
pub use anabranch_storage::salvage::{Finding, Lost, Salvage, ShardExtent, read};
use std::collections::{BTreeMap, BTreeSet};

/// A catalog, and what is not as it was.
#[derive(Debug)]
pub struct SalvagedCatalog {
    /// The catalog: it covers every command that was found.
    pub catalog: Catalog,
    /// Shards whose records were found and whose stream or shard the catalog did not know: they
    /// were added to it.
    pub adopted: BTreeMap<ShardKey, ShardExtent>,
    /// Such shards whose records are encrypted: the keys were in the catalog, nobody can read them.
    pub sealed: BTreeMap<ShardKey, ShardExtent>,
    /// Commands that could not be read or did not fit, by number.
    pub passed_over: Vec<u64>,
    /// Whether the snapshot could not be read.
    pub snapshot_unreadable: bool,
}

/// Makes the catalog of what was found. Streams that nobody knows are put into `scope`.
#[must_use]
pub fn rebuild(salvage: &Salvage, scope: &Scope) -> SalvagedCatalog {
    let decoded = salvage.snapshot.as_deref().map(|bytes| Catalog::rebuild(Some(bytes), &[]));
    let snapshot_unreadable = matches!(decoded, Some(Err(_)));
    let mut catalog = decoded.and_then(Result::ok).unwrap_or_default();
    let mut known: BTreeSet<u32> = (0..catalog.next_stream()).collect();
    let mut passed_over = Vec::new();
    for recovered in &salvage.commands {
        let place = Place {
            number: recovered.number,
            index: recovered.index,
            arrival_ms: recovered.arrival_ms,
        };
        match Command::decode(&recovered.payload) {
            // What is whole fits by itself.
            Ok(command) if salvage.is_complete() || catalog.can_apply(&command) => {
                if let Command::CreateStream(create) = &command {
                    known.insert(create.number);
                }
                catalog.apply(&command, place);
            }
            _ => passed_over.push(recovered.number),
        }
    }
    let mut salvaged = SalvagedCatalog {
        catalog,
        adopted: BTreeMap::new(),
        sealed: BTreeMap::new(),
        passed_over,
        snapshot_unreadable,
    };
    salvaged.adopt(salvage, scope, &known);
    salvaged.catalog.cover(salvage.last_command.max(1));
    salvaged
}

impl SalvagedCatalog {
    fn adopt(&mut self, salvage: &Salvage, scope: &Scope, known: &BTreeSet<u32>) {
        let mut streams: BTreeMap<u32, Vec<(ShardKey, ShardExtent)>> = BTreeMap::new();
        for (shard, extent) in &salvage.shards {
            let is_known = known.contains(&shard.stream());
            let newest = self
                .catalog
                .streams()
                .of_number(shard.stream())
                .and_then(|stream| stream.shards.all().last().map(|shard| shard.id));
            let is_missing = match newest {
                Some(newest) => shard.shard() > newest,
                None => !is_known,
            };
            // A number that is used must not be given out again.
            self.catalog.reserve_stream(shard.stream());
            if is_missing && extent.has_sealed {
                self.sealed.insert(*shard, *extent);
            } else if is_missing {
                self.adopted.insert(*shard, *extent);
                streams.entry(shard.stream()).or_default().push((*shard, *extent));
            }
        }
        for (number, shards) in streams {
            match self.catalog.streams().of_number(number).is_some() {
                true => shards.iter().for_each(|(shard, extent)| {
                    self.catalog.adopt_shard(*shard, extent);
                }),
                false => self.adopt_stream(number, &shards, scope),
            }
        }
    }

    fn adopt_stream(&mut self, number: u32, shards: &[(ShardKey, ShardExtent)], scope: &Scope) {
        let newest = shards.iter().map(|(shard, _)| shard.shard()).max().unwrap_or(ShardId(0));
        let first_ms = shards.iter().map(|(_, extent)| extent.first_ms).min().unwrap_or(0);
        let shard_count = newest.0.saturating_add(1).min(limits::STREAM_SHARDS_MAX);
        let name = format!("salvaged-{number}");
        let create = CreateStream {
            retention_hours: limits::RETENTION_HOURS_MAX,
            max_record_kib: limits::RECORD_KIB_MAX,
            ..CreateStream::provisioned(number, scope, name, shard_count)
        };
        let place = Place { number: 0, index: 0, arrival_ms: first_ms };
        self.catalog.apply(&Command::CreateStream(create), place);
        let beyond = shards.iter().filter(|(shard, _)| {
            let stream = self.catalog.streams().of_number(number);
            stream.is_none_or(|stream| stream.shards.of_id(shard.shard()).is_none())
        });
        let beyond: Vec<_> = beyond.copied().collect();
        beyond.iter().for_each(|(shard, extent)| self.catalog.adopt_shard(*shard, extent));
    }
}
