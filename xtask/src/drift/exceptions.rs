//! The short list of differences that are meant, each with its reason.

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::compare::Difference;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    exception: Vec<Exception>,
}

/// A difference that is allowed. In `path`, a segment `*` stands for any one segment, and `**` at
/// the end for one or more.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exception {
    pub(crate) path: String,
    pub(crate) difference: String,
    pub(crate) reason: String,
}

impl Exception {
    fn covers(&self, difference: &Difference) -> bool {
        if self.difference != difference.kind {
            return false;
        }
        let mut found = difference.path.split('.');
        for wanted in self.path.split('.') {
            match found.next() {
                Some(_) if wanted == "**" => return true,
                Some(segment) if wanted == "*" || wanted == segment => {}
                _ => return false,
            }
        }
        found.next().is_none()
    }
}

/// Reads the list; an entry without a reason is refused.
pub(crate) fn parse(text: &str) -> Result<Vec<Exception>> {
    let file: File = toml::from_str(text).context("cannot read the drift exceptions")?;
    for exception in &file.exception {
        if exception.reason.trim().len() < 10 {
            bail!("the exception for {} gives no reason", exception.path);
        }
    }
    Ok(file.exception)
}

/// What remains: differences that nothing excuses, and exceptions that excuse nothing.
pub(crate) fn apply<'a>(
    differences: &'a [Difference],
    exceptions: &'a [Exception],
) -> (Vec<&'a Difference>, Vec<&'a Exception>) {
    let unexcused = differences
        .iter()
        .filter(|difference| !exceptions.iter().any(|exception| exception.covers(difference)))
        .collect();
    let unused = exceptions
        .iter()
        .filter(|exception| !differences.iter().any(|difference| exception.covers(difference)))
        .collect();
    (unexcused, unused)
}
