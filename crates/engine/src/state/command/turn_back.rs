//! The command about time.

use minicbor::{Decode, Encode};

/// See [`super::Command::TurnBack`]. Its own arrival time is the time that it turns back to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TurnBack {
    /// How far the cell's time was ahead, in milliseconds: for people.
    #[n(0)]
    pub ahead_ms: u64,
}
