//! Tables through their public API: each command is applied as it comes out of its bytes.

mod changes;
mod conditions;
mod expiry;
mod formats;
mod memory;
mod model;
mod reads;
mod scans;
mod schemas;
mod transactions;
mod world;
mod writes;
