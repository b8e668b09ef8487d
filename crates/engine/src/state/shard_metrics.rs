//! Shard-level metrics that can be turned on.

/// A metric of single shards. The numbers are bits on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the service's names")]
pub enum ShardMetric {
    IncomingBytes = 1,
    IncomingRecords = 2,
    OutgoingBytes = 4,
    OutgoingRecords = 8,
    WriteProvisionedThroughputExceeded = 16,
    ReadProvisionedThroughputExceeded = 32,
    IteratorAgeMilliseconds = 64,
}

impl ShardMetric {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 7] = [
        Self::IncomingBytes,
        Self::IncomingRecords,
        Self::OutgoingBytes,
        Self::OutgoingRecords,
        Self::WriteProvisionedThroughputExceeded,
        Self::ReadProvisionedThroughputExceeded,
        Self::IteratorAgeMilliseconds,
    ];
}

/// A set of metrics; the default is the empty one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardMetrics(u8);

impl ShardMetrics {
    /// All metrics.
    pub const ALL: Self = Self(0b111_1111);

    /// The set with these bits; bits that mean nothing are dropped.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The set as bits.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// What is in either.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this one alone.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether a metric is in it.
    #[must_use]
    pub fn contains(self, metric: ShardMetric) -> bool {
        self.0 & metric as u8 != 0
    }

    /// Its metrics, in the order of [`ShardMetric::ALL`].
    pub fn iter(self) -> impl Iterator<Item = ShardMetric> {
        ShardMetric::ALL.into_iter().filter(move |metric| self.contains(*metric))
    }
}

impl From<ShardMetric> for ShardMetrics {
    fn from(metric: ShardMetric) -> Self {
        Self(metric as u8)
    }
}

impl FromIterator<ShardMetric> for ShardMetrics {
    fn from_iter<I: IntoIterator<Item = ShardMetric>>(metrics: I) -> Self {
        metrics.into_iter().map(Self::from).fold(Self::default(), Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_metrics_add_up_and_keep_their_order() {
        assert_eq!(ShardMetric::ALL.into_iter().collect::<ShardMetrics>(), ShardMetrics::ALL);
        let some: ShardMetrics =
            [ShardMetric::OutgoingBytes, ShardMetric::IncomingBytes].into_iter().collect();
        let listed: Vec<_> = some.iter().collect();
        assert_eq!(listed, [ShardMetric::IncomingBytes, ShardMetric::OutgoingBytes]);
        assert_eq!(ShardMetrics::ALL.without(some).with(some), ShardMetrics::ALL);
        assert_eq!(ShardMetrics::from_bits(0xff), ShardMetrics::ALL);
    }
}
