//! Texts and limits of the specification.

/// The only algorithm there is for Kinesis.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Last element of every credential scope.
pub const TERMINATOR: &str = "aws4_request";
/// How far a request's timestamp may lie from our clock, either way.
pub const CLOCK_TOLERANCE_SECS: i64 = 300;
/// Longest life of a presigned request: a week.
pub const EXPIRES_SECS_MAX: u32 = 604_800;
