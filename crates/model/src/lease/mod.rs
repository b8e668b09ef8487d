//! The leases of a consumer application, as the Kinesis Client Library keeps them in a table.
//!
//! What stands in a row and how it is written, which leases a stream needs, whose they are, and
//! when they may go: decisions alone. Who calls them reads and writes the table, and says what
//! time it is by a clock of its own; no clock of another worker is ever compared with it.
//!
//! What holds, as long as each write is made under the condition that it carries:
//!
//! * whoever writes a checkpoint has held the lease since it last knew its counter: each change of
//!   the owner counts the counter up, but for the start of a hand-over, which leaves the old owner
//!   the checkpoint;
//! * a lease is made after those of its parents, and read after they are at the shard's end or
//!   gone;
//! * a child is read from its beginning.

pub mod assign;
pub mod attribute;
pub mod checkpoint;
pub mod cleanup;
pub mod entity;
pub mod expiry;
pub mod hole;
pub mod key;
pub mod names;
pub mod ownership;
pub mod row;
pub mod shard_list;
pub mod shard_sync;
pub mod write;

pub use attribute::{Attribute, BadItem, Item};
pub use checkpoint::{Checkpoint, Place, SequenceDigits};
pub use key::StreamKey;
pub use names::{LeaseKey, ShardName, WorkerId};
pub use row::{Lease, Pending};
pub use shard_list::ListedShard;
pub use write::Write;
