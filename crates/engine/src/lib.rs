//! The Kinesis service without HTTP: the catalog, routing, limits, life cycles, reading.
//!
//! The floors, each of which knows only those below it:
//!
//! ```text
//! cells              where streams live · what is asked of an account
//! engine             a cell, started and wired
//! opening            a cell whose machines are rebuilt
//! streams, records   control: changes of the catalog · data: puts, reads, subscriptions
//! ledger             decides, journals, applies
//! lookup, keys       finding what is in a state to be used · data keys
//! error              what can go wrong, as facts
//! state              the catalog and all that it is made of
//! ```
//!
//! The catalog is a deterministic state machine ([`Catalog`]) fed by commands from the journal. A
//! change is decided by a pure look at the catalog, journaled, and applied once it is durable; no
//! two changes are under way at once. Puts and gets take a snapshot of their stream (an `Arc`) and
//! never wait for a change, except that a put to a shard that is just being closed waits until its
//! children are there.
//!
//! Invariant: nothing here knows HTTP, JSON or CBOR.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make their own world"))]

mod cells;
mod components;
mod elsewhere;
mod engine;
pub mod error;
mod keys;
mod ledger;
mod live;
mod lookup;
mod opening;
mod records;
pub mod salvage;
mod settings;
mod state;
mod stream_ledger;
mod streams;
mod supervisor;
#[cfg(test)]
mod testing;
mod token;

pub use anabranch_storage::record::{RecordRef, Records};
pub use anabranch_storage::{
    AppendError, Durability, OpenError, ReadError, RunSlice, StoreHealth, StoreOptions, backup,
    inspect,
};
pub use cells::{AccountLimits, Cells, OneCell, StreamPage, StreamPageRequest};
pub use components::Components;
pub use elsewhere::{Alone, Elsewhere};
pub use engine::{Engine, RecoverySummary};
pub use error::StartError;
pub use keys::keyring::{DataKeyBytes, KeyProblem, KeyRefusal, KeyUse, Keyring, NoKeys};
pub use live::meter::{ReadCount, ShardMeter, ShardTraffic};
pub use live::named::NamedStream;
pub use live::slot::ShardSlot;
pub use live::stream::Stream;
pub use lookup::find_consumer;
pub use records::{
    Boundless, Data, GetReply, GetRequest, IteratorPosition, OpenIterator, OpenRun, Payload,
    PreparedPut, PutEntry, PutOutcome, PutReply, PutRequest, ReplyRoom, StartingPosition,
    SubscribeRequest, Subscription, SubscriptionEvent,
};
pub use settings::{EngineSettings, ShardRates};
pub use state::catalog::{Catalog, Effect};
pub use state::command;
pub use state::commitments::Commitments;
pub use state::consumer::{Consumer, ConsumerName, ConsumerStatus};
pub use state::directory::Directory;
pub use state::encryption::{Encryption, WrappedKey};
pub use state::machine::Place;
pub use state::moment::Moment;
pub use state::policy::ResourcePolicy;
pub use state::scope::{ConsumerRef, ResourceName, Scope, StreamRef};
pub use state::shard_metrics::{ShardMetric, ShardMetrics};
pub use state::shards::Shards;
pub use state::stream::{RecordDistribution, StreamEntry, StreamMode, StreamStatus};
pub use state::usage::{Counts, Usage};
pub use streams::{
    ConsumerPage, ConsumerPageRequest, Control, KeyRequest, MonitoringChange, NewStream,
    OpenShardToken, ShardCountUpdate, ShardPage, ShardPageRequest, WarmThroughput,
};
