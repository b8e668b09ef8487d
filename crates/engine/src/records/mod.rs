//! The data plane: records that are put, read and pushed.

mod data;
mod get;
mod iterator;
mod open;
mod put;
mod room;
mod seats;
mod shard_read;
mod subscribe;

pub use data::Data;
pub use get::{GetReply, GetRequest};
pub use iterator::{IteratorPosition, OpenIterator, StartingPosition};
pub use open::OpenRun;
pub use put::{Payload, PreparedPut, PutEntry, PutOutcome, PutReply, PutRequest};
pub use room::{Boundless, ReplyRoom};
pub use subscribe::{SubscribeRequest, Subscription, SubscriptionEvent};
