//! An item as it is kept.

use crate::memory;
use crate::value::{Item, item_size};
use std::sync::Arc;

/// An item, and how large it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Shared with commands and answers.
    pub item: Arc<Item>,
    /// Its size as the service counts it, in bytes.
    pub size: usize,
    /// What its attributes take of memory.
    pub(crate) memory: usize,
}

impl Stored {
    /// Sizes are counted once.
    #[must_use]
    pub fn new(item: Arc<Item>) -> Arc<Self> {
        let (size, memory) = (item_size(&item), memory::of_item(&item));
        Arc::new(Self { item, size, memory })
    }
}
