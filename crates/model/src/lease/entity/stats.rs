//! What a worker says of itself: how loaded it is, and how loaded it may be.

use super::kind::{Kind, Layout};
use crate::lease::attribute::{Attribute, BadItem, Item, Members, required, value};
use crate::lease::names::WorkerId;
use crate::lease::row::name;
use crate::lease::write::{Action, Change, Language, Write};
use std::collections::BTreeMap;

/// Values that a worker keeps of each metric at most.
pub const VALUES_MAX: usize = 10;

const UPDATED: &str = "lut";
const METRICS: &str = "sts";
const RANGES: &str = "opr";
const PROPERTIES: &str = "properties";
const SUPPORT: &str = "sup";
const SUPPORT_UPDATED: &str = "slu";

/// Numbers by a metric's name.
pub type Numbers = BTreeMap<String, Vec<f64>>;

/// The row of a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerStats {
    /// The worker.
    pub worker: WorkerId,
    /// When it wrote last, epoch seconds by its clock. To others it is a mark that moves.
    pub updated_secs: u64,
    /// Values of each metric in percent, the newest last, at most [`VALUES_MAX`]; −1 for one
    /// that could not be measured.
    pub metrics: Numbers,
    /// How high each may be, in percent.
    pub ranges: Numbers,
    /// What it says beside.
    pub properties: BTreeMap<String, String>,
    /// What it supports, from version 3.5 on.
    pub support: Option<i64>,
    /// Since when, epoch seconds by its clock.
    pub support_updated_secs: Option<u64>,
    /// What else the row has.
    pub others: Item,
}

impl WorkerStats {
    /// Reads a row.
    ///
    /// # Errors
    /// An attribute that is missing or wrong.
    pub fn from_item(item: Item, layout: Layout) -> Result<Self, BadItem> {
        let mut row = Members(item);
        row.0.remove(name::ENTITY);
        let key_name = Kind::WorkerStats.key_name(layout);
        Ok(Self {
            worker: WorkerId(required(key_name, row.text(key_name)?)?),
            updated_secs: required(UPDATED, row.number(UPDATED)?)?,
            metrics: read_numbers(&mut row, METRICS)?,
            ranges: read_numbers(&mut row, RANGES)?,
            properties: read_properties(&mut row)?,
            support: row.number(SUPPORT)?,
            support_updated_secs: row.number(SUPPORT_UPDATED)?,
            others: row.0,
        })
    }

    /// What the worker writes, whatever was there before. What it does not know stays.
    #[must_use]
    pub fn report(&self, layout: Layout) -> Write {
        let mut actions = vec![
            (UPDATED, Action::Put(Attribute::count(self.updated_secs))),
            (METRICS, Action::Put(numbers(&self.metrics))),
            (RANGES, Action::Put(numbers(&self.ranges))),
        ];
        if !self.properties.is_empty() {
            let texts = self.properties.iter();
            let texts = texts.map(|(name, text)| (name.clone(), Attribute::text(text.as_str())));
            actions.push((PROPERTIES, Action::Put(Attribute::M(texts.collect()))));
        }
        if let Some(code) = self.support {
            actions.push((SUPPORT, Action::Put(Attribute::N(code.to_string()))));
        }
        if let Some(secs) = self.support_updated_secs {
            actions.push((SUPPORT_UPDATED, Action::Put(Attribute::count(secs))));
        }
        if layout == Layout::Single {
            let entity = Attribute::text(Kind::WorkerStats.entity_type());
            actions.push((name::ENTITY, Action::Put(entity)));
        }
        Write {
            key_name: Kind::WorkerStats.key_name(layout),
            key: self.worker.0.clone(),
            expected: Vec::new(),
            change: Change::Update(actions),
            language: Language::Expression,
        }
    }

    /// A metric's present value: the mean of all values in which each weighs twice the one
    /// before. `None` without one, or when the last could not be measured.
    #[must_use]
    pub fn metric(&self, metric: &str) -> Option<f64> {
        let values = self.metrics.get(metric)?;
        values.last().filter(|last| **last >= 0.0)?;
        smoothed(values.iter().copied().filter(|value| *value >= 0.0))
    }

    /// Adds a value to a metric, and leaves out the oldest that are too many.
    pub fn push(&mut self, metric: &str, percent: f64) {
        let values = self.metrics.entry(metric.to_owned()).or_default();
        values.push(if percent.is_finite() { percent } else { -1.0 });
        let too_many = values.len().saturating_sub(VALUES_MAX);
        values.drain(..too_many);
    }

