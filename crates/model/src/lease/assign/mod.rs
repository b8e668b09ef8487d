//! Whose the leases are.
//!
//! Two ways, as the library has two: each worker takes what is free and steals what is too much
//! ([`take`], version 2), or one that leads gives leases to workers ([`leader`], [`round`],
//! version 3). An application has one of them.

pub mod fleet;
pub mod hand_over;
pub mod leader;
pub mod round;
pub mod take;
