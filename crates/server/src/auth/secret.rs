//! Text that must not be shown.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SecureRandom;

/// A secret access key or session token. `Debug` hides it, there is no `Display`, and comparing
/// takes the same time wherever two secrets of one length differ.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The secret, for hashing, for writing into the credentials file, and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether this is what somebody else presented.
    pub fn matches(&self, presented: &str) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), presented.as_bytes()).is_ok()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.expose())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `AKIA` and 16 letters or digits: an access key id that looks like Amazon's.
pub(super) fn random_access_key_id(rng: &dyn SecureRandom) -> Result<String, Unspecified> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    Ok(format!("AKIA{}", random_text(rng, ALPHABET, 16)?))
}

/// 40 characters with 240 random bits, as Amazon's.
pub(super) fn random_secret(rng: &dyn SecureRandom) -> Result<Secret, Unspecified> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    random_text(rng, ALPHABET, 40).map(Secret::new)
}

/// Uniform, because the alphabet's length divides 256.
fn random_text(rng: &dyn SecureRandom, alphabet: &[u8], len: usize) -> Result<String, Unspecified> {
    assert!(256 % alphabet.len() == 0, "an alphabet of another length would be biased");
    let mut bytes = vec![0; len];
    rng.fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect())
}
