//! Count, sum, least and greatest of values.

/// What is kept of values: not the values.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// How many there were; never 0.
    pub count: u64,
    /// All of them together.
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Statistics {
    /// Of one value.
    #[must_use]
    pub(crate) fn of(value: f64) -> Self {
        Self::of_same(value, 1)
    }

    /// Of one value, so many times. `count` is not 0.
    #[must_use]
    pub(crate) fn of_same(value: f64, count: u64) -> Self {
        Self { count, sum: value * count as f64, min: value, max: value }
    }

    /// Of some values; `None`: of none.
    pub(crate) fn of_all(values: impl Iterator<Item = f64>) -> Option<Self> {
        values.map(Self::of).reduce(Self::and)
    }

    /// With those of other values.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            sum: self.sum + other.sum,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    /// The sum by the count.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }
}