    /// How high a metric may be, in percent. `None` if it is not said.
    #[must_use]
    pub fn range(&self, metric: &str) -> Option<f64> {
        self.ranges.get(metric)?.first().copied()
    }
}

/// How much a new value weighs against all before.
pub const ALPHA: f64 = 0.5;

/// The exponential moving average of values, the newest last.
#[must_use]
pub fn smoothed(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    values.into_iter().fold(None, |mean, value| Some(smooth(mean, value)))
}

/// The average after one more value.
#[must_use]
pub fn smooth(mean: Option<f64>, value: f64) -> f64 {
    mean.map_or(value, |mean| ALPHA * value + (1.0 - ALPHA) * mean)
}

fn numbers(of: &Numbers) -> Attribute {
    // Six digits after the point: tables take 38 in all.
    let number = |value: &f64| Attribute::N(((value * 1e6).round() / 1e6).to_string());
    let list = |values: &Vec<f64>| Attribute::L(values.iter().map(number).collect());
    Attribute::M(of.iter().map(|(name, values)| (name.clone(), list(values))).collect())
}

fn read_numbers(row: &mut Members, name: &'static str) -> Result<Numbers, BadItem> {
    let number = |attribute: Attribute| match attribute {
        Attribute::N(digits) => {
            digits.parse::<f64>().ok().filter(|value| value.is_finite()).ok_or(value(name))
        }
        _ => Err(value(name)),
    };
    let list = |attribute: Attribute| match attribute {
        Attribute::L(values) => values.into_iter().map(number).collect::<Result<Vec<_>, _>>(),
        _ => Err(value(name)),
    };
    let map = row.map(name)?.unwrap_or_default();
    map.into_iter().map(|(metric, values)| Ok((metric, list(values)?))).collect()
}

fn read_properties(row: &mut Members) -> Result<BTreeMap<String, String>, BadItem> {
    let map = row.map(PROPERTIES)?.unwrap_or_default();
    let texts = map.into_iter().map(|(name, text)| match text {
        Attribute::S(text) => Ok((name, text)),
        _ => Err(value(PROPERTIES)),
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats() -> WorkerStats {
        WorkerStats {
            worker: "w".into(),
            updated_secs: 100,
            metrics: Numbers::from([("C".to_owned(), vec![10.0, 20.0, 30.25])]),
            ranges: Numbers::from([("C".to_owned(), vec![80.0])]),
            properties: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            support: Some(3),
            support_updated_secs: Some(99),
            others: Item::new(),
        }
    }

    #[test]
    fn a_report_is_read_again_and_leaves_what_it_does_not_know() {
        for layout in [Layout::Tables, Layout::Single] {
            let mut expected = stats();
            expected.others.insert("x".to_owned(), Attribute::Bool(true));
            let before = Item::from([("x".to_owned(), Attribute::Bool(true))]);
            let row = stats().report(layout).apply(Some(&before)).expect("holds").expect("row");
            assert_eq!(row.contains_key("entityType"), layout == Layout::Single);
            assert_eq!(WorkerStats::from_item(row, layout), Ok(expected));
        }
    }

    #[test]
    fn values_are_smoothed_and_bounded() {
        let mut stats = stats();
        assert_eq!(stats.metric("C"), Some(22.625));
        assert_eq!(
            (stats.metric("D"), stats.range("C"), stats.range("D")),
            (None, Some(80.0), None)
        );
        stats.push("C", f64::NAN);
        assert_eq!(stats.metric("C"), None);
        for _ in 0..20 {
            stats.push("C", 50.0);
        }
        assert_eq!(stats.metrics["C"].len(), VALUES_MAX);
        assert_eq!(stats.metric("C"), Some(50.0));
    }

    #[test]
    fn says_which_attribute_is_wrong() {
        let row = stats().report(Layout::Tables).apply(None).expect("holds").expect("row");
        for name in [METRICS, RANGES] {
            let mut row = row.clone();
            let list = Attribute::L(vec![Attribute::text("1")]);
            let map = Item::from([("C".to_owned(), list)]);
            row.insert(name.to_owned(), Attribute::M(map));
            assert_eq!(WorkerStats::from_item(row, Layout::Tables), Err(value(name)));
        }
    }
}
