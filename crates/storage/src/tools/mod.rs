//! What is done with data directories beside serving from them.

pub mod backup;
pub mod inspect;
pub mod salvage;
