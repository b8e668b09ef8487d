//! Texts about keys.

use super::wire::ToWire;
use anabranch_engine::{KeyProblem, KeyRefusal, KeyUse};
use anabranch_protocol::{ErrorKind, WireError};

impl ToWire for Box<KeyRefusal> {
    /// The texts are those of KMS where they are known.
    fn to_wire(self) -> WireError {
        let KeyRefusal { problem, key, usage, principal, stream } = &*self;
        let (kind, message) = match problem {
        KeyProblem::NotFound if key.starts_with("arn:") => {
            (ErrorKind::KmsNotFound, format!("Key '{key}' does not exist"))
        }
        KeyProblem::NotFound if key.starts_with("alias/") => {
            (ErrorKind::KmsNotFound, format!("Alias {key} is not found."))
        }
        KeyProblem::NotFound => (ErrorKind::KmsNotFound, format!("Invalid keyId {key}")),
        KeyProblem::Disabled => (ErrorKind::KmsDisabled, format!("{key} is disabled.")),
        KeyProblem::PendingDeletion => {
            (ErrorKind::KmsInvalidState, format!("{key} is pending deletion."))
        }
        KeyProblem::AccessDenied => match usage {
            KeyUse::Encrypt => (
                ErrorKind::KmsAccessDenied,
                format!(
                    "User: {principal} is not authorized to perform: kms:GenerateDataKey on \
                     resource: {key}"
                ),
            ),
            KeyUse::Decrypt => (
                ErrorKind::KmsAccessDenied,
                format!(
                    "User {principal} is not authorized to decrypt records in stream {}",
                    stream.name
                ),
            ),
        },
        KeyProblem::OptInRequired => (
            ErrorKind::KmsOptInRequired,
            "The AWS Access Key Id needs a subscription for the service".to_owned(),
        ),
        KeyProblem::Throttled => (
            ErrorKind::KmsThrottling,
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your \
             calls."
                .to_owned(),
        ),
        KeyProblem::WrongMaterial => {
            tracing::error!(refusal = %self, "the keyring has another key of the same name");
            (ErrorKind::KmsInvalidState, format!("{key} did not encrypt the stream's data key."))
        }
        KeyProblem::Unavailable => return WireError::bare(ErrorKind::InternalFailure),
    };
        WireError::new(kind, message)
    }
}
