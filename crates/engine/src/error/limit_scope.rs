//! What a limit is counted over.

/// What a limit is counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitScope {
    /// The account in the stream's Region.
    Region,
    /// The account in all Regions together.
    Account,
}
