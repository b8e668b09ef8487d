//! The servers that are compared, and what stands in for disk and network.

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ours: every acknowledged record is synced to the disk. No limits.
    Anabranch,
    /// Ours, and callers have to sign.
    AnabranchSigned,
    /// All in memory, limits off.
    Ferrokinesis,
    /// The same with its state directory.
    FerrokinesisDurable,
    /// kinesis-mock for Node.js, in memory.
    KinesisLocal,
    /// In memory.
    Kinesalite,
    /// In memory.
    Fakecloud,
    /// Redis Streams; every write is synced before it is acknowledged.
    Redis,
    /// NATS JetStream; every write is synced before it is acknowledged.
    JetStream,
    /// Files over HTTP.
    Nginx,
    /// Reads the body and answers something fixed.
    ReadBody,
    /// Reads the body, writes and syncs it, and answers something fixed.
    ReadAndSync,
    /// The same into new files, so that what was written stays.
    ReadAndKeep,
    /// Sends bytes without end.
    Blast,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Anabranch => "anabranch",
            Self::AnabranchSigned => "anabranch, signed",
            Self::Ferrokinesis => "ferrokinesis (memory)",
            Self::FerrokinesisDurable => "ferrokinesis (state directory)",
            Self::KinesisLocal => "kinesis-local (memory)",
            Self::Kinesalite => "kinesalite (memory)",
            Self::Fakecloud => "fakecloud (memory)",
            Self::Redis => "Redis Streams (synced)",
            Self::JetStream => "NATS JetStream (synced)",
            Self::Nginx => "nginx",
            Self::ReadBody => "read_body",
            Self::ReadAndSync => "read_and_sync",
            Self::ReadAndKeep => "read_and_sync, new files",
            Self::Blast => "blast",
        }
    }

    /// Whether it answers Kinesis requests.
    pub(crate) fn is_kinesis(self) -> bool {
        !matches!(self, Self::Redis | Self::JetStream | Self::Nginx | Self::Blast)
    }
}
