//! Full names: of an account in a Region, a stream, a consumer.

use anabranch_model::{ConsumerArn, StreamArn};
use std::fmt;
use std::sync::Arc;

/// An account in a Region. Streams of different scopes never see each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// Twelve digits.
    pub account: Arc<str>,
    /// A Region's name.
    pub region: Arc<str>,
}

/// A stream's full name: what errors speak of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamRef {
    /// Whose it is.
    pub scope: Scope,
    pub name: Arc<str>,
}

impl StreamRef {
    /// The stream's ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        self.as_arn().to_string()
    }

    /// The stream's ARN, not yet written out.
    #[must_use]
    pub fn as_arn(&self) -> StreamArn<'_> {
        let Scope { account, region } = &self.scope;
        StreamArn { region, account, name: &self.name }
    }
}

/// A fan-out consumer's full name: another one of the same name has another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerRef {
    /// The stream it reads.
    pub stream: StreamRef,
    pub name: Arc<str>,
    /// When it was registered, epoch seconds.
    pub created_secs: u64,
}

impl ConsumerRef {
    /// The consumer's ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        self.as_arn().to_string()
    }

    /// The consumer's ARN, not yet written out.
    #[must_use]
    pub fn as_arn(&self) -> ConsumerArn<'_> {
        let Self { stream, name, created_secs } = self;
        ConsumerArn { stream: stream.as_arn(), name, created_secs: *created_secs }
    }
}

impl fmt::Display for ConsumerRef {
    /// As the log has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_arn())
    }
}

impl fmt::Display for StreamRef {
    /// As the service's error texts have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} under account {}", self.name, self.scope.account)
    }
}

/// A resource that can have a policy and tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceName {
    Stream(StreamRef),
    /// A fan-out consumer of a stream.
    Consumer(ConsumerRef),
}

impl ResourceName {
    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        match self {
            Self::Stream(stream) => stream.arn(),
            Self::Consumer(consumer) => consumer.arn(),
        }
    }

    /// The stream that it is or belongs to.
    #[must_use]
    pub fn stream(&self) -> &StreamRef {
        match self {
            Self::Stream(stream) => stream,
            Self::Consumer(consumer) => &consumer.stream,
        }
    }
}
