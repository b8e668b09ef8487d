//! MD5 of many texts at once.
//!
//! Every step of MD5 waits for the one before it, so that a processor is mostly idle over one text.
//! Here each step is done for [`LANES`] texts, in loops that the compiler turns into vector
//! instructions: a quarter of the time for each of many (`tools/probes/src/bin/hash_keys.rs`). A text of up to
//! [`TEXT_BYTES_MAX`] is one block, as nearly all partition keys are. See RFC 1321.

use md5::{Digest, Md5};

/// The MD5 of each of many texts, in their order. It takes as long as if all were as long as the longest of
/// [`LANES`] neighbours: it is for texts of about one length.
#[must_use]
pub fn digests(texts: &[&[u8]]) -> Vec<[u8; 16]> {
    let mut digests = Vec::with_capacity(texts.len());
    for texts in texts.chunks(LANES) {
        if texts.len() < AT_ONCE_MIN {
            digests.extend(texts.iter().map(|text| <[u8; 16]>::from(Md5::digest(text))));
        } else {
            digests.extend(digests_of_lanes(texts));
        }
    }
    digests
}

/// The same of [`LANES`] texts at most.
fn digests_of_lanes(texts: &[&[u8]]) -> impl Iterator<Item = [u8; 16]> + use<> {
    // The end of each: what is left of its last whole block, the end mark and the length.
    let tails: Vec<(Vec<u8>, usize)> = texts.iter().map(|text| tail(text)).collect();
    let blocks_of = |(tail, whole): &(Vec<u8>, usize)| whole + tail.len() / BLOCK_BYTES;
    let most = tails.iter().map(blocks_of).max().unwrap_or(0);
    let mut state = START.map(|word| [word; LANES]);
    let mut words = [[0; LANES]; WORDS];
    for number in 0..most {
        for (lane, (text, (tail, whole))) in texts.iter().zip(&tails).enumerate() {
            let block = match number.checked_sub(*whole) {
                None => text.get(number * BLOCK_BYTES..),
                Some(number) => tail.get(number * BLOCK_BYTES..),
            };
            // A text that has ended is computed on, and not looked at.
            let Some((block, _)) = block.and_then(|rest| rest.split_first_chunk::<BLOCK_BYTES>())
            else {
                continue;
            };
            for (words, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
                words[lane] = u32::from_le_bytes(*bytes);
            }
        }
        let next = compressed(&words, &state);
        let have_ended = |tail| blocks_of(tail) <= number;
        if !tails.iter().any(have_ended) {
            state = next;
            continue;
        }
        for (lane, tail) in tails.iter().enumerate() {
            if !have_ended(tail) {
                state.iter_mut().zip(&next).for_each(|(state, next)| state[lane] = next[lane]);
            }
        }
    }
    digests_in(&state).take(texts.len())
}

/// The blocks that end a text, and how many whole ones are before.
fn tail(text: &[u8]) -> (Vec<u8>, usize) {
    let (whole, rest) = text.as_chunks::<BLOCK_BYTES>();
    let mut tail = rest.to_vec();
    tail.push(0x80);
    let length_at = (tail.len() + 8).next_multiple_of(BLOCK_BYTES) - 8;
    tail.resize(length_at, 0);
    tail.extend((text.len() as u64 * 8).to_le_bytes());
    (tail, whole.len())
}

/// From so many texts on it is quicker to hash them at once (`tools/probes/src/bin/hash_keys.rs`).
pub(crate) const AT_ONCE_MIN: usize = 8;

/// Texts in one go. Shorter loops are unrolled before the compiler finds the vectors in them.
pub(crate) const LANES: usize = 32;
/// The longest text of one block: a block less the end mark and the length.
pub(crate) const TEXT_BYTES_MAX: usize = BLOCK_BYTES - 9;

const BLOCK_BYTES: usize = 64;
const WORDS: usize = BLOCK_BYTES / 4;

/// The same word of each text.
type Words = [u32; LANES];

