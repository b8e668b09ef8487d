//! Outcomes that are told.

use super::batch::User;
use super::outcome::{Landing, Why};
use std::sync::Arc;

/// What became of user records.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// They are stored, in one record.
    Stored {
        at: Arc<Landing>,
        /// By their places in it.
        users: Vec<User<T>>,
    },
    /// It is not stored, as far as is known. The last attempt says why.
    Failed { why: Why, user: User<T> },
}
