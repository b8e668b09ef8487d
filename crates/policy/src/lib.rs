//! Policies in AWS's JSON language: reading them, and deciding by them.
//!
//! A document is read once, into patterns and numbers that a decision only compares
//! ([`Policy`]). A decision looks at one request ([`Request`]), what the caller's policies say
//! ([`Identity`]) and what the resource's policy says, and follows AWS's logic ([`decide`]).
//!
//! Guarantees:
//!
//! - No document makes reading panic, recurse without bound or take more memory than a small
//!   multiple of its length, which is bounded ([`TEXT_BYTES_MAX`]).
//! - What is not understood is refused when it is read, so that no statement is silently without
//!   effect: unknown elements and operators, values of the wrong type, repeated elements.
//! - A decision takes a bounded number of steps (`steps.rs`), whatever policies and request are. What
//!   would need more is refused.
//!
//! Pure: no I/O, no clock; the time is part of the request.

#![warn(missing_docs)]

mod condition;
mod date;
mod decide;
mod document;
mod ip_range;
mod key;
mod pattern;
mod policy;
mod principal;
mod request;
mod steps;
#[cfg(test)]
mod tests;

pub use decide::{Identity, Refusal, decide};
pub use document::{PolicyError, TEXT_BYTES_MAX};
pub use policy::Policy;
pub use principal::Principal;
pub use request::{Request, RequestTags};
