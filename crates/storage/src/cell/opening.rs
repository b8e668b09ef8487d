//! Opening a store, and starting it.

use crate::cell::chapter::Chapters;
use crate::cell::health::Health;
use crate::cell::maintenance::{self, Maintenance};
use crate::cell::queue::Queue;
use crate::cell::read::{ReadError, ReadReply, ReadRequest};
use crate::cell::segment_cache::SegmentCache;
use crate::cell::shared::Shared;
use crate::cell::store::Store;
use crate::cell::threads::spawn;
use crate::cell::upkeep::Upkeep;
use crate::cell::writer::Writer;
use crate::error::OpenError;
use crate::format::layout::Layout;
use crate::host::Host;
use crate::medium::disk::recovery;
use crate::options::StoreOptions;
use crate::recovered::Recovered;
use anabranch_env::{Clock, Disk};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

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
        let layout = Layout::new(&options.directory);
        let opened = recovery::open(&options, &layout, &*disk)?;
        let shared = Arc::new(Shared {
            layout,
            disk,
            queue: Queue::new(opened.next_index, opened.next_command, opened.last_ms),
            chapters: Chapters::new(opened.chapters),
            segment_cache: SegmentCache::default(),
            durable_index: AtomicU64::new(opened.next_index),
            tips: Arc::default(),
            health: Health::default(),
            spare: Mutex::new(()),
            lacked_spare: AtomicBool::new(false),
            upkeep: Upkeep::default(),
            options,
        });
        let opening = Opening {
            writer: Writer::new(shared.clone(), opened.journal),
            maintenance: Maintenance::new(opened.covered_command),
            store: Store::new(shared, clock, opened.lock),
        };
        Ok((opening, opened.recovered))
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

    /// Starts writing and maintenance.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(self, host: Arc<dyn Host>) -> io::Result<Store> {
        let Self { store, writer, maintenance } = self;
        store.add_thread(spawn("journal", move || writer.run())?);
        let (shared, clock) = (store.shared().clone(), store.clock().clone());
        let maintain = move || maintenance::run(maintenance, &shared, &*host, &*clock);
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
