//! What a cell must know of the others.

use crate::state::scope::Scope;
use crate::state::usage::Usage;
use std::fmt;

/// What accounts use in other cells.
pub trait Elsewhere: fmt::Debug + Send + Sync {
    /// What an account uses in all cells but this one. Answers at once; what it says may be a
    /// second old.
    fn usage(&self, scope: &Scope) -> Usage;
}

/// There is no other cell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Elsewhere for Alone {
    fn usage(&self, _: &Scope) -> Usage {
        Usage::default()
    }
}
