//! What a table is, beside its items.

mod billing;
mod index;
mod key;
mod name;
mod projection;
mod table;
mod tags;

pub use billing::{Billing, BillingMode, Throughput};
pub use index::{IndexKind, IndexSchema};
pub use key::{KeyAttribute, KeyRole, KeySchema, KeyType};
pub use name::{IndexName, TableName, check_token};
pub use projection::{Projection, ProjectionType};
pub use table::{TableSchema, TimeToLive};
pub(crate) use tags::check_count;
pub use tags::{Tags, check_tags};
