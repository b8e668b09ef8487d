//! A cell: one journal, one order, its records where readers find them.

pub(crate) mod cell_time;
pub(crate) mod chapter;
pub(crate) mod common;
pub(crate) mod deletion_time;
pub(crate) mod dropped;
pub(crate) mod eviction;
pub(crate) mod expiry;
pub(crate) mod gate;
pub(crate) mod health;
pub(crate) mod maintenance;
pub(crate) mod memtable;
pub(crate) mod opening;
pub(crate) mod queue;
pub(crate) mod read;
pub(crate) mod segment_cache;
pub(crate) mod shared;
pub(crate) mod store;
pub(crate) mod threads;
pub(crate) mod tips;
pub(crate) mod upkeep;
pub(crate) mod writer;
