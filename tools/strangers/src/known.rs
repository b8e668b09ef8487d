//! What the known caller and the attackers have in common.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const ACCESS_KEY_ID: &str = "KNOWN";
pub(crate) const SECRET_ACCESS_KEY: &str = "of-the-load-test";
pub(crate) const STREAM: &str = "load";

/// Epoch seconds.
pub(crate) fn now_secs() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs().cast_signed()
}
