//! Opening a store, and starting it.

use crate::cell::common::Common;
use crate::cell::maintenance::{self, Maintenance};
use crate::cell::read::{ReadError, ReadReply, ReadRequest};
use crate::cell::segment_cache::SegmentCache;
use crate::cell::shared::Shared;
use crate::cell::store::Store;
use crate::cell::threads::spawn;
use crate::cell::writer::Writer;
use crate::error::OpenError;
use crate::host::Host;
use crate::medium::disk::medium::DiskMedium;
use crate::medium::memory::MemoryMedium;
use crate::medium::opened::{Found, Medium, Opened};
use crate::options::{Durability, StoreOptions};
use crate::recovered::Recovered;
use anabranch_env::{Clock, Disk};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A store that is open and not started: what was recovered can be read, and nothing is appended,
/// because maintenance asks the catalog what is alive, and the engine has yet to rebuild it.
///
/// Dropped, it leaves the directory as it is, for whoever opens it next.
#[derive(Debug)]
pub struct Opening {
    store: Store,
    writer: Writer,
    maintenance: Maintenance,
}

impl Store {
    /// Opens the directory and recovers what is in it.
    ///
    /// # Errors
    /// When the directory is locked, damaged, of another format or cannot be read.
    pub fn open(
        options: StoreOptions,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Opening, Recovered), OpenError> {
        // The one place where durability says what a cell lies on.
        let medium: Box<dyn Medium> = match options.durability {
            Durability::Memory => Box::new(MemoryMedium::new(&options)),
            Durability::Sync | Durability::Interval(_) => Box::new(DiskMedium::new(&options, disk)),
        };
        Self::open_on(&*medium, options, clock)
    }

    /// Opens a medium and recovers what is on it.
    pub(crate) fn open_on(
        medium: &dyn Medium,
        options: StoreOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<(Opening, Recovered), OpenError> {
        let common = Common::default();
        let Opened { found, journal, shelf, lock } = medium.open(&common)?;
        let Common { queue, chapters, health, upkeep, dropped } = common;
        queue.begin_at(found.next_index, found.next_command, found.last_ms);
        let begins_ms = deletion_begins_ms(&found, clock.wall_ms());
        clock.begin(begins_ms, found.last_ms);
        chapters.extend(found.chapters);
        let shared = Arc::new(Shared {
            segment_cache: SegmentCache::new(options.segment_cache_bytes),
            options,
            shelf,
            queue,
            chapters,
            durable_index: AtomicU64::new(found.next_index),
            tips: Arc::default(),
            health,
            upkeep,
            dropped,
        });
        let opening = Opening {
            writer: Writer::new(shared.clone(), journal),
            maintenance: Maintenance::new(found.covered_command),
            store: Store::new(shared, clock, lock),
        };
        Ok((opening, found.recovered))
    }
}

/// Up to when data may be deleted at the start. A directory of an older version tells no more than
/// when its newest record arrived.
fn deletion_begins_ms(found: &Found, wall_ms: u64) -> u64 {
    match found.deletion_ms {
        Some(kept_ms) => kept_ms,
        None if found.last_ms == 0 => wall_ms,
        None => wall_ms.min(found.last_ms),
    }
}

impl Opening {
    /// As [`Store::read`].
    ///
    /// # Errors
    /// When a segment is damaged or cannot be read.
    pub fn read(&self, request: &ReadRequest) -> Result<ReadReply, ReadError> {
        self.store.read(request)
    }

    /// As [`Store::durable_index`].
    #[must_use]
    pub fn durable_index(&self) -> u64 {
        self.store.durable_index()
    }

    /// Says that commands up to this one have been: no other gets their numbers. A snapshot may hold
    /// more than it covers, and the journal may have lost it.
    pub fn skip_commands_through(&self, number: u64) {
        self.store.shared().queue.skip_commands_through(number);
    }

    /// Starts writing and maintenance.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(self, host: Arc<dyn Host>) -> io::Result<Store> {
        let Self { store, writer, maintenance } = self;
        store.add_thread(spawn("journal", move || writer.write_until_stopped())?);
        let (shared, clock) = (store.shared().clone(), store.clock().clone());
        // Whoever asks for a turn from here on gets one.
        shared.upkeep.begin();
        let maintain =
            move || maintenance::maintain_until_stopped(maintenance, &shared, &*host, &*clock);
        store.add_thread(spawn("maintenance", maintain)?);
        Ok(store)
    }
}

#[cfg(test)]
impl Opening {
    /// For tests that do the threads' work themselves.
    pub(crate) fn take_apart(self) -> (Store, Writer, Maintenance) {
        (self.store, self.writer, self.maintenance)
    }
}
