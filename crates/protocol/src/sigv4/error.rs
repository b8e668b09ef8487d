//! Every way in which a request's authentication can be refused here.
//!
//! `Display` is the message on the wire, word for word as AWS says it, including its trailing
//! spaces; clients and people search for these texts.

use crate::error::CommonError;
use std::fmt;

use super::{CLOCK_TOLERANCE_SECS, EXPIRES_SECS_MAX, TERMINATOR, Timestamp};

/// Why a signature was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigV4Error {
    /// Neither an `Authorization` header nor `X-Amz-Algorithm` in the query.
    #[error("Missing Authentication Token")]
    MissingAuthenticationToken,
    /// Both of them.
    #[error(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    )]
    FoundBoth,
    /// Parameters of the `Authorization` header, or the date that goes with it, are missing.
    #[error("{}", HeaderGaps { missing, date_missing: *date_missing, authorization })]
    IncompleteHeader {
        /// Missing parameters, in AWS's order.
        missing: Vec<&'static str>,
        /// Neither `X-Amz-Date` nor `Date` is there.
        date_missing: bool,
        /// The header's value.
        authorization: String,
    },
    /// Parameters of the presigned query are missing.
    #[error("{}", QueryGaps(missing))]
    IncompleteQuery {
        /// Missing parameters, in AWS's order.
        missing: Vec<&'static str>,
    },
    /// A part of the `Authorization` header has no `=`.
    #[error(
        "'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: \
         '{authorization}'."
    )]
    MalformedPair {
        /// The part.
        part: String,
        /// The header's value.
        authorization: String,
    },
    /// The algorithm is not `AWS4-HMAC-SHA256`.
    #[error("Unsupported AWS 'algorithm': '{algorithm}'.")]
    UnsupportedAlgorithm {
        /// What was asked for.
        algorithm: String,
    },
    /// The credential is not `key/date/region/service/terminator`.
    #[error(
        "Credential must have exactly 5 slash-delimited elements, \
         e.g. keyid/date/region/service/term, got '{credential}'"
    )]
    MalformedCredential {
        /// What was presented.
        credential: String,
    },
    /// The timestamp cannot be read.
    #[error(
        "Date must be in ISO-8601 'basic format'. Got '{date}'. \
         See http://en.wikipedia.org/wiki/ISO_8601"
    )]
    MalformedDate {
        /// What was presented.
        date: String,
    },
    /// `X-Amz-Expires` is no number of seconds from 1 to a week.
    #[error("X-Amz-Expires must be a number of seconds between 1 and {EXPIRES_SECS_MAX}.")]
    BadExpires,
    /// The credential scope is not for this request.
    #[error("{}", ScopeFaults(faults))]
    BadScope {
        /// At least one fault.
        faults: Vec<ScopeFault>,
    },
    /// The signature does not cover `host`.
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    HostNotSigned,
    /// The signature does not cover an `x-amz-*` header of the request.
    #[error("'{}' must be a 'SignedHeader' in the AWS Authorization.", TitleCase(name))]
    HeaderNotSigned {
        /// Lower-case name.
        name: String,
    },
    /// The request is too old.
    #[error(
        "Signature expired: {timestamp} is now earlier than {} ({now} - {})",
        now.minus(*valid_secs),
        Span(*valid_secs)
    )]
    Expired {
        /// When it was signed.
        timestamp: Timestamp,
        /// Our clock.
        now: Timestamp,
        /// For how long it was valid.
        valid_secs: i64,
    },
    /// The request comes from the future.
    #[error(
        "Signature not yet current: {timestamp} is still later than {} ({now} + {})",
        now.minus(-CLOCK_TOLERANCE_SECS),
        Span(CLOCK_TOLERANCE_SECS)
    )]
    NotYetCurrent {
        /// When it claims to have been signed.
        timestamp: Timestamp,
        /// Our clock.
        now: Timestamp,
    },
    /// The signature is wrong.
    #[error(
        "The request signature we calculated does not match the signature you provided. \
         Check your AWS Secret Access Key and signing method. \
         Consult the service documentation for details.\n\n\
         The Canonical String for this request should have been\n'{canonical_request}'\n\n\
         The String-to-Sign should have been\n'{string_to_sign}'\n"
    )]
    SignatureMismatch {
        /// Step 1 as we see it.
        canonical_request: String,
        /// Step 2 as we see it.
        string_to_sign: String,
    },
}

