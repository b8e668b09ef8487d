//! What must hold under an attack.

use std::collections::BTreeMap;

/// What an attack may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Of its rate that the known caller keeps, and of the processors that are left: ratios of one run, so
    /// that they do not depend on the machine.
    pub(crate) floor: f64,
    /// How many there are.
    pub(crate) processors: f64,
    /// Of the whole process, bytes.
    pub(crate) memory: u64,
}

/// Records a second of the known caller in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// While the attack goes on against what only swallows.
    pub(crate) beside: f64,
    /// While it goes on against the server.
    pub(crate) under: f64,
}

/// What was seen of an attack.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Of the attack, for people.
    pub(crate) name: String,
    /// What it costs beyond what it costs against what only swallows: seconds of processor time a second.
    pub(crate) cost: f64,
    /// None if rates were not measured.
    pub(crate) rounds: Vec<Rates>,
    /// What the known caller was told instead of good answers, and how often.
    pub(crate) errors: BTreeMap<String, u64>,
    /// What health said that is not well.
    pub(crate) ill: Option<String>,
    /// Resident memory at its highest, bytes.
    pub(crate) peak: u64,
}

/// What the caller kept of its rate, by the ratios of the rounds: what slows the machine for longer than a
/// round is in both of its rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Kept {
    /// The median: a round in which the disk stalls does not count for more than another.
    pub(crate) ratio: f64,
    /// The first and the third quartile.
    pub(crate) quartiles: [f64; 2],
}

impl Seen {
    pub(crate) fn kept(&self) -> Option<Kept> {
        let mut ratios: Vec<_> = self.rounds.iter().map(|it| it.under / it.beside).collect();
        ratios.sort_by(f64::total_cmp);
        let last = ratios.len().checked_sub(1)?;
        let quarter = ratios.len() / 4;
        let quartiles = [ratios[quarter], ratios[last - quarter]];
        Some(Kept { ratio: ratios[last / 2], quartiles })
    }

    /// Everything that is wrong, a line each.
    pub(crate) fn faults(&self, bounds: Bounds) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(Kept { ratio, .. }) = self.kept()
            && (ratio.is_nan() || ratio < bounds.floor)
        {
            faults
                .push(format!("a known caller keeps {ratio:.3} of its rate, not {}", bounds.floor));
        }
        let left = 1.0 - self.cost / bounds.processors;
        if left < bounds.floor {
            faults.push(format!("{left:.3} of the processors are left, not {}", bounds.floor));
        }
        for (error, times) in &self.errors {
            faults.push(format!("a known caller got an error {times} times: {error}"));
        }
        if let Some(ill) = &self.ill {
            faults.push(format!("health says {ill}"));
        }
        if self.peak > bounds.memory {
            let [peak, memory] = [self.peak, bounds.memory].map(|bytes| bytes >> 10);
            faults.push(format!("{peak} KiB resident, of {memory}"));
        }
        faults.into_iter().map(|fault| format!("{}: {fault}", self.name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { floor: 0.9, processors: 2.0, memory: 1 << 20 };

    fn rounds(rates: &[(f64, f64)]) -> Vec<Rates> {
        rates.iter().map(|&(beside, under)| Rates { beside, under }).collect()
    }

    fn well() -> Seen {
        let rounds = rounds(&[(100.0, 10.0), (200.0, 180.0), (300.0, 900.0), (1.0, 1.0)]);
        Seen { rounds, cost: 0.19, peak: 1 << 20, ..Seen::default() }
    }

    fn faults(seen: &Seen) -> usize {
        seen.faults(BOUNDS).len()
    }

    #[test]
    fn what_is_within_bounds_is_well() {
        assert_eq!(faults(&well()), 0);
        // Rates that were not measured are not judged.
        assert_eq!(faults(&Seen { rounds: Vec::new(), ..well() }), 0);
    }

    #[test]
    fn the_median_counts_and_quartiles_tell_the_spread() {
        let one = rounds(&[(100.0, 80.0)]);
        let kept = Seen { rounds: one, ..well() }.kept();
        assert_eq!(kept, Some(Kept { ratio: 0.8, quartiles: [0.8, 0.8] }));
        let many = rounds(&[(100.0, 20.0), (10.0, 9.0), (100.0, 95.0), (50.0, 90.0), (10.0, 5.0)]);
        let kept = Seen { rounds: many, ..well() }.kept();
        assert_eq!(kept, Some(Kept { ratio: 0.9, quartiles: [0.5, 0.95] }));
    }

    #[test]
    fn each_bound_is_a_fault_of_its_own() {
        let mut all = well();
        for (number, change) in [
            |seen: &mut Seen| seen.rounds = rounds(&[(1000.0, 899.0)]),
            |seen: &mut Seen| seen.ill = Some("full".to_owned()),
            |seen: &mut Seen| seen.cost = 0.21,
            |seen: &mut Seen| seen.peak = (1 << 20) + 1,
            |seen: &mut Seen| seen.errors = BTreeMap::from([("503".to_owned(), 1)]),
        ]
        .into_iter()
        .enumerate()
        {
            let mut seen = well();
            change(&mut seen);
            assert_eq!(faults(&seen), 1);
            change(&mut all);
            assert_eq!(faults(&all), number + 1);
        }
    }

    #[test]
    fn a_rate_of_nothing_is_too_low() {
        assert_eq!(faults(&Seen { rounds: rounds(&[(0.0, 0.0)]), ..well() }), 1);
        assert_eq!(faults(&Seen { rounds: rounds(&[(100.0, 0.0)]), ..well() }), 1);
    }
}
