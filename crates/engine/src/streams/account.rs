//! UpdateAccountSettings and DescribeAccountSettings: the billing commitment.

use super::control::Control;
use crate::error::ChangeFailure;
use crate::state::command::{Command, SetCommitment};
use crate::state::scope::Scope;
use anabranch_model::Commitment;

impl Control {
    /// The billing commitment of an account in a Region.
    #[must_use]
    pub fn commitment(&self, scope: &Scope) -> Commitment {
        self.ledger.view().commitments().of(scope)
    }

    /// Enables the commitment, or asks for its end; returns what it is then.
    ///
    /// # Errors
    /// When the change cannot be stored.
    pub async fn set_commitment(
        &self,
        scope: &Scope,
        enabled: bool,
    ) -> Result<Commitment, ChangeFailure> {
        let scope = scope.clone();
        self.ledger
            .change(move |catalog, now_ms| {
                let before = catalog.commitments().of(&scope);
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
