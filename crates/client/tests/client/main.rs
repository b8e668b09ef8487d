//! The client against listeners that do what they like.

#![allow(clippy::unwrap_used)]
#![expect(clippy::disallowed_methods, reason = "tests make their own world")]

mod credentials;
mod kept;
mod listener;
mod proxies;
mod sent;
mod trust;
mod unsent;
