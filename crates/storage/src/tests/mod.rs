//! Tests of the whole store.

mod backup;
mod damage;
mod late;
mod model;
mod suite;
mod support;
mod swap;
