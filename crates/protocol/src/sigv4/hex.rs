//! Lower-case hexadecimal, the only form in which SigV4 shows a digest.

use std::fmt;

use aws_lc_rs::digest;

/// A 256-bit digest as 64 lower-case hexadecimal digits, on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HexDigest([u8; 64]);

impl HexDigest {
    /// Encodes the first 32 bytes; digests of SigV4 have no other length.
    pub(super) fn encode(digest: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        assert!(digest.len() == 32, "SHA-256 output has 32 bytes");
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(text)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

impl fmt::Display for HexDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for HexDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// SHA-256 of `bytes`: the payload hash of a request.
pub fn sha256_hex(bytes: &[u8]) -> HexDigest {
    HexDigest::encode(digest::digest(&digest::SHA256, bytes).as_ref())
}
