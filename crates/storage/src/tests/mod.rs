//! Tests of the whole store.

mod backup;
mod damage;
mod late;
mod model;
mod suite;
pub(crate) mod support;
mod swap;
