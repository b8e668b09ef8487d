//! UpdateAccountSettings and DescribeAccountSettings: the billing commitment.

use crate::catalog::command::{Command, SetCommitment};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::scope::Scope;
use anabranch_model::Commitment;
use std::sync::Arc;

impl Engine {
    /// The billing commitment of an account in a Region.
    #[must_use]
    pub fn commitment(&self, scope: &Scope) -> Commitment {
        self.catalog.read().commitment(scope)
    }

    /// Enables the commitment, or asks for its end; returns what it is then.
    ///
    /// # Errors
    /// When the change cannot be stored.
    pub async fn set_commitment(
        self: &Arc<Self>,
        scope: &Scope,
        enabled: bool,
    ) -> Result<Commitment, EngineError> {
        let scope = scope.clone();
        self.change(move |catalog, now_ms| {
            let before = catalog.commitment(&scope);
            let after = if enabled { before.enabled(now_ms) } else { before.disabled(now_ms) };
            let command = SetCommitment {
                account: scope.account.to_string(),
                region: scope.region.to_string(),
                started_ms: after.started_ms,
                ends_ms: after.ends_ms,
            };
            Ok((Command::SetCommitment(command), after))
        })
        .await
    }
}
