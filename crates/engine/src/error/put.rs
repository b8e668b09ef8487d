//! Why puts are refused.

use super::record::{
    OrderingInvalid, PartitionKeyMissing, RecordTooLarge, RecordsTooLarge, WriteRateExceeded,
};
use super::stream::StreamNotFound;
use crate::keys::keyring::KeyRefusal;
use anabranch_storage::AppendError;

/// Why a put was refused. After [`AppendError::Failed`] the records may be stored.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum PutError {
    StreamNotFound(#[from] StreamNotFound),
    PartitionKeyMissing(#[from] PartitionKeyMissing),
    RecordTooLarge(#[from] RecordTooLarge),
    RecordsTooLarge(#[from] RecordsTooLarge),
    OrderingInvalid(#[from] OrderingInvalid),
    WriteRateExceeded(#[from] WriteRateExceeded),
    Key(#[from] Box<KeyRefusal>),
    Append(#[from] AppendError),
}
