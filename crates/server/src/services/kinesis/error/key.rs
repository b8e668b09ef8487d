//! Texts about keys.

use super::wire::ToWire;
use crate::services::kinesis::errors::KinesisError;
use anabranch_engine::{KeyProblem, KeyRefusal, KeyUse};
use anabranch_protocol::WireError;

impl ToWire for Box<KeyRefusal> {
    /// The texts are those of KMS where they are known.
    fn to_wire(self) -> WireError {
        let KeyRefusal { problem, key, usage, principal, stream } = &*self;
        let (kind, message) = match problem {
        KeyProblem::NotFound if key.starts_with("arn:") => {
            (KinesisError::KmsNotFound, format!("Key '{key}' does not exist"))
        }
        KeyProblem::NotFound if key.starts_with("alias/") => {
            (KinesisError::KmsNotFound, format!("Alias {key} is not found."))
        }
        KeyProblem::NotFound => (KinesisError::KmsNotFound, format!("Invalid keyId {key}")),
        KeyProblem::Disabled => (KinesisError::KmsDisabled, format!("{key} is disabled.")),
        KeyProblem::PendingDeletion => {
            (KinesisError::KmsInvalidState, format!("{key} is pending deletion."))
        }
        KeyProblem::AccessDenied => match usage {
            KeyUse::Encrypt => (
                KinesisError::KmsAccessDenied,
                format!(
                    "User: {principal} is not authorized to perform: kms:GenerateDataKey on \
                     resource: {key}"
                ),
            ),
            KeyUse::Decrypt => (
                KinesisError::KmsAccessDenied,
                format!(
                    "User {principal} is not authorized to decrypt records in stream {}",
                    stream.name
                ),
            ),
        },
        KeyProblem::OptInRequired => (
            KinesisError::KmsOptInRequired,
            "The AWS Access Key Id needs a subscription for the service".to_owned(),
        ),
        KeyProblem::Throttled => (
            KinesisError::KmsThrottling,
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your \
             calls."
                .to_owned(),
        ),
        KeyProblem::WrongMaterial => {
            tracing::error!(refusal = %self, "the keyring has another key of the same name");
            (KinesisError::KmsInvalidState, format!("{key} did not encrypt the stream's data key."))
        }
        KeyProblem::Unavailable => return KinesisError::InternalFailure.bare(),
    };
        kind.because(message)
    }
}
