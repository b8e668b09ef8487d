//! Which stream or consumer a request is about, and whether its caller may use it so.
//!
//! A request names its resource by name, by ARN, by both, or by an iterator or token. Every function
//! here asks the policies, and then takes a call of the operation's rate. What it hands on is the
//! stream as it was when its policy was asked, and the cell that it lives in: whoever reads or puts
//! looks nothing up. Changes of the catalog go by the name, for they are decided on state that is
//! ahead of what is seen here.

mod account;
mod consumer;
mod names;
mod rate;
mod resource;
mod stream;

pub(crate) use account::account;
pub(crate) use consumer::{consumer, consumer_resource, new_consumer, of_consumer_arn};
pub(crate) use names::shard_id;
pub(crate) use resource::{resource, resource_tagging};
pub(crate) use stream::{new_stream, of_arn, of_iterator, of_shard_token, stream, stream_tagging};
