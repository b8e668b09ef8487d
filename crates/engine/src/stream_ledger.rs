//! The ledger of the streams: what a cell stands on.

use crate::error::{StartError, StreamNotFound};
use crate::ledger::{Ledger, Owner};
use crate::live::host::ViewHost;
use crate::live::owner::StreamOwner;
use crate::live::stream::Stream;
use crate::lookup::find;
use crate::state::catalog::Catalog;
use crate::state::command::{Command, InstallSecret};
use crate::state::machine::Place;
use crate::state::scope::Scope;
use crate::state::stream::StreamStatus;
use anabranch_env::Clock;
use anabranch_storage::Opening;
use parking_lot::RwLock;
use std::sync::Arc;

/// The ledger of a cell's streams.
pub(crate) type StreamLedger = Ledger<StreamOwner>;

impl StreamLedger {
    /// Starts the store under a catalog that was rebuilt from it.
    pub(crate) async fn start(
        store: Opening,
        mut catalog: Catalog,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let (mut owner, view) = StreamOwner::of(&catalog);
        // Maintenance asks what is alive: it must be there before that starts.
        let view = Arc::new(RwLock::new(view));
        let store = store.start(Arc::new(ViewHost::new(view.clone(), clock)))?;
        if catalog.secret().is_empty() {
            let mut secret = vec![0; 32];
            anabranch_env::fill_random(&mut secret);
            let command = Command::InstallSecret(InstallSecret { secret });
            let appended = store.append_command(command.encode(), &[]).await?;
            let place = Place::of(&appended);
            let staged = owner.stage(catalog.apply(&command, place));
            StreamOwner::reveal(&mut view.write(), place.number, staged, &mut Default::default());
        }
        Ok(Self::new(store, catalog, owner, view))
    }

    /// The stream of this name, in whatever state.
    pub(crate) fn stream(&self, scope: &Scope, name: &str) -> Result<Arc<Stream>, StreamNotFound> {
        find(self.view().streams(), scope, name, self.now_ms()).cloned()
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
}