impl SigV4Error {
    /// What is said of a Region that has a good name and is none that there is.
    #[must_use]
    pub fn unknown_region(region: &str) -> Self {
        Self::BadScope { faults: vec![ScopeFault::Region { region: region.to_owned() }] }
    }

    /// The error of the wire.
    pub fn kind(&self) -> CommonError {
        match self {
            Self::MissingAuthenticationToken => CommonError::MissingAuthenticationToken,
            Self::IncompleteHeader { .. }
            | Self::IncompleteQuery { .. }
            | Self::MalformedPair { .. }
            | Self::UnsupportedAlgorithm { .. }
            | Self::MalformedCredential { .. }
            | Self::MalformedDate { .. }
            | Self::BadExpires => CommonError::IncompleteSignature,
            Self::FoundBoth
            | Self::BadScope { .. }
            | Self::HostNotSigned
            | Self::HeaderNotSigned { .. }
            | Self::Expired { .. }
            | Self::NotYetCurrent { .. }
            | Self::SignatureMismatch { .. } => CommonError::InvalidSignature,
        }
    }
}

/// What is wrong with a credential scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeFault {
    /// Not the name of a Region.
    #[error("Credential should be scoped to a valid region, not '{region}'. ")]
    Region {
        /// What was presented.
        region: String,
    },
    /// Signed for another service.
    #[error("Credential should be scoped to correct service: '{expected}'. ")]
    Service {
        /// The service that the request is for.
        expected: String,
    },
    /// Not `aws4_request`.
    #[error("Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{got}'. ")]
    Terminator {
        /// What was presented.
        got: String,
    },
    /// The scope's day is not the timestamp's day.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
         HTTP: '{scope_date}' != '{}', from '{timestamp}'.",
        timestamp.date()
    )]
    Date {
        /// The scope's day.
        scope_date: String,
        /// The request's timestamp.
        timestamp: Timestamp,
    },
}

struct HeaderGaps<'a> {
    missing: &'a [&'static str],
    date_missing: bool,
    authorization: &'a str,
}

impl fmt::Display for HeaderGaps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for parameter in self.missing {
            write!(f, "Authorization header requires '{parameter}' parameter. ")?;
        }
        if self.date_missing {
            f.write_str(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' \
                 header. ",
            )?;
        }
        write!(f, "Authorization={}", self.authorization)
    }
}

struct QueryGaps<'a>(&'a [&'static str]);

impl fmt::Display for QueryGaps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for parameter in self.0 {
            write!(f, "AWS query-string parameters must include '{parameter}'. ")?;
        }
        f.write_str("Re-examine the query-string parameters.")
    }
}

struct ScopeFaults<'a>(&'a [ScopeFault]);

impl fmt::Display for ScopeFaults<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| fault.fmt(f))
    }
}

/// A header's name as AWS quotes it: `X-Amz-Target`.
struct TitleCase<'a>(&'a str);

impl fmt::Display for TitleCase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut at_start = true;
        for character in self.0.chars() {
            let shown = if at_start { character.to_ascii_uppercase() } else { character };
            write!(f, "{shown}")?;
            at_start = character == '-';
        }
        Ok(())
    }
}

/// A duration as AWS writes it: `5 min.`; seconds only where minutes would not be exact.
struct Span(i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 60 == 0 {
            write!(f, "{} min.", self.0 / 60)
        } else {
            write!(f, "{} sec.", self.0)
        }
    }
}
