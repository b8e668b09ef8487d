//! What the crate does, through its public items.

#![allow(clippy::unwrap_used)]

mod condition_errors;
mod conditions;
mod key_conditions;
mod legacy;
mod numbers;
mod placeholders;
mod projections;
mod round_trip;
mod support;
mod update_errors;
mod updates;
mod values;
