//! The front door: HTTP, authentication, codecs, one file per operation.
//!
//! A request passes, in this order, [`connection`] (sockets, TLS, HTTP), [`request`] (the checks
//! that come before an operation is known), [`operations`] (the table) and one of [`ops`]. What
//! goes wrong in an operation becomes an AWS error in [`error`] and nowhere else.
//!
//! Invariant: handlers in [`ops`] know neither HTTP nor JSON nor CBOR.

mod admin;
mod answer;
pub mod auth;
mod body;
mod call_rates;
mod connection;
mod error;
mod event_cache;
mod event_reply;
mod idle;
pub mod keys;
mod operation_schema;
mod operations;
mod ops;
mod pieces;
mod reply;
mod reply_body;
mod request;
pub mod schema;
mod serve;
mod settings;
mod tls;

pub use serve::{RunningServer, ServeError, start};
pub use settings::{Access, ServerSettings, TlsSettings};
