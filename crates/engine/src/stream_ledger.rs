//! The ledger of the streams: what a cell stands on.

use crate::error::{ChangeFailure, StartError, StreamNotFound};
use crate::ledger::{Cell, Ledger, Rebuilt};
use crate::live::named::NamedStream;
use crate::live::owner::StreamOwner;
use crate::live::stream::Stream;
use crate::lookup::find;
use crate::state::command::{Command, InstallSecret};
use crate::state::scope::{Scope, StreamRef};
use std::sync::Arc;

/// The ledger of a cell's streams.
pub(crate) type StreamLedger = Ledger<StreamOwner>;

impl StreamLedger {
    /// The ledger of the streams of a cell, which gets its secret if it is new.
    pub(crate) async fn start(
        cell: Arc<Cell>,
        streams: Rebuilt<StreamOwner>,
    ) -> Result<Arc<Self>, StartError> {
        let ledger = Arc::new(Self::new(cell, streams));
        let is_new = ledger.view().secret().is_empty();
        if is_new {
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
