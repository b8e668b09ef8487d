//! Which characters tags may have.

use crate::services::kinesis::errors::KinesisError;
use anabranch_protocol::WireError;
use std::collections::BTreeMap;

/// What is done to the tags, for the text.
#[derive(Clone, Copy)]
enum Doing {
    Adding,
    Removing,
}

/// Refuses texts that the service refuses. `stream` is printed as the service does.
fn check<'a>(
    texts: impl Iterator<Item = &'a str> + Clone,
    stream: &str,
    account: &str,
    doing: Doing,
) -> Result<(), WireError> {
    // Spaces of any script; tabs and line ends are control characters, which no tag may have.
    let is_space = |c: char| c.is_whitespace() && !c.is_control();
    let is_plain = |c: char| c.is_alphanumeric() || is_space(c) || "_.:/=+-@".contains(c);
    if !texts.clone().flat_map(str::chars).all(|c| is_plain(c) || c == '%') {
        return Err(KinesisError::InvalidArgument.because(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, \
             white space, _ . / = + - % @.",
        ));
    }
    // The percent sign passes the first check of the service and fails its second one.
    if texts.flat_map(str::chars).any(|c| c == '%') {
        let action = match doing {
            Doing::Adding => "add tags to",
            Doing::Removing => "remove tags from",
        };
        return Err(KinesisError::InvalidArgument.because(format!(
            "Failed to {action} stream {stream} under account {account} because some tags \
             contained illegal characters. The allowed characters are Unicode letters, \
             white-spaces, '_',',','/','=','+','-','@'."
        )));
    }
    Ok(())
}

/// Refuses keys that no tag can have, unless one of those that are there has it: older versions took
/// more than the service does, and what they took can be removed.
pub(super) fn check_removed<'a>(
    keys: &'a [String],
    there: Option<&'a BTreeMap<String, String>>,
    stream: &str,
    account: &str,
) -> Result<(), WireError> {
    let is_there = move |key: &&String| there.is_some_and(|tags| tags.contains_key(*key));
    let others = keys.iter().filter(move |key| !is_there(key)).map(String::as_str);
    check(others, stream, account, Doing::Removing)
}

/// Refuses tags that cannot be set. `stream` is printed as the service does.
pub(super) fn check_new(
    tags: &BTreeMap<String, String>,
    stream: &str,
    account: &str,
) -> Result<(), WireError> {
    let texts = tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
    check(texts, stream, account, Doing::Adding)?;
    check_reserved(tags.keys().map(String::as_str))
}

/// Refuses keys that are AWS's own.
fn check_reserved<'a>(keys: impl Iterator<Item = &'a str>) -> Result<(), WireError> {
    for key in keys {
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(KinesisError::InvalidArgument.because(format!(
                "Tag key {key} is not allowed: keys that start with aws: are reserved."
            )));
        }
    }
    Ok(())
}
