//! A cell, started and wired: the ledger, and control and data over it.

use crate::error::{StartError, StreamNotFound};
use crate::keys::keyring::Keyring;
use crate::ledger::Ledger;
use crate::records::Data;
use crate::settings::EngineSettings;
use crate::state::catalog::Catalog;
use crate::state::scope::Scope;
use crate::state::stream::Stream;
use crate::streams::Control;
use crate::token::Tokens;
use anabranch_env::{Clock, Disk};
use anabranch_storage::{Recovered, Store, StoreOptions};
use std::sync::Arc;

/// The Kinesis service of one cell.
#[derive(Debug)]
pub struct Engine {
    /// Streams, shards, consumers, policies.
    pub control: Arc<Control>,
    /// Records.
    pub data: Arc<Data>,
    /// What recovery found.
    pub recovery: RecoverySummary,
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
}

/// What recovery found, for the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecoverySummary {
    /// Streams in the catalog.
    pub streams: usize,
    /// Records read back from the journal into memory.
    pub records: u64,
    /// Bytes of journal that were read.
    pub journal_bytes: u64,
    /// Bytes of a torn tail that were cut.
    pub torn_bytes: u64,
}

impl Engine {
    /// Opens the store, rebuilds the catalog and starts.
    ///
    /// # Errors
    /// When the data directory cannot be used, with what to do about it.
    pub async fn start(
        options: StoreOptions,
        settings: EngineSettings,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        keyring: Arc<dyn Keyring>,
    ) -> Result<Arc<Self>, StartError> {
        let opening = clock.clone();
        // Reading gigabytes of journal is no work for an async thread.
        let opened = tokio::task::spawn_blocking(move || Store::open(options, disk, opening));
        let (store, recovered) = opened.await.map_err(std::io::Error::other)??;
        let Recovered { snapshot, commands, records, journal_bytes, torn_bytes } = recovered;
        let catalog = Catalog::rebuild(snapshot.as_deref(), &commands)?;
        let streams = catalog.streams().count();
        let recovery = RecoverySummary { streams, records, journal_bytes, torn_bytes };
        let ledger = Arc::new(Ledger::start(store, catalog, clock.clone()).await?);
        let tokens = Arc::new(Tokens::new(ledger.catalog().secret()));
        let control = Arc::new(Control::new(
            ledger.clone(),
            settings.clone(),
            clock.clone(),
            tokens.clone(),
            keyring.clone(),
        ));
        let data = Arc::new(Data::new(ledger.clone(), settings, clock.clone(), tokens, keyring));
        control.resume_deletions();
        control.resume_rescalings();
        control.forget_shards_later();
        control.scale_later();
        Ok(Arc::new(Self { control, data, recovery, ledger, clock }))
    }

    /// The stream of this name, in whatever state.
    ///
    /// # Errors
    /// When there is none.
    pub fn stream(&self, scope: &Scope, name: &str) -> Result<Arc<Stream>, StreamNotFound> {
        self.ledger.stream(scope, name)
    }

    /// The stream of this name, if it takes puts and gets.
    ///
    /// # Errors
    /// When there is none, or it is still being created.
    pub fn data_stream(&self, scope: &Scope, name: &str) -> Result<Arc<Stream>, StreamNotFound> {
        self.ledger.data_stream(scope, name)
    }

    /// The store underneath: for health and for waiting on durable progress.
    #[must_use]
    pub fn store(&self) -> &anabranch_storage::Store {
        self.ledger.store()
    }

    /// The cell's time, epoch milliseconds: what states, limits and starting positions go by.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.ledger.now_ms()
    }

    /// Time that only rises, in microseconds: what rates go by.
    #[must_use]
    pub fn monotonic_us(&self) -> u64 {
        self.clock.monotonic_us()
    }
}
