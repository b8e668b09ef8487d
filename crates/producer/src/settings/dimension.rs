//! Dimensions of the user's own.

use super::kpl::MetricsGranularity;
use std::sync::Arc;
use thiserror::Error;

/// Bytes of a name and of a value: CloudWatch's bounds.
const NAME_BYTES_MAX: usize = 255;
const VALUE_BYTES_MAX: usize = 1_024;
/// CloudWatch takes 30 of a metric, of which 3 are the producer's.
const COUNT_MAX: usize = 27;
/// Names that the producer's own dimensions have.
const OWN: [&str; 3] = ["StreamName", "ShardId", "ErrorCode"];

/// A dimension of the user's own, as the Kinesis Producer Library's additional metrics dimensions: the host's name,
/// say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdditionalDimension {
    pub(crate) name: Box<str>,
    pub(crate) value: Box<str>,
    granularity: MetricsGranularity,
}

/// Why a dimension is not taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DimensionError {
    /// The name cannot be one.
    #[error(
        "a dimension's name has 1 to {NAME_BYTES_MAX} printable ASCII characters, the first no colon, not {0:?}"
    )]
    Name(String),
    /// The value cannot be one.
    #[error("the value of dimension {0} has 1 to {VALUE_BYTES_MAX} printable ASCII characters")]
    Value(String),
    /// The name is one of the producer's own.
    #[error("{0} is a dimension of the producer's own")]
    Own(String),
}

impl AdditionalDimension {
    /// A dimension of all metrics that are of such places or finer ones: with
    /// [`MetricsGranularity::Global`] of all metrics, with [`MetricsGranularity::Shard`] of those of shards alone.
    ///
    /// # Errors
    /// What CloudWatch would not take.
    pub fn new(
        name: &str,
        value: &str,
        granularity: MetricsGranularity,
    ) -> Result<Self, DimensionError> {
        let is_text = |text: &str, max: usize| {
            (1..=max).contains(&text.len())
                && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
                && !text.trim().is_empty()
        };
        if !is_text(name, NAME_BYTES_MAX) || name.starts_with(':') {
            return Err(DimensionError::Name(name.to_owned()));
        }
        if !is_text(value, VALUE_BYTES_MAX) {
            return Err(DimensionError::Value(name.to_owned()));
        }
        if OWN.contains(&name) {
            return Err(DimensionError::Own(name.to_owned()));
        }
        Ok(Self { name: name.into(), value: value.into(), granularity })
    }

    /// Whether it is one of metrics of such places.
    pub(crate) fn is_of(&self, granularity: MetricsGranularity) -> bool {
        self.granularity <= granularity
    }
}

/// Those that are used: of a name the first one, and of very many the first 27.
pub(crate) fn taken(given: &[AdditionalDimension]) -> Arc<[AdditionalDimension]> {
    let mut taken: Vec<AdditionalDimension> = Vec::new();
    for one in given {
        if taken.len() < COUNT_MAX && taken.iter().all(|other| other.name != one.name) {
            taken.push(one.clone());
        }
    }
    taken.into()
}

/// The sets of dimensions that a metric of such a place is uploaded with. As in the Kinesis Producer Library those of
/// its own granularity come one after the other, and the metric is there without them too: a dimension adds
/// metrics and takes none away.
pub(crate) fn sets(
    taken: &[AdditionalDimension],
    granularity: MetricsGranularity,
) -> Vec<Arc<[AdditionalDimension]>> {
    let of_place = taken.iter().filter(|one| one.is_of(granularity)).cloned();
    let (own, coarser): (Vec<_>, Vec<_>) = of_place.partition(|one| one.granularity == granularity);
    (0..=own.len()).map(|count| coarser.iter().chain(&own[..count]).cloned().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use MetricsGranularity::{Global, Shard};

    fn dimension(name: &str, value: &str) -> Result<AdditionalDimension, DimensionError> {
        AdditionalDimension::new(name, value, Global)
    }

    #[test]
    fn what_cloudwatch_would_not_take_is_refused() {
        assert!(dimension("Host", "a b").is_ok());
        assert!(dimension(&"n".repeat(255), &"v".repeat(1_024)).is_ok());
        for name in ["", " ", ":Host", "Höst", "a\nb", &"n".repeat(256)] {
            assert_eq!(dimension(name, "v"), Err(DimensionError::Name(name.to_owned())));
        }
        for value in ["", "  ", "\u{7f}", "ä", &"v".repeat(1_025)] {
            assert_eq!(dimension("Host", value), Err(DimensionError::Value("Host".to_owned())));
        }
        assert_eq!(dimension("ShardId", "v"), Err(DimensionError::Own("ShardId".to_owned())));
    }

    #[test]
    fn a_name_is_used_once_and_not_too_many_are() {
        let one = |name: &str| AdditionalDimension::new(name, "v", Shard).expect("a dimension");
        let other = AdditionalDimension::new("a", "w", Global).expect("a dimension");
        assert_eq!(&*taken(&[one("a"), other, one("b")]), [one("a"), one("b")]);
        let many: Vec<_> = (0..40).map(|number| one(&number.to_string())).collect();
        assert_eq!(&*taken(&many), &many[..27]);
    }
}
