//! Tests of the whole store.

mod backup;
mod damage;
mod model;
