//! Opaque texts that come back: shard iterators and page tokens.
//!
//! A token is base64 of a purpose, a payload and an HMAC-SHA-256 (16 bytes of it) under the data
//! directory's key, so that what comes back is what was handed out.

use aws_lc_rs::hmac;
use base64_simd::STANDARD;

const TAG_BYTES: usize = 16;

/// What a token is for: one of another purpose is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    ShardIterator = 1,
    ListShards = 2,
    /// 3 was one that lived for ever.
    ListStreams = 5,
    ListStreamConsumers = 4,
}

#[derive(Debug)]
pub(crate) struct Tokens(hmac::Key);

impl Tokens {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    pub(crate) fn seal(&self, purpose: Purpose, payload: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(1 + payload.len() + TAG_BYTES);
        bytes.push(purpose as u8);
        bytes.extend_from_slice(payload);
        let tag = hmac::sign(&self.0, &bytes);
        bytes.extend_from_slice(&tag.as_ref()[..TAG_BYTES]);
        STANDARD.encode_to_string(bytes)
    }

    pub(crate) fn open(&self, purpose: Purpose, token: &str) -> Option<Vec<u8>> {
        let mut bytes = STANDARD.decode_to_vec(token).ok()?;
        let (signed, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
        let expected = hmac::sign(&self.0, signed);
        let expected = &expected.as_ref()[..TAG_BYTES];
        aws_lc_rs::constant_time::verify_slices_are_equal(expected, tag).ok()?;
        if *signed.first()? != purpose as u8 {
            return None;
        }
        let end = signed.len();
        bytes.truncate(end);
        bytes.remove(0);
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_handed_out_comes_back() {
        let tokens = Tokens::new(&[7; 32]);
        let token = tokens.seal(Purpose::ListShards, b"payload");
        assert_eq!(tokens.open(Purpose::ListShards, &token).as_deref(), Some(&b"payload"[..]));
        assert_eq!(tokens.open(Purpose::ListStreams, &token), None);
        assert_eq!(Tokens::new(&[8; 32]).open(Purpose::ListShards, &token), None);
        let bytes = STANDARD.decode_to_vec(&token).expect("base64");
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = STANDARD.encode_to_string(forged);
            assert_eq!(tokens.open(Purpose::ListShards, &forged), None);
        }
        for text in ["", "x", "====", &token[..8]] {
            assert_eq!(tokens.open(Purpose::ListShards, text), None);
        }
    }
}
