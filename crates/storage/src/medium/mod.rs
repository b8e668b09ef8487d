//! Where a cell lies.

pub(crate) mod disk;
pub(crate) mod frames;
pub(crate) mod journal;
pub(crate) mod memory;
pub(crate) mod opened;
pub(crate) mod shelf;
