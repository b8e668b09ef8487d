//! Now, as a cell sees it.

/// Now. A clock that was wrong has left its mark on what is journaled, and must not decide what can
/// be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The cell's time, epoch milliseconds: never before anything journaled. States of streams and
    /// consumers go by it.
    pub now_ms: u64,
    /// When it is, as far as can be believed, epoch milliseconds: what can be read goes by it.
    pub believed_ms: u64,
}
