//! A series: what is kept of one metric of one stream, shard or error code.

use crate::statistics::Statistics;
use std::collections::VecDeque;
use std::mem::size_of;

/// Seconds that are kept one by one.
pub(super) const SECONDS_KEPT: u64 = 60;

/// Of one metric, since the start and by seconds.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) all: Statistics,
    /// By seconds since the start, the oldest first: no more than [`SECONDS_KEPT`].
    recent: VecDeque<(u64, Statistics)>,
    /// Since it was taken for an upload.
    fresh: Option<Statistics>,
}

impl Series {
    /// Bytes at most: the seconds, of which a queue allocates a power of two, and the rest with its place.
    pub(super) const BYTES_MAX: usize = (SECONDS_KEPT as usize + 1).next_power_of_two()
        * size_of::<(u64, Statistics)>()
        + 2 * size_of::<Self>();

    pub(super) fn new(statistics: Statistics, second: u64) -> Self {
        Self {
            all: statistics,
            recent: VecDeque::from([(second, statistics)]),
            fresh: Some(statistics),
        }
    }

    pub(super) fn add(&mut self, statistics: Statistics, second: u64) {
        self.all = self.all.and(statistics);
        self.fresh = Some(self.fresh.map_or(statistics, |fresh| fresh.and(statistics)));
        while self.recent.front().is_some_and(|(old, _)| old + SECONDS_KEPT <= second) {
            self.recent.pop_front();
        }
        match self.recent.back_mut() {
            Some((last, held)) if *last >= second => *held = held.and(statistics),
            _ => self.recent.push_back((second, statistics)),
        }
    }

    /// From this second on; `None`: nothing.
    pub(super) fn since(&self, second: u64) -> Option<Statistics> {
        let recent = self.recent.iter().rev().take_while(|(at, _)| *at >= second);
        recent.map(|(_, statistics)| *statistics).reduce(Statistics::and)
    }

    /// What was added since this was called before.
    pub(super) fn take_fresh(&mut self) -> Option<Statistics> {
        self.fresh.take()
    }

    /// The newest second that has something.
    pub(super) fn newest(&self) -> u64 {
        self.recent.back().map_or(0, |(at, _)| *at)
    }
}
