//! The two scalar types that no codec has as such: blobs and timestamps.

use std::borrow::Cow;

use base64_simd::STANDARD;

use crate::decode_error::DecodeError;
use crate::shown::shown;

/// A point in time: milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// A blob as it stands in the request: base64 text or raw bytes.
///
/// Readers hand out checked blobs only, so that a blob inside a decoded request always decodes.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob<'a>(Form<'a>);

#[derive(Clone, PartialEq, Eq)]
enum Form<'a> {
    Base64(Cow<'a, [u8]>),
    Raw(Cow<'a, [u8]>),
}

impl<'a> Blob<'a> {
    /// A blob of these very bytes.
    pub fn raw(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self(Form::Raw(bytes.into()))
    }

    /// A blob given as base64, which may turn out not to be any: see [`Blob::check`].
    pub fn base64(text: impl Into<Cow<'a, str>>) -> Self {
        Self(Form::Base64(match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }))
    }

    /// The blob of `text` if it is base64, without saying what is wrong when it is not.
    pub(crate) fn checked(text: &'a [u8]) -> Option<Self> {
        STANDARD.check(text).is_ok().then_some(Self(Form::Base64(Cow::Borrowed(text))))
    }

    /// How many bytes the blob decodes to; exact for a checked blob.
    pub fn decoded_len(&self) -> usize {
        match &self.0 {
            Form::Raw(bytes) => bytes.len(),
            Form::Base64(text) => {
                let padding = text.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
                (text.len() / 4 * 3).saturating_sub(padding)
            }
        }
    }

    /// Whether the blob decodes, and the service's text if not.
    pub fn check(&self) -> Result<(), DecodeError> {
        match &self.0 {
            Form::Base64(text) if STANDARD.check(text).is_err() => Err(base64_error(text)),
            Form::Base64(_) | Form::Raw(_) => Ok(()),
        }
    }

    /// Appends the decoded bytes to `out`, which stays as it was when they do not decode.
    pub fn decode_into(&self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        match &self.0 {
            Form::Raw(bytes) => out.extend_from_slice(bytes),
            Form::Base64(text) => {
                let before = out.len();
                if STANDARD.decode_append(text, out).is_err() {
                    out.truncate(before);
                    return Err(base64_error(text));
                }
            }
        }
        Ok(())
    }

    /// The decoded bytes.
    pub fn to_vec(&self) -> Result<Vec<u8>, DecodeError> {
        let mut out = Vec::with_capacity(self.decoded_len());
        self.decode_into(&mut out)?;
        Ok(out)
    }
}

impl std::fmt::Debug for Blob<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blob({} bytes)", self.decoded_len())
    }
}

/// The first of the service's three complaints that applies.
#[cold]
fn base64_error(text: &[u8]) -> DecodeError {
    let text = String::from_utf8_lossy(text);
    let complaint = match (text.encode_utf16().count(), misplaced_character(&text)) {
        (length, _) if length % 4 != 0 => {
            format!("Base64 encoded length is expected a multiple of 4 bytes but found: {length}")
        }
        (_, Some(character)) => format!("Invalid Base64 character: '{character}'"),
        (_, None) => "Invalid last non-pad Base64 character dectected".to_owned(),
    };
    let text = shown(&text);
    DecodeError::Mismatch(format!("'{text}' can not be converted to a Blob: {complaint}"))
}

/// The first character outside the alphabet, or padding that is not at the end.
fn misplaced_character(text: &str) -> Option<char> {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_known = character.is_ascii_alphanumeric() || matches!(character, '+' | '/');
        let is_padding = character == '=' && characters.peek().is_none_or(|&next| next == '=');
        if !is_known && !is_padding {
            return Some(character);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn complaint(text: &str) -> String {
        match Blob::base64(text).check() {
            Err(DecodeError::Mismatch(message)) => message,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn says_what_is_wrong_with_base64() {
        let cases = [
            ("=", "Base64 encoded length is expected a multiple of 4 bytes but found: 1"),
            ("****==", "Base64 encoded length is expected a multiple of 4 bytes but found: 6"),
            ("é", "Base64 encoded length is expected a multiple of 4 bytes but found: 1"),
            ("=+/=", "Invalid Base64 character: '='"),
            ("+=/=", "Invalid Base64 character: '='"),
            ("AA A", "Invalid Base64 character: ' '"),
            ("AAé_", "Invalid Base64 character: 'é'"),
            ("+HH=", "Invalid last non-pad Base64 character dectected"),
            ("AB==", "Invalid last non-pad Base64 character dectected"),
            ("====", "Invalid last non-pad Base64 character dectected"),
        ];
        for (text, expected) in cases {
            let expected = format!("'{text}' can not be converted to a Blob: {expected}");
            assert_eq!(complaint(text), expected);
            let mut out = vec![1];
            assert_eq!(
                Blob::base64(text).decode_into(&mut out),
                Err(DecodeError::Mismatch(expected))
            );
            assert_eq!(out, [1]);
        }
    }

    #[test]
    fn empty_text_is_an_empty_blob() {
        assert_eq!(Blob::base64("").check(), Ok(()));
        assert_eq!(Blob::base64("").to_vec(), Ok(vec![]));
        assert_eq!(Blob::base64("").decoded_len(), 0);
    }

    proptest! {
        #[test]
        fn both_forms_decode_to_the_same_bytes(bytes: Vec<u8>) {
            let blob = Blob::base64(STANDARD.encode_to_string(&bytes));
            prop_assert_eq!(blob.check(), Ok(()));
            prop_assert_eq!(blob.decoded_len(), bytes.len());
            prop_assert_eq!(blob.to_vec().unwrap(), bytes.clone());
            prop_assert_eq!(Blob::raw(bytes.clone()).decoded_len(), bytes.len());
            prop_assert_eq!(Blob::raw(bytes.clone()).to_vec().unwrap(), bytes);
        }

        #[test]
        fn check_and_decode_agree(text in "[A-D/+=é ]{0,12}") {
            let blob = Blob::base64(text);
            prop_assert_eq!(blob.check().err(), blob.to_vec().err());
        }
    }
}
