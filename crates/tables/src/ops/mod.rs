//! Operations: what a request asks is parsed into a type that cannot be wrong by itself, and then decided
//! or read.
//!
//! Each has an `Input` of the members of its request, `parse`, which needs no tables and so no turn, and
//! either `decide`, which says what to journal and to answer, or `read`. Both take the time, epoch
//! milliseconds.

mod batch_get;
mod batch_write;
mod capacity;
mod continuous_backups;
mod create_table;
mod delete_item;
mod delete_table;
mod describe_table;
mod expire;
mod found;
mod get_item;
mod list_tables;
mod page;
mod put_item;
mod query;
mod scan;
mod tags;
mod time_to_live;
mod transact_write;
mod update_item;
mod update_table;
mod write;

pub use batch_get::*;
pub use batch_write::*;
pub use capacity::{CapacityParts, ConsumedCapacity, ReturnConsumedCapacity};
pub use continuous_backups::*;
pub use create_table::*;
pub use delete_item::*;
pub use delete_table::*;
pub use describe_table::*;
pub use expire::*;
pub use get_item::*;
pub use list_tables::*;
pub use page::{Page, Select};
pub use put_item::*;
pub use query::*;
pub use scan::*;
pub use tags::*;
pub use time_to_live::*;
pub use transact_write::*;
pub use update_item::*;
pub use update_table::*;
pub use write::{ConditionInput, ItemCollectionMetrics, ReturnValues, WriteOptions, WriteOutput};
