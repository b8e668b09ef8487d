//! How a request says which stream it is about.

/// A stream by its name or ARN, as (`StreamName`, `StreamARN`) of a request: one of them is set.
#[must_use]
pub fn stream_reference(stream: &str) -> (Option<String>, Option<String>) {
    if stream.starts_with("arn:") {
        (None, Some(stream.to_owned()))
    } else {
        (Some(stream.to_owned()), None)
    }
}
