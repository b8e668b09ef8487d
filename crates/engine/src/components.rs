//! What a cell works with, and does not make itself.

use crate::elsewhere::{Alone, Elsewhere};
use crate::keys::keyring::Keyring;
use anabranch_env::{Clock, Disk};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Components {
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub keyring: Arc<dyn Keyring>,
    /// What accounts use in other cells.
    pub elsewhere: Arc<dyn Elsewhere>,
}

impl Components {
    /// Those of a cell that is the only one.
    #[must_use]
    pub fn alone(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>, keyring: Arc<dyn Keyring>) -> Self {
        Self { disk, clock, keyring, elsewhere: Arc::new(Alone) }
    }
}
