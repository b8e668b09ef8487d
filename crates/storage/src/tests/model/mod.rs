//! The store against plain models of it, on a disk that fails and forgets.
//!
//! * `driver.rs`: a store without threads. Who does what when is the test's choice, so that a case is
//!   the same each time, and takes a fraction of a millisecond.
//! * `plain.rs`: the plain model.
//! * `world.rs`: a store, its model, and what can happen to them.
//! * `random.rs`: thousands of random cases.
//! * `fail_points.rs`: one case for everything that can go wrong at every operation of the disk.
//! * `threads.rs`: the store as it runs, with its threads.

mod driver;
mod fail_points;
mod plain;
mod random;
mod threads;
mod world;
