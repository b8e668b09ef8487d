//! Text that needs no escapes.

/// How many bytes at the start of `text` stand in a JSON string as they are: neither quote nor
/// backslash nor control character. Looks at eight bytes at a time.
pub(super) fn plain_len(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    // The high bit of each byte below `limit`, and perhaps of bytes after the first such byte.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let equal = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let specials = below(word, 0x20) | equal(word, b'"') | equal(word, b'\\');
        if specials != 0 {
            return index * 8 + specials.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |&byte: &u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    words.len() * 8 + rest.iter().position(is_special).unwrap_or(rest.len())
}
