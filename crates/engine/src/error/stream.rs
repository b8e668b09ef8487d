//! What can be wrong with a stream, or with what is asked of one.

use super::limit_scope::LimitScope;
use crate::state::scope::StreamRef;
use crate::state::stream::StreamStatus;

/// There is no such stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream not found stream={0}")]
pub struct StreamNotFound(pub StreamRef);

/// The name is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream exists stream={0}")]
pub struct StreamExists(pub StreamRef);

/// The stream's state does not allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream is not active stream={stream} status={status}")]
pub struct StreamNotActive {
    pub stream: StreamRef,
    pub status: StreamStatus,
}

/// Why a stream cannot be used: it is not there, or its state does not allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub enum StreamUnavailable {
    NotFound(#[from] StreamNotFound),
    NotActive(#[from] StreamNotActive),
}

/// The stream has consumers, and nobody said that they may go too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream has consumers stream={0}")]
pub struct StreamHasConsumers(pub StreamRef);

/// The service looks after the shards of the stream itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream is on-demand stream={0}")]
pub struct OnDemandStream(pub StreamRef);

/// An operation for on-demand streams on another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream is provisioned stream={0}")]
pub struct ProvisionedStream(pub StreamRef);

/// Too many streams are being created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many streams in CREATING limit={limit}")]
pub struct CreatingLimit {
    pub stream: StreamRef,
    pub limit: usize,
}

/// Too many on-demand streams.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("on-demand stream limit current={current} limit={limit}")]
pub struct OnDemandLimit {
    pub stream: StreamRef,
    pub current: usize,
    pub limit: usize,
    pub scope: LimitScope,
}

/// More tags than a stream may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many tags stream={stream} limit={limit}")]
pub struct TagLimit {
    pub stream: StreamRef,
    pub limit: usize,
}

/// The resource has no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no resource policy arn={arn}")]
pub struct PolicyNotFound {
    pub arn: String,
}

/// Too many switches of the capacity mode in a day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many switches of the capacity mode stream={stream} limit={limit}")]
pub struct ModeSwitchLimit {
    pub stream: StreamRef,
    pub limit: usize,
}

/// Automatic distribution for a provisioned stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("automatic distribution needs an on-demand stream")]
pub struct AutoNeedsOnDemand;

/// Warm throughput for a stream that does not become on-demand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("warm throughput needs a stream that becomes on-demand")]
pub struct WarmNeedsSwitch;

/// Warm throughput in an account without commitment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("warm throughput needs a billing commitment stream={0}")]
pub struct WarmNeedsCommitment(pub StreamRef);

/// More warm throughput than a stream may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much warm throughput stream={stream} limit={limit}")]
pub struct WarmLimit {
    pub stream: StreamRef,
    pub limit: u32,
}

/// A retention period below the minimum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("retention too short hours={hours}")]
pub struct RetentionTooShort {
    pub hours: i64,
}

/// A retention period over the maximum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("retention too long hours={hours}")]
pub struct RetentionTooLong {
    pub hours: i64,
}

/// An increase that is a decrease.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("retention would shrink hours={hours} current={current}")]
pub struct RetentionShrinks {
    pub stream: StreamRef,
    pub hours: i64,
    pub current: u32,
}

/// A decrease that is an increase.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("retention would grow hours={hours} current={current}")]
pub struct RetentionGrows {
    pub stream: StreamRef,
    pub hours: i64,
    pub current: u32,
}

/// Encryption cannot be stopped in the name of another key than the one in use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the key in use stream={stream} key={key_id}")]
pub struct KeyNotInUse {
    pub stream: StreamRef,
    pub key_id: String,
}

/// Encryption was started or stopped too often within a day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many changes of encryption stream={stream} stops={stops} limit={limit}")]
pub struct EncryptionLimit {
    pub stream: StreamRef,
    pub stops: bool,
    pub limit: usize,
}

/// Too many data keys whose records may still be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many data keys stream={stream} limit={limit}")]
pub struct DataKeyLimit {
    pub stream: StreamRef,
    pub limit: usize,
}
