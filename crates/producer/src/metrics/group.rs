//! All series of one place: of all streams, of a stream, or of a shard.

use super::name::MetricName;
use super::series::Series;
use crate::statistics::Statistics;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Codes of errors that are told apart in one place.
const CODES_MAX: usize = 32;
/// Bytes of a code. The service may answer what it likes.
const CODE_BYTES_MAX: usize = 128;
/// Stands for what is not told apart. No stream and no shard has such a name.
pub(super) const OTHERS: &str = "(others)";

/// Bytes that may still be taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room(pub(super) usize);

impl Room {
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let left = self.0.checked_sub(bytes);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// The series of a place. Without a limit of its own: of each metric one, and of so many codes.
#[derive(Debug, Default)]
pub(super) struct Group {
    series: BTreeMap<MetricName, Series>,
    codes: BTreeMap<Arc<str>, Series>,
}

impl Group {
    /// Bytes of its series at most, when all are there.
    #[cfg(test)]
    pub(super) const BYTES_MAX: usize =
        (MetricName::ALL.len() + CODES_MAX + 1) * (Series::BYTES_MAX + CODE_BYTES_MAX);

    /// Adds values; `false`: the series is not there, and there is no room for it.
    pub(super) fn add(
        &mut self,
        name: MetricName,
        statistics: Statistics,
        second: u64,
        room: &mut Room,
    ) -> bool {
        if let Some(series) = self.series.get_mut(&name) {
            series.add(statistics, second);
        } else if room.take(Series::BYTES_MAX) {
            self.series.insert(name, Series::new(statistics, second));
        } else {
            return false;
        }
        true
    }

    /// Adds errors of a code; `false`: as [`Group::add`].
    pub(super) fn add_code(
        &mut self,
        code: &str,
        statistics: Statistics,
        second: u64,
        room: &mut Room,
    ) -> bool {
        let mut code = &code[..code.floor_char_boundary(CODE_BYTES_MAX)];
        if !self.codes.contains_key(code) && self.codes.len() >= CODES_MAX {
            code = OTHERS;
        }
        if let Some(series) = self.codes.get_mut(code) {
            series.add(statistics, second);
        } else if room.take(Series::BYTES_MAX + code.len()) {
            self.codes.insert(code.into(), Series::new(statistics, second));
        } else {
            return false;
        }
        true
    }

    /// Bytes that it was charged.
    pub(super) fn bytes(&self) -> usize {
        let codes: usize = self.codes.keys().map(|code| Series::BYTES_MAX + code.len()).sum();
        self.series.len() * Series::BYTES_MAX + codes
    }

    /// The newest second that has something.
    pub(super) fn newest(&self) -> u64 {
        let all = self.series.values().chain(self.codes.values());
        all.map(Series::newest).max().unwrap_or(0)
    }

    /// All series that have something that was not taken for an upload, with that.
    pub(super) fn take_fresh(
        &mut self,
    ) -> impl Iterator<Item = (MetricName, Option<Arc<str>>, Statistics)> {
        let codes = self.codes.iter_mut().filter_map(|(code, series)| {
            Some((MetricName::ErrorsByCode, Some(code.clone()), series.take_fresh()?))
        });
        let series = self.series.iter_mut();
        series.filter_map(|(name, series)| Some((*name, None, series.take_fresh()?))).chain(codes)
    }

    /// All series, in the order of names and codes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (MetricName, Option<&Arc<str>>, &Series)> {
        let codes = self.codes.iter();
        let codes = codes.map(|(code, series)| (MetricName::ErrorsByCode, Some(code), series));
        self.series.iter().map(|(name, series)| (*name, None, series)).chain(codes)
    }
}
