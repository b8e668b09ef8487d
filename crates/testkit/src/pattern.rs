//! Bytes that follow from a number, so that whoever reads them can tell whether they are whole without
//! having kept them. Pure.

/// A number of at most eight bytes.
pub fn number(little_endian: &[u8]) -> u64 {
    little_endian.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A digest of bytes that differs between runs.
pub fn digest(seed: u64, bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(mix(seed), |digest, chunk| mix(digest ^ number(chunk)))
}

/// Spreads a number over all its bits.
pub fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Bytes without pattern.
#[derive(Clone, Debug)]
pub struct Fill(pub u64);

impl Fill {
    /// The next eight bytes.
    pub fn next_word(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.0 ^ (self.0 >> 29)
    }
}
