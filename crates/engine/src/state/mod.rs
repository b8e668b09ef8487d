//! The machines of a cell: the catalog and all that it is made of, and what holds for each machine. Nothing
//! here does anything but look and change.

pub(crate) mod catalog;
pub mod command;
pub(crate) mod commitments;
pub(crate) mod consumer;
pub(crate) mod directory;
pub(crate) mod encryption;
pub(crate) mod history;
pub(crate) mod machine;
pub(crate) mod moment;
pub(crate) mod payload;
pub(crate) mod policy;
pub(crate) mod scope;
pub(crate) mod shard_metrics;
pub(crate) mod shards;
pub(crate) mod snapshot;
pub(crate) mod stream;
pub(crate) mod usage;
