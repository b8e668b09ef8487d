//! The engine: a catalog over a store.

use crate::catalog::command::{Command, InstallSecret, PurgeStream};
use crate::catalog::{Catalog, CommandError, Place};
use crate::encryption::Keys;
use crate::encryption::keyring::Keyring;
use crate::error::EngineError;
use crate::host::CatalogHost;
use crate::scaling::Scaling;
use crate::scope::{Scope, StreamRef};
use crate::seats::Seats;
use crate::settings::EngineSettings;
use crate::stream::{Stream, StreamStatus};
use crate::subscribe::EventRoom;
use crate::token::Tokens;
use anabranch_env::{Clock, Disk};
use anabranch_storage::{AppendError, Gate, OpenError, Recovered, Store, StoreOptions};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Pause before another try to purge a deleted stream.
const PURGE_PAUSE: Duration = Duration::from_secs(5);

/// The Kinesis service of one cell.
#[derive(Debug)]
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) catalog: Arc<RwLock<Catalog>>,
    pub(crate) settings: EngineSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tokens: Tokens,
    pub(crate) keys: Keys,
    /// Held while a change of the catalog is decided, journaled and applied.
    pub(crate) changing: tokio::sync::Mutex<()>,
    /// Where the next record of an evenly distributed stream goes.
    pub(crate) next_even: AtomicU32,
    /// Who holds which subscription.
    pub(crate) seats: Seats,
    /// Memory for events of subscriptions.
    pub(crate) event_room: EventRoom,
    /// What scaling of on-demand streams has seen.
    pub(crate) scaling: Mutex<Scaling>,
    /// What recovery found.
    pub recovery: RecoverySummary,
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

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CommandError),
    /// A thread cannot be started.
    #[error("cannot start a thread error={0}")]
    Thread(#[from] std::io::Error),
    /// The first command was refused.
    #[error(transparent)]
    Append(#[from] anabranch_storage::AppendError),
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
        let first = catalog.secret().is_empty().then(|| {
            let mut secret = vec![0; 32];
            anabranch_env::fill_random(&mut secret);
            Command::InstallSecret(InstallSecret { secret })
        });
        let streams = catalog.streams().count();
        // Maintenance asks the catalog what is alive: it must be there before that starts.
        let catalog = Arc::new(RwLock::new(catalog));
        store.start(Arc::new(CatalogHost::new(catalog.clone(), clock.clone())))?;
        if let Some(command) = first {
            let appended = store.append_command(command.encode(), &[]).await?;
            catalog.write().apply(&command, place(&appended));
        }
        let tokens = Tokens::new(catalog.read().secret());
        let engine = Arc::new(Self {
            store,
            catalog,
            settings,
            clock,
            tokens,
            keys: Keys::new(keyring),
            changing: tokio::sync::Mutex::new(()),
            next_even: AtomicU32::new(0),
            seats: Seats::default(),
            event_room: EventRoom::default(),
            scaling: Mutex::default(),
            recovery: RecoverySummary { streams, records, journal_bytes, torn_bytes },
        });
        engine.resume_deletions();
        engine.resume_rescalings();
        engine.forget_shards_later();
        engine.scale_later();
        Ok(engine)
    }

    /// Deletions that were under way when the last process ended.
    fn resume_deletions(self: &Arc<Self>) {
        let deleting: Vec<u32> = {
            let catalog = self.catalog.read();
            let deleting = catalog.streams().filter(|stream| stream.gone_at_ms.is_some());
            deleting.map(|stream| stream.number).collect()
        };
        for number in deleting {
            self.purge_later(number, Duration::ZERO);
        }
    }

    pub(crate) fn purge_later(self: &Arc<Self>, number: u32, delay: Duration) {
        let engine = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut delay = delay;
            loop {
                tokio::time::sleep(delay).await;
                let Some(engine) = engine.upgrade() else { return };
                let command = Command::PurgeStream(PurgeStream { stream: number });
                match engine.change(move |_, _| Ok((command, ()))).await {
                    Ok(()) => return engine.store.nudge_maintenance(),
                    // It is done after the restart.
                    Err(EngineError::Append(AppendError::Failed | AppendError::ShuttingDown)) => {
                        return;
                    }
                    // It is hidden already; what it takes is freed when the journal has room.
                    Err(error) => tracing::warn!(%error, "a deleted stream still takes space"),
                }
                delay = PURGE_PAUSE;
            }
        });
    }

    /// Changes the catalog: `decide` looks at it and says what to do, which is journaled and
    /// then applied. Runs to its end even if the caller goes away.
    pub(crate) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        decide: impl FnOnce(&Catalog, u64) -> Result<(Command, T), EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.change_closing(move |catalog, now_ms| {
            decide(catalog, now_ms).map(|(command, reply)| (command, Vec::new(), reply))
        })
        .await
    }

    /// As [`Engine::change`], and closes gates at the command's place in the journal.
    pub(crate) async fn change_closing<T: Send + 'static>(
        self: &Arc<Self>,
        decide: impl FnOnce(&Catalog, u64) -> Result<(Command, Vec<Arc<Gate>>, T), EngineError>
        + Send
        + 'static,
    ) -> Result<T, EngineError> {
        let engine = self.clone();
        let task = tokio::spawn(async move {
            let _sole = engine.changing.lock().await;
            let now_ms = engine.now_ms();
            let (command, closing, reply) = decide(&engine.catalog.read(), now_ms)?;
            let appended = engine.store.append_command(command.encode(), &closing).await?;
            engine.catalog.write().apply(&command, place(&appended));
            if let Command::Reshard(reshard) = &command {
                // Readers that wait for records of a closed shard have reached its end.
                engine.store.wake(reshard.closed_shards());
            }
            Ok(reply)
        });
        task.await.unwrap_or(Err(EngineError::Interrupted))
    }

    /// The stream of this name, in whatever state.
    ///
    /// # Errors
    /// When there is none.
    pub fn stream(&self, scope: &Scope, name: &str) -> Result<Arc<Stream>, EngineError> {
        let catalog = self.catalog.read();
        find(&catalog, scope, name, self.now_ms()).cloned()
    }

    /// The stream of this name, if it takes puts and gets.
    ///
    /// # Errors
    /// When there is none, or it is still being created.
    pub fn data_stream(&self, scope: &Scope, name: &str) -> Result<Arc<Stream>, EngineError> {
        let stream = self.stream(scope, name)?;
        match stream.status(self.now_ms()) {
            Some(StreamStatus::Active | StreamStatus::Updating | StreamStatus::Deleting) => {
                Ok(stream)
            }
            Some(StreamStatus::Creating) | None => {
                Err(EngineError::StreamNotFound(stream.reference.clone()))
            }
        }
    }

    /// The store underneath: for health and for waiting on durable progress.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The cell's time, epoch milliseconds: what states, limits and starting positions go by.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.store.now_ms()
    }

    /// Time that only rises, in microseconds: what rates go by.
    #[must_use]
    pub fn monotonic_us(&self) -> u64 {
        self.clock.monotonic_us()
    }

    /// Open shards of all accounts.
    #[must_use]
    pub fn open_shards(&self) -> u64 {
        self.catalog.read().streams().map(|stream| stream.open.len() as u64).sum()
    }
}

