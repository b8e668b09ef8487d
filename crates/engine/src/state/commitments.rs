//! Billing commitments of accounts.

use super::scope::Scope;
use super::stream::{StreamEntry, StreamMode};
use anabranch_model::{Commitment, limits};
use std::collections::HashMap;

/// Those of the accounts that have or had one.
#[derive(Clone, Debug, Default)]
pub struct Commitments(HashMap<Scope, Commitment>);

impl Commitments {
    /// The billing commitment of an account in a Region.
    #[must_use]
    pub fn of(&self, scope: &Scope) -> Commitment {
        self.0.get(scope).copied().unwrap_or_default()
    }

    /// Fan-out consumers that a stream may have at `now_ms`.
    #[must_use]
    pub fn consumers_max(&self, stream: &StreamEntry, now_ms: u64) -> usize {
        let is_on_demand = stream.mode == StreamMode::OnDemand;
        match is_on_demand && self.of(&stream.reference.scope).is_in_force(now_ms) {
            true => limits::CONSUMERS_COMMITTED_MAX,
            false => limits::CONSUMERS_MAX,
        }
    }

    pub(crate) fn set(&mut self, scope: Scope, commitment: Commitment) {
        self.0.insert(scope, commitment);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Scope, &Commitment)> {
        self.0.iter()
    }
}
