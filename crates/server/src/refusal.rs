//! Requests that no operation gets, and why.

use anabranch_protocol::Codec;
use http::{HeaderMap, header};

/// Why no operation gets a request. What each is answered with is the service's own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal<'a> {
    /// It shows no sign of an operation.
    Undetermined,
    /// It has a target, and a content type that the service does not speak.
    ContentType,
    /// It has this body in `application/json`, which is none of AWS's formats.
    PlainJson(&'a [u8]),
    /// It has no body.
    EmptyBody {
        /// The format that it would have had.
        codec: Option<Codec>,
        /// Whether its target is an operation of the service.
        is_known: bool,
    },
}

/// What a content type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentKind {
    /// A format that the service speaks.
    Spoken(Codec),
    /// `application/json`.
    PlainJson,
    /// Anything else.
    Other,
}

impl ContentKind {
    /// What the content type among `headers` says to a service that speaks `codecs`.
    pub(crate) fn of(headers: &HeaderMap, codecs: &[Codec]) -> Self {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let value = value.unwrap_or_default();
        if let Some(codec) = Codec::from_content_type(value).filter(|codec| codecs.contains(codec))
        {
            return Self::Spoken(codec);
        }
        let media_type = value.split(';').next().unwrap_or_default().trim();
        match media_type.eq_ignore_ascii_case("application/json") {
            true => Self::PlainJson,
            false => Self::Other,
        }
    }

    /// The format, if the service speaks it.
    pub(crate) fn codec(self) -> Option<Codec> {
        match self {
            Self::Spoken(codec) => Some(codec),
            Self::PlainJson | Self::Other => None,
        }
    }
}