/// The stream of this name, unless it is gone.
pub(crate) fn find<'a>(
    catalog: &'a Catalog,
    scope: &Scope,
    name: &str,
    now_ms: u64,
) -> Result<&'a Arc<Stream>, EngineError> {
    let stream = catalog.stream(scope, name).filter(|stream| stream.status(now_ms).is_some());
    stream.ok_or_else(|| {
        EngineError::StreamNotFound(StreamRef { scope: scope.clone(), name: Arc::from(name) })
    })
}

/// The stream of this name, if its settings can be changed.
pub(crate) fn find_active<'a>(
    catalog: &'a Catalog,
    scope: &Scope,
    name: &str,
    now_ms: u64,
) -> Result<&'a Arc<Stream>, EngineError> {
    let stream = find(catalog, scope, name, now_ms)?;
    match stream.status(now_ms) {
        Some(StreamStatus::Active) => Ok(stream),
        Some(status) => {
            Err(EngineError::StreamNotActive { stream: stream.reference.clone(), status })
        }
        None => Err(EngineError::StreamNotFound(stream.reference.clone())),
    }
}

/// Refuses a stream that is only coming or on its way out.
pub(crate) fn require_settled(stream: &Stream, now_ms: u64) -> Result<(), EngineError> {
    match stream.status(now_ms) {
        Some(status @ (StreamStatus::Creating | StreamStatus::Deleting)) => {
            Err(EngineError::StreamNotActive { stream: stream.reference.clone(), status })
        }
        Some(StreamStatus::Active | StreamStatus::Updating) => Ok(()),
        None => Err(EngineError::StreamNotFound(stream.reference.clone())),
    }
}

fn place(appended: &anabranch_storage::Appended) -> Place {
    Place {
        number: appended.command,
        index: appended.first_indices[0],
        arrival_ms: appended.arrival_ms,
    }
}
