//! Where a cell lies.

pub(crate) mod disk;
