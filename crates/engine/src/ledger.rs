//! The ledger: decides on the catalog, journals the decision and applies it when it is durable.
//!
//! One change at a time: each is decided on a catalog that has all changes before it. Streams are
//! `Arc`s that a change replaces, so that puts and gets never wait for one.

use crate::error::{ChangeFailure, Interrupted, StartError, StreamNotFound};
use crate::host::CatalogHost;
use crate::lookup::find;
use crate::state::catalog::{Catalog, Place};
use crate::state::command::{Command, InstallSecret};
use crate::state::scope::Scope;
use crate::state::stream::{Stream, StreamStatus};
use anabranch_env::Clock;
use anabranch_storage::{Appended, Gate, Opening, Store};
use parking_lot::{RwLock, RwLockReadGuard};
use std::sync::Arc;

/// The catalog over the store that makes it durable.
#[derive(Debug)]
pub(crate) struct Ledger {
    store: Store,
    catalog: Arc<RwLock<Catalog>>,
    /// Held while a change of the catalog is decided, journaled and applied.
    changing: tokio::sync::Mutex<()>,
}

impl Ledger {
    /// Starts the store under a catalog that was rebuilt from it.
    pub(crate) async fn start(
        store: Opening,
        catalog: Catalog,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let first = catalog.secret().is_empty().then(|| {
            let mut secret = vec![0; 32];
            anabranch_env::fill_random(&mut secret);
            Command::InstallSecret(InstallSecret { secret })
        });
        // Maintenance asks the catalog what is alive: it must be there before that starts.
        let catalog = Arc::new(RwLock::new(catalog));
        let store = store.start(Arc::new(CatalogHost::new(catalog.clone(), clock)))?;
        if let Some(command) = first {
            let appended = store.append_command(command.encode(), &[]).await?;
            catalog.write().apply(&command, place(&appended));
        }
        Ok(Self { store, catalog, changing: tokio::sync::Mutex::new(()) })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The catalog as of the last durable change.
    pub(crate) fn catalog(&self) -> RwLockReadGuard<'_, Catalog> {
        self.catalog.read()
    }

    /// The cell's time, epoch milliseconds: what states, limits and starting positions go by.
    pub(crate) fn now_ms(&self) -> u64 {
        self.store.now_ms()
    }

    /// The stream of this name, in whatever state.
    pub(crate) fn stream(&self, scope: &Scope, name: &str) -> Result<Arc<Stream>, StreamNotFound> {
        find(&self.catalog(), scope, name, self.now_ms()).cloned()
    }

    /// The stream of this name, if it takes puts and gets.
    pub(crate) fn data_stream(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<Arc<Stream>, StreamNotFound> {
        let stream = self.stream(scope, name)?;
        match stream.status(self.now_ms()) {
            Some(StreamStatus::Active | StreamStatus::Updating | StreamStatus::Deleting) => {
                Ok(stream)
            }
            Some(StreamStatus::Creating) | None => Err(StreamNotFound(stream.reference.clone())),
        }
    }

    /// Changes the catalog: `decide` looks at it and says what to do, which is journaled and
    /// then applied. Runs to its end even if the caller goes away.
    pub(crate) async fn change<T, E>(
        self: &Arc<Self>,
        decide: impl FnOnce(&Catalog, u64) -> Result<(Command, T), E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<ChangeFailure> + Send + 'static,
    {
        self.change_closing(move |catalog, now_ms| {
            decide(catalog, now_ms).map(|(command, reply)| (command, Vec::new(), reply))
        })
        .await
    }

    /// As [`Ledger::change`], and closes gates at the command's place in the journal.
    pub(crate) async fn change_closing<T, E>(
        self: &Arc<Self>,
        decide: impl FnOnce(&Catalog, u64) -> Result<(Command, Vec<Arc<Gate>>, T), E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<ChangeFailure> + Send + 'static,
    {
        let ledger = self.clone();
        let task = tokio::spawn(async move {
            let _sole = ledger.changing.lock().await;
            let now_ms = ledger.now_ms();
            let (command, closing, reply) = decide(&ledger.catalog(), now_ms)?;
            let appended = ledger.store.append_command(command.encode(), &closing).await;
            let appended = appended.map_err(ChangeFailure::from)?;
            ledger.catalog.write().apply(&command, place(&appended));
            if let Command::Reshard(reshard) = &command {
                // Readers that wait for records of a closed shard have reached its end.
                ledger.store.wake(reshard.closed_shards());
            }
            Ok(reply)
        });
        task.await.unwrap_or_else(|_| Err(ChangeFailure::from(Interrupted).into()))
    }

    /// Returns when the change that is under way has been applied, or has failed.
    pub(crate) async fn settled(&self) {
        drop(self.changing.lock().await);
    }
}

fn place(appended: &Appended) -> Place {
    Place {
        number: appended.command,
        index: appended.first_indices[0],
        arrival_ms: appended.arrival_ms,
    }
}