const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
/// By how many bits each round's steps rotate, in turn.
const ROTATIONS: [[u32; 4]; 4] =
    [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
/// The RFC's table T: the integer part of 2^32 × |sin(step)|, in radians.
const SINES: [[u32; WORDS]; 4] = [
    [
        0xd76a_a478,
        0xe8c7_b756,
        0x2420_70db,
        0xc1bd_ceee,
        0xf57c_0faf,
        0x4787_c62a,
        0xa830_4613,
        0xfd46_9501,
        0x6980_98d8,
        0x8b44_f7af,
        0xffff_5bb1,
        0x895c_d7be,
        0x6b90_1122,
        0xfd98_7193,
        0xa679_438e,
        0x49b4_0821,
    ],
    [
        0xf61e_2562,
        0xc040_b340,
        0x265e_5a51,
        0xe9b6_c7aa,
        0xd62f_105d,
        0x0244_1453,
        0xd8a1_e681,
        0xe7d3_fbc8,
        0x21e1_cde6,
        0xc337_07d6,
        0xf4d5_0d87,
        0x455a_14ed,
        0xa9e3_e905,
        0xfcef_a3f8,
        0x676f_02d9,
        0x8d2a_4c8a,
    ],
    [
        0xfffa_3942,
        0x8771_f681,
        0x6d9d_6122,
        0xfde5_380c,
        0xa4be_ea44,
        0x4bde_cfa9,
        0xf6bb_4b60,
        0xbebf_bc70,
        0x289b_7ec6,
        0xeaa1_27fa,
        0xd4ef_3085,
        0x0488_1d05,
        0xd9d4_d039,
        0xe6db_99e5,
        0x1fa2_7cf8,
        0xc4ac_5665,
    ],
    [
        0xf429_2244,
        0x432a_ff97,
        0xab94_23a7,
        0xfc93_a039,
        0x655b_59c3,
        0x8f0c_cc92,
        0xffef_f47d,
        0x8584_5dd1,
        0x6fa8_7e4f,
        0xfe2c_e6e0,
        0xa301_4314,
        0x4e08_11a1,
        0xf753_7e82,
        0xbd3a_f235,
        0x2ad7_d2bb,
        0xeb86_d391,
    ],
];

/// Blocks of up to [`LANES`] texts, word by word.
pub(crate) struct Blocks {
    words: [Words; WORDS],
    texts: usize,
}

impl Blocks {
    pub(crate) fn new() -> Self {
        Self { words: [[0; LANES]; WORDS], texts: 0 }
    }

    /// Adds a text of at most [`TEXT_BYTES_MAX`] bytes; at most [`LANES`] of them.
    pub(crate) fn push(&mut self, text: &[u8]) {
        let lane = self.texts;
        let (whole, rest) = text.as_chunks::<4>();
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        last[rest.len()] = 0x80;
        let ended = whole.iter().chain(std::iter::once(&last));
        for (words, bytes) in self.words.iter_mut().zip(ended) {
            words[lane] = u32::from_le_bytes(*bytes);
        }
        // The length in bits has 64; the upper half is zero here.
        self.words[WORDS - 2][lane] = text.len() as u32 * 8;
        self.texts += 1;
    }

    /// The MD5 of each text, in their order.
    pub(crate) fn digests(&self) -> impl Iterator<Item = [u8; 16]> + use<> {
        digests_in(&compressed(&self.words, &START.map(|word| [word; LANES]))).take(self.texts)
    }
}

/// The digest of each lane.
fn digests_in(state: &[Words; 4]) -> impl Iterator<Item = [u8; 16]> + use<> {
    let state = *state;
    (0..LANES).map(move |lane| {
        let mut digest = [0; 16];
        for (bytes, words) in digest.as_chunks_mut::<4>().0.iter_mut().zip(&state) {
            *bytes = words[lane].to_le_bytes();
        }
        digest
    })
}

/// The state after one more block of each text.
fn compressed(words: &[Words; WORDS], before: &[Words; 4]) -> [Words; 4] {
    let mut state = *before;
    round(words, &mut state, 0, |i| i, |b, c, d| d ^ (b & (c ^ d)));
    round(words, &mut state, 1, |i| 5 * i + 1, |b, c, d| c ^ (d & (b ^ c)));
    round(words, &mut state, 2, |i| 3 * i + 5, |b, c, d| b ^ c ^ d);
    round(words, &mut state, 3, |i| 7 * i, |b, c, d| c ^ (b | !d));
    for (words, before) in state.iter_mut().zip(before) {
        words.iter_mut().zip(before).for_each(|(word, before)| *word = word.wrapping_add(*before));
    }
    state
}

/// Sixteen steps. `place` says which word a step takes, `mix` is the round's function.
#[inline]
fn round(
    words: &[Words; WORDS],
    state: &mut [Words; 4],
    round: usize,
    place: impl Fn(usize) -> usize,
    mix: impl Fn(u32, u32, u32) -> u32,
) {
    for i in 0..WORDS {
        let [a, b, c, d] = *state;
        let word = &words[place(i) % WORDS];
        let (sine, rotation) = (SINES[round][i], ROTATIONS[round][i % 4]);
        let mut next = [0; LANES];
        for lane in 0..LANES {
            let mixed = a[lane].wrapping_add(mix(b[lane], c[lane], d[lane]));
            let sum = mixed.wrapping_add(word[lane]).wrapping_add(sine);
            next[lane] = b[lane].wrapping_add(sum.rotate_left(rotation));
        }
        *state = [d, next, b, c];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_of_one_block_in_every_lane_is_as_the_library_has_it() {
        let bytes: Vec<u8> = (0..=255).collect();
        for shift in 0..LANES {
            for lengths in [0..LANES, LANES..TEXT_BYTES_MAX + 1] {
                let texts: Vec<&[u8]> =
                    lengths.map(|length| &bytes[shift * 5..][..length]).collect();
                let mut blocks = Blocks::new();
                texts.iter().cycle().skip(shift).take(LANES).for_each(|text| blocks.push(text));
                let expected = texts.iter().cycle().skip(shift).map(Md5::digest);
                let digests: Vec<[u8; 16]> = blocks.digests().collect();
                assert_eq!(digests.len(), LANES);
                for (digest, expected) in digests.iter().zip(expected) {
                    assert_eq!(*digest, <[u8; 16]>::from(expected));
                }
            }
        }
    }

    #[test]
    fn texts_of_any_lengths_are_as_the_library_has_them() {
        let bytes: Vec<u8> = (0..1_000).map(|number| (number % 251) as u8).collect();
        // Around the ends of blocks, and far apart.
        let lengths = (0..200).chain([1_000, 0, 447, 448, 511, 512, 55, 56, 63, 64, 65]);
        let texts: Vec<&[u8]> = lengths.map(|length| &bytes[..length]).collect();
        for texts in [&texts[..], &texts[190..], &texts[..1], &[]] {
            let expected: Vec<[u8; 16]> =
                texts.iter().map(|text| Md5::digest(text).into()).collect();
            assert_eq!(digests(texts), expected);
        }
    }

    #[test]
    fn a_few_texts_have_as_many_digests() {
        let mut blocks = Blocks::new();
        assert_eq!(blocks.digests().count(), 0);
        blocks.push(b"a");
        let expected = <[u8; 16]>::from(Md5::digest(b"a"));
        assert_eq!(blocks.digests().collect::<Vec<_>>(), [expected]);
    }
}
