//! The engine through its public API, over a disk and a clock that the tests move.

mod cells;
mod clock_walk;
mod deletion_lines;
mod encryption;
mod keys;
mod model;
mod on_demand;
mod reply_room;
mod reshard;
mod reshard_crashes;
mod ring;
mod salvage;
mod service;
mod subscriptions;
mod world;
