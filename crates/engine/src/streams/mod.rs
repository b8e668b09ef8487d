//! The control plane: streams, shards, consumers, policies, and what an account may use.
//!
//! Every change is decided by a pure look at the catalog, and made by the
//! [`Ledger`](crate::ledger::Ledger).

mod account;
mod capacity;
mod consumers;
mod control;
mod encryption;
mod life;
mod list;
mod load;
mod monitoring;
mod policies;
mod quota;
mod reshard;
mod retention;
mod scaling;

pub use capacity::WarmThroughput;
pub use consumers::{ConsumerPage, ConsumerPageRequest};
pub use control::Control;
pub use encryption::KeyRequest;
pub use life::NewStream;
pub use list::{OpenShardToken, ShardPage, ShardPageRequest};
pub use monitoring::MonitoringChange;
pub use reshard::ShardCountUpdate;
