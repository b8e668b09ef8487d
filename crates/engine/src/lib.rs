//! The Kinesis service without HTTP: the catalog, routing, limits, life cycles, reading.
//!
//! The catalog is a deterministic state machine ([`catalog::Catalog`]) fed by commands from the
//! journal. A change is decided by a pure look at the catalog, journaled, and applied once it is
//! durable; no two changes are under way at once. Puts and gets take a snapshot of their stream
//! (an `Arc`) and never wait for a change, except that a put to a shard that is just being closed
//! waits until its children are there.
//!
//! Invariant: nothing here knows HTTP, JSON or CBOR.

mod account;
mod capacity;
pub mod catalog;
pub mod consumer;
mod encryption;
mod engine;
pub mod error;
mod get;
mod host;
mod iterator;
mod list;
pub mod meter;
mod monitoring;
mod put;
mod reshard;
mod resource_policy;
mod retention;
pub mod salvage;
mod scaling;
mod scope;
mod seats;
mod settings;
pub mod stream;
mod stream_life;
mod subscribe;
mod token;

pub use anabranch_storage::record::{RecordRef, Records};
pub use anabranch_storage::{
    AppendError, Durability, OpenError, ReadError, RunSlice, StoreHealth, StoreOptions, backup,
    inspect,
};
pub use capacity::WarmThroughput;
pub use consumer::{Consumer, ConsumerName, ConsumerPage, ConsumerPageRequest, ConsumerStatus};
pub use encryption::keyring::{DataKeyBytes, KeyProblem, KeyRefusal, KeyUse, Keyring, NoKeys};
pub use encryption::{Encryption, KeyRequest, OpenRun, WrappedKey};
pub use engine::{Engine, RecoverySummary, StartError};
pub use error::EngineError;
pub use get::{GetReply, GetRequest};
pub use iterator::{IteratorPosition, StartingPosition};
pub use list::{ShardPage, ShardPageRequest, StreamPage, StreamPageRequest};
pub use meter::{ReadCount, ShardTraffic};
pub use monitoring::{MonitoringChange, ShardMetric, ShardMetrics};
pub use put::{Payload, PreparedPut, PutEntry, PutOutcome};
pub use reshard::ShardCountUpdate;
pub use resource_policy::{ResourceName, ResourcePolicy};
pub use scope::{ConsumerRef, Scope, StreamRef};
pub use settings::{EngineSettings, ShardRates};
pub use stream::{RecordDistribution, Stream, StreamMode, StreamStatus};
pub use stream_life::{AccountLimits, NewStream};
pub use subscribe::{SubscribeRequest, Subscription, SubscriptionEvent};
