//! What an application keeps beside its leases: who leads, what each worker can bear, how far a
//! change of versions has come.
//!
//! Up to version 3.4 of the library these have two tables of their own; from 3.5 on they can lie
//! in the lease table, where each row says what it is.

pub mod kind;
pub mod leader;
pub mod migration;
pub mod stats;
pub mod stream;

pub use kind::{Kind, Layout};
pub use leader::LeaderRow;
pub use migration::{ClientVersion, MigrationRow, Modified, TableMigration};
pub use stats::WorkerStats;
pub use stream::StreamRow;
