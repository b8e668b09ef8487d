//! MD5 of many short texts at once.
//!
//! Every step of MD5 waits for the one before it, so that a processor is mostly idle over one text.
//! Here each step is done for [`LANES`] texts, in loops that the compiler turns into vector
//! instructions: a quarter of the time for each of many (`tools/probes/src/bin/hash_keys.rs`). A text of up to
//! [`TEXT_BYTES_MAX`] is one block, as nearly all partition keys are. See RFC 1321.

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
        let state = self.compressed();
        (0..self.texts).map(move |lane| {
            let mut digest = [0; 16];
            for (bytes, words) in digest.as_chunks_mut::<4>().0.iter_mut().zip(&state) {
                *bytes = words[lane].to_le_bytes();
            }
            digest
        })
    }

    fn compressed(&self) -> [Words; 4] {
        let mut state = START.map(|word| [word; LANES]);
        self.round(&mut state, 0, |i| i, |b, c, d| d ^ (b & (c ^ d)));
        self.round(&mut state, 1, |i| 5 * i + 1, |b, c, d| c ^ (d & (b ^ c)));
        self.round(&mut state, 2, |i| 3 * i + 5, |b, c, d| b ^ c ^ d);
        self.round(&mut state, 3, |i| 7 * i, |b, c, d| c ^ (b | !d));
        for (words, start) in state.iter_mut().zip(START) {
            words.iter_mut().for_each(|word| *word = word.wrapping_add(start));
        }
        state
    }

    /// Sixteen steps. `place` says which word a step takes, `mix` is the round's function.
    #[inline]
    fn round(
        &self,
        state: &mut [Words; 4],
        round: usize,
        place: impl Fn(usize) -> usize,
        mix: impl Fn(u32, u32, u32) -> u32,
    ) {
        for i in 0..WORDS {
            let [a, b, c, d] = *state;
            let word = &self.words[place(i) % WORDS];
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use md5::{Digest, Md5};

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
    fn a_few_texts_have_as_many_digests() {
        let mut blocks = Blocks::new();
        assert_eq!(blocks.digests().count(), 0);
        blocks.push(b"a");
        let expected = <[u8; 16]>::from(Md5::digest(b"a"));
        assert_eq!(blocks.digests().collect::<Vec<_>>(), [expected]);
    }
}
