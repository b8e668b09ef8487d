//! The front door: HTTP, authentication, and the services behind it.
//!
//! A request passes, in this order, [`connection`] (sockets, TLS, HTTP), [`front_door`] (which
//! service it is for, and what comes before an operation is known), [`operation`] (decoding, who
//! is calling, and the operation) and a folder of [`services`]. What belongs to the server and to none
//! of its services is [`admin`].

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make their own world"))]

mod access;
mod admin;
mod answer;
mod audit;
pub mod auth;
mod body;
mod body_budget;
mod body_pieces;
mod call_rates;
mod certificate_end;
mod connection;
mod context;
mod entrance;
mod event_reply;
mod front_door;
mod hosts;
pub mod keys;
mod operation;
mod operation_schema;
mod operation_table;
mod peer;
mod permit;
mod pieces;
mod refusal;
mod reply;
mod reply_body;
pub mod schema;
mod serve;
mod service;
mod services;
mod settings;
mod tls;

pub use serve::{RunningServer, ServeError, StartingServer, bind, start};
pub use settings::{
    Access, AdminListen, AllowedHost, AuditDestination, AuditSettings, ServerMemory,
    ServerSettings, TlsSettings,
};
