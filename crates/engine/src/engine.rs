//! A cell, started and wired: the ledger, and control and data over it.

use crate::components::Components;
use crate::error::{StartError, StreamNotFound};
use crate::keys::keyring::Keyring;
use crate::ledger::Rebuilt;
use crate::live::named::NamedStream;
use crate::live::owner::StreamOwner;
use crate::live::stream::Stream;
use crate::opening::CellOpening;
use crate::records::Data;
use crate::settings::EngineSettings;
use crate::state::moment::Moment;
use crate::state::scope::{Scope, StreamRef};
use crate::stream_ledger::StreamLedger;
use crate::streams::Control;
use crate::token::Tokens;
use anabranch_env::{Clock, Disk};
use anabranch_storage::{Recovered, StoreOptions};
use std::iter::Sum;
use std::sync::Arc;

/// A cell: the Kinesis service over one journal.
#[derive(Debug)]
pub struct Engine {
    /// Streams, shards, consumers, policies.
    pub control: Arc<Control>,
    /// Records.
    pub data: Arc<Data>,
    /// What recovery found.
    pub recovery: RecoverySummary,
    ledger: Arc<StreamLedger>,
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

impl RecoverySummary {
    fn of(recovered: &Recovered, streams: &Rebuilt<StreamOwner>) -> Self {
        let &Recovered { records, journal_bytes, torn_bytes, .. } = recovered;
        let streams = streams.view.read().streams().all().count();
        Self { streams, records, journal_bytes, torn_bytes }
    }
}

impl Sum for RecoverySummary {
    fn sum<I: Iterator<Item = Self>>(summaries: I) -> Self {
        summaries.fold(Self::default(), |sum, one| Self {
            streams: sum.streams + one.streams,
            records: sum.records + one.records,
            journal_bytes: sum.journal_bytes + one.journal_bytes,
            torn_bytes: sum.torn_bytes + one.torn_bytes,
        })
    }
}

impl Engine {
    /// Opens the store, rebuilds the catalog and starts the only cell.
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
        Self::start_among(options, settings, Components::alone(disk, clock, keyring)).await
    }

    /// As [`Engine::start`], for a cell among others.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub async fn start_among(
        options: StoreOptions,
        settings: EngineSettings,
        components: Components,
    ) -> Result<Arc<Self>, StartError> {
        let (mut opening, recovered) = CellOpening::open(options, &components).await?;
        let streams = opening.rebuild::<StreamOwner>()?;
        let recovery = RecoverySummary::of(&recovered, &streams);
        let cell = opening.start(&streams)?;
        let ledger = StreamLedger::start(cell, streams).await?;
        Ok(Self::over(ledger, recovery, settings, &components))
    }

    /// Control and data over a ledger.
    fn over(
        ledger: Arc<StreamLedger>,
        recovery: RecoverySummary,
        settings: EngineSettings,
        components: &Components,
    ) -> Arc<Self> {
        let clock = components.clock.clone();
        let tokens = Arc::new(Tokens::new(ledger.view().secret()));
        let control = Control::new(ledger.clone(), settings.clone(), tokens.clone(), components);
        let control = Arc::new(control);
        let data = Arc::new(Data::new(ledger.clone(), settings, tokens, components));
        control.resume_deletions();
        control.resume_reshards();
        control.forget_shards_later();
        control.scale_later();
        Arc::new(Self { control, data, recovery, ledger, clock })
    }

    /// The stream of this name, in whatever state.
    ///
    /// # Errors
    /// When there is none.
    pub fn stream(&self, scope: &Scope, name: &str) -> Result<Arc<Stream>, StreamNotFound> {
        self.ledger.stream(scope, name)
    }

    /// What there is under a name, to be handed on.
    #[must_use]
    pub fn named(&self, reference: StreamRef) -> NamedStream {
        self.ledger.named(reference)
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

    /// Now, for what can be read as well.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.ledger.moment()
    }

    /// Time that only rises, in microseconds: what rates go by.
    #[must_use]
    pub fn monotonic_us(&self) -> u64 {
        self.clock.monotonic_us()
    }
}

#[cfg(test)]
mod tests;
