//! The ledger of the streams: what a cell stands on.

use crate::error::{ChangeFailure, StartError, StreamNotFound};
use crate::ledger::{Ledger, Owner};
use crate::live::host::ViewHost;
use crate::live::named::NamedStream;
use crate::live::owner::StreamOwner;
use crate::live::stream::Stream;
use crate::lookup::find;
use crate::state::catalog::Catalog;
use crate::state::command::{Command, InstallSecret};
use crate::state::scope::{Scope, StreamRef};
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
        catalog: Catalog,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StartError> {
        let (owner, view) = StreamOwner::of(&catalog);
        // Maintenance asks what is alive: it must be there before that starts.
        let view = Arc::new(RwLock::new(view));
        let store = store.start(Arc::new(ViewHost::new(view.clone(), clock)))?;
        let has_secret = !catalog.secret().is_empty();
        let ledger = Arc::new(Self::new(store, catalog, owner, view));
        if !has_secret {
            let mut secret = vec![0; 32];
            anabranch_env::fill_random(&mut secret);
            let command = Command::InstallSecret(InstallSecret { secret });
            ledger.change(move |_, _| Ok::<_, ChangeFailure>((command, ()))).await?;
        }
        Ok(ledger)
    }

    /// The stream of this name, in whatever state.
    pub(crate) fn stream(&self, scope: &Scope, name: &str) -> Result<Arc<Stream>, StreamNotFound> {
        find(self.view().streams(), scope, name, self.now_ms()).cloned()
    }

    /// What there is under a name.
    pub(crate) fn named(&self, reference: StreamRef) -> NamedStream {
        let found = self.stream(&reference.scope, &reference.name).ok();
        NamedStream { reference, found }
    }
}
