//! Tags of a table.

use crate::error::{Constraint, Rule, Validation};
use std::collections::BTreeMap;

/// Values by keys.
pub type Tags = BTreeMap<String, String>;

/// Most that a table has.
pub(crate) const TAGS_MAX: usize = 50;
const KEY_LEN_MAX: usize = 128;
const VALUE_LEN_MAX: usize = 256;

/// The tags that a request has.
///
/// # Errors
/// Keys that are empty, too long or there twice, values that are too long, and too many tags.
pub fn check_tags(tags: &[(String, String)]) -> Result<Tags, Validation> {
    let mut broken = Vec::new();
    for (position, (key, value)) in tags.iter().enumerate() {
        let at = |member: &str| format!("tags.{}.member.{member}", position + 1);
        match key.chars().count() {
            0 => broken.push(Constraint::new(key, &at("key"), Rule::LengthMin(1))),
            len if len > KEY_LEN_MAX => {
                broken.push(Constraint::new(key, &at("key"), Rule::LengthMax(KEY_LEN_MAX)));
            }
            _ => (),
        }
        if value.chars().count() > VALUE_LEN_MAX {
            broken.push(Constraint::new(value, &at("value"), Rule::LengthMax(VALUE_LEN_MAX)));
        }
    }
    if !broken.is_empty() {
        return Err(Validation::Constraints(broken));
    }
    let mut unique = Tags::new();
    for (key, value) in tags {
        if unique.insert(key.clone(), value.clone()).is_some() {
            return Err(Validation::TagTwice { key: key.clone() });
        }
    }
    check_count(&unique)?;
    Ok(unique)
}

/// # Errors
/// More tags than a table may have.
pub(crate) fn check_count(tags: &Tags) -> Result<(), Validation> {
    if tags.len() > TAGS_MAX {
        return Err(Validation::TooManyTags { max: TAGS_MAX });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn tags_are_few_short_and_each_there_once() {
        assert!(check_tags(&[tag("a", ""), tag("b", "x")]).is_ok());
        assert!(check_tags(&[tag("", "x")]).is_err());
        assert!(check_tags(&[tag(&"k".repeat(129), "")]).is_err());
        assert!(check_tags(&[tag("k", &"v".repeat(257))]).is_err());
        assert!(check_tags(&[tag("k", "1"), tag("k", "2")]).is_err());
        let many = |count: usize| (0..count).map(|n| tag(&n.to_string(), "")).collect::<Vec<_>>();
        assert!(check_tags(&many(50)).is_ok());
        assert!(check_tags(&many(51)).is_err());
    }
}
