//! Resource policies.

use anabranch_policy::{Policy, PolicyError};

/// A resource's policy: as it was put, and as it decides.
#[derive(Clone, Debug)]
pub struct ResourcePolicy {
    text: String,
    policy: Policy,
}

/// What a policy says follows from its text.
impl PartialEq for ResourcePolicy {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ResourcePolicy {}

impl ResourcePolicy {
    /// Reads the policy of the resource with this ARN.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: String, arn: &str) -> Result<Self, PolicyError> {
        Ok(Self { policy: Policy::parse_resource(&text, arn)?, text })
    }

    /// A policy that was journaled. One that cannot be read any more denies everything: what it
    /// denied must not be allowed.
    pub(crate) fn stored(text: String, arn: &str) -> Self {
        let policy =
            Policy::read_resource(&text, arn).unwrap_or_else(|_| Policy::deny_everything());
        Self { text, policy }
    }

    /// The document as it was put.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// What it says.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}
