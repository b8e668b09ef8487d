//! How long a pause is after something failed again.

use super::rules::Micros;

/// The first pause doubled as often as something failed before, up to a longest one, and then between half and
/// all of it by `jitter` from 0 to 1, so that those who failed together do not return together.
pub(crate) fn backoff(first: Micros, longest: Micros, failed_before: u32, jitter: f64) -> Micros {
    let full = (first << failed_before.min(10)).min(longest);
    (full as f64 * (0.5 + jitter / 2.0)) as Micros
}
