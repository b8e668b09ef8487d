//! Sequence numbers: 56 decimal digits that are 47 nibbles underneath.
//!
//! The layout is the service's version 2, which clients may decode (the Java KCL does).
//! Most significant first:
//!
//! | bits | meaning |
//! |--:|---|
//! | 4 | `2` |
//! | 36 | creation time of the shard, epoch seconds |
//! | 4 | low nibble of the shard's index |
//! | 64 | index of the record; `0x7fff_ffff_ffff_ffff` closes a shard |
//! | 8 | zero |
//! | 36 | arrival time of the record, epoch seconds |
//! | 32 | index of the shard |
//! | 4 | `2` |
//!
//! Numbers of one shard order by index, then by arrival time. Children are created after their
//! parents were closed, so their numbers are higher.
//!
//! The service also reads two older layouts, which are never handed out here; [`OlderNumber`] has
//! what can be told from them:
//!
//! | version | nibbles |
//! |--:|---|
//! | 0 | `1`, 9 creation time of the shard, 2, 16 random, 4 index of the shard; below 2^124 the `1` is left out |
//! | 1 | as version 2, but with 14 random and 2 for the index of the record, and `1` at the end |

use crate::shard_id::ShardId;
use std::fmt;

/// Digits of every number that is handed out.
pub const DIGITS: usize = 56;
/// The index of a shard's closing number; no record has it.
pub const INDEX_CLOSED: u64 = 0x7fff_ffff_ffff_ffff;

const SECONDS_BITS_MASK: u64 = (1 << 36) - 1;
/// Creation seconds from here on are refused by the service.
const CREATED_SECS_END: u64 = 16_025_175_000;
const TEN_19: u64 = 10_000_000_000_000_000_000;

/// A version 2 sequence number, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceNumber {
    /// Creation time of the shard in epoch seconds, below 2^36.
    pub created_secs: u64,
    /// Index of the shard within its stream.
    pub shard_index: u32,
    /// Index of the record, at most [`INDEX_CLOSED`].
    pub index: u64,
    /// Arrival time of the record in epoch seconds, below 2^36.
    pub time_secs: u64,
}

impl SequenceNumber {
    /// The number of a shard's record with `index` that arrived at `arrival_ms`.
    #[must_use]
    pub fn new(created_secs: u64, shard: ShardId, index: u64, arrival_ms: u64) -> Self {
        Self { created_secs, shard_index: shard.0, index, time_secs: arrival_ms / 1000 }
    }

    /// The three words of the number, least significant first.
    fn words(self) -> [u64; 3] {
        let time = self.time_secs & SECONDS_BITS_MASK;
        [
            2 | u64::from(self.shard_index) << 4 | time << 36,
            time >> 28 | self.index << 16,
            self.index >> 48
                | u64::from(self.shard_index & 0xf) << 16
                | (self.created_secs & SECONDS_BITS_MASK) << 20
                | 2 << 56,
        ]
    }

    /// Parses decimal digits. `None` for anything that is not a version 2 number.
    #[must_use]
    pub fn parse(decimal: &str) -> Option<Self> {
        Self::from_words(parse_words(decimal)?)
    }

    fn from_words([low, middle, high]: [u64; 3]) -> Option<Self> {
        let number = Self {
            created_secs: high >> 20 & SECONDS_BITS_MASK,
            shard_index: (low >> 4) as u32,
            index: middle >> 16 | high << 48,
            time_secs: (low >> 36 | middle << 28) & SECONDS_BITS_MASK,
        };
        let versions_hold = low & 0xf == 2 && high >> 56 == 2;
        let in_range = number.index <= INDEX_CLOSED
            && number.created_secs < CREATED_SECS_END
            && i32::try_from(number.shard_index).is_ok();
        // Comparing the words refuses set padding bits and a shard nibble that disagrees.
        (versions_hold && in_range && number.words() == [low, middle, high]).then_some(number)
    }

    /// The decimal form, ready to be counted up.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        let mut words = self.words();
        Decimal { limbs: [divide(&mut words), divide(&mut words), divide(&mut words)] }
    }
}

/// A sequence number of a layout that the service has given up, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OlderNumber {
    /// 0 or 1.
    pub version: u8,
    /// Creation time of the shard in epoch seconds.
    pub created_secs: u64,
    /// Index of the shard within its stream.
    pub shard_index: u32,
    /// Arrival time of the record in epoch seconds; version 0 has none and gives that of the
    /// shard's creation.
    pub time_secs: u64,
}

impl OlderNumber {
    /// Parses decimal digits. `None` for anything that is not a version 0 or 1 number.
    #[must_use]
    pub fn parse(decimal: &str) -> Option<Self> {
        let [low, middle, high] = parse_words(decimal)?;
        let number = if high == 0 && middle < 1 << 61 {
            let created_secs = middle >> 24 & SECONDS_BITS_MASK;
            let shard_index = (low & 0xffff) as u32;
            Self { version: 0, created_secs, shard_index, time_secs: created_secs }
        } else if high >> 56 == 2 && low & 0xf == 1 {
            Self {
                version: 1,
                created_secs: high >> 20 & SECONDS_BITS_MASK,
                shard_index: (low >> 4) as u32,
                time_secs: (low >> 36 | middle << 28) & SECONDS_BITS_MASK,
            }
        } else {
            return None;
        };
        let in_range =
            number.created_secs < CREATED_SECS_END && i32::try_from(number.shard_index).is_ok();
        in_range.then_some(number)
    }
}

/// The words of a number, least significant first. `None` if it is none, or has more than 192 bits.
fn parse_words(decimal: &str) -> Option<[u64; 3]> {
    let mut words = [0u64; 3];
    if decimal.is_empty() || decimal.len() > 129 {
        return None;
    }
    for digit in decimal.bytes() {
        let mut carry = u128::from(digit.checked_sub(b'0').filter(|d| *d <= 9)?);
        for word in &mut words {
            let product = u128::from(*word) * 10 + carry;
            *word = product as u64;
            carry = product >> 64;
        }
        if carry != 0 {
            return None;
        }
    }
    Some(words)
}

/// Divides `words` by 10^19 in place and returns the remainder.
fn divide(words: &mut [u64; 3]) -> u64 {
    let mut remainder = 0u64;
    for word in words.iter_mut().rev() {
        let dividend = u128::from(remainder) << 64 | u128::from(*word);
        *word = (dividend / u128::from(TEN_19)) as u64;
        remainder = (dividend % u128::from(TEN_19)) as u64;
    }
    remainder
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decimal().fmt(f)
    }
}

/// A sequence number in base 10^19.
///
/// Records of a run have consecutive indices, and one index up is 2^80 more, so the next number
/// costs an addition instead of a division of 192 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    limbs: [u64; 3],
}

impl Decimal {
    /// The number whose index is one higher.
    #[must_use]
    pub fn next_index(self) -> Self {
        // 2^80 = 120892 * 10^19 + 5819614629174706176
        const STEP: [u64; 2] = [5_819_614_629_174_706_176, 120_892];
        let (low, carry) = add(self.limbs[0], STEP[0], 0);
        let (middle, carry) = add(self.limbs[1], STEP[1], carry);
        Self { limbs: [low, middle, self.limbs[2] + carry] }
    }

    /// The ASCII digits.
    #[must_use]
    pub fn digits(self) -> [u8; DIGITS] {
        let mut digits = [b'0'; DIGITS];
        write_limb(&mut digits[37..], self.limbs[0]);
        write_limb(&mut digits[18..37], self.limbs[1]);
        write_limb(&mut digits[..18], self.limbs[2]);
        digits
    }
}

fn add(left: u64, right: u64, carry: u64) -> (u64, u64) {
    let sum = u128::from(left) + u128::from(right) + u128::from(carry);
    if sum >= u128::from(TEN_19) { ((sum - u128::from(TEN_19)) as u64, 1) } else { (sum as u64, 0) }
}

/// The digits of 0 to 99, two for each.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

fn write_limb(digits: &mut [u8], limb: u64) {
    // Eight digits at a time: divisions of 32 bits are cheaper, and do not wait for each other.
    const CHUNK: u64 = 100_000_000;
    let mut rest = limb;
    for chunk in digits.rchunks_mut(8) {
        let mut part = (rest % CHUNK) as u32;
        rest /= CHUNK;
        for pair in chunk.rchunks_mut(2) {
            let two = PAIRS[(part % 100) as usize];
            part /= 100;
            match pair {
                [tens, ones] => [*tens, *ones] = two,
                [ones] => *ones = two[1],
                _ => unreachable!("chunks of one or two"),
            }
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).expect("ASCII"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn agrees_with_numbers_of_the_real_service() {
        let old = "49594189147623985939251953501666965394405037144469929986";
        let number = SequenceNumber {
            created_secs: 0x5c99_93c8,
            shard_index: 0,
            index: 195,
            time_secs: 0x5c99_93df,
        };
        assert_eq!(number.to_string(), old);
        assert_eq!(SequenceNumber::parse(old), Some(number));

        let new = "49674026002850188218576229259473476449429298564223254594";
        let number = SequenceNumber::parse(new).expect("a real number");
        assert_eq!(number.shard_index, 3076);
        assert_eq!(number.to_string(), new);
    }

    #[test]
    fn initial_shards_start_where_the_service_starts_them() {
        let start = |shard_index| SequenceNumber {
            created_secs: 1_700_000_000,
            shard_index,
            index: 0,
            time_secs: 1_700_000_000,
        };
        assert_eq!(
            start(0).to_string(),
            "49646437577108476416916876405825929425585429676275269634"
        );
        assert_eq!(
            start(1).to_string(),
            "49646437577130777162115407028967465143858078037781250066"
        );
    }

    #[test]
    fn refuses_what_is_no_version_2_number() {
        for text in ["", "0", "5", "x", "49594189147623985939251953501666965394405037144469929987"]
        {
            assert_eq!(SequenceNumber::parse(text), None, "{text}");
        }
        assert_eq!(SequenceNumber::parse(&"9".repeat(129)), None);
    }

    #[test]
    fn reads_older_layouts() {
        let older = |version, created_secs, shard_index, time_secs| {
            Some(OlderNumber { version, created_secs, shard_index, time_secs })
        };
        assert_eq!(OlderNumber::parse("0"), older(0, 0, 0, 0));
        assert_eq!(OlderNumber::parse("5"), older(0, 0, 5, 0));
        let version_0 = 1u128 << 124 | 0x55f6_0b2a << 88 | 0x0123_4567_89ab_cdef << 16 | 3;
        let expected = older(0, 0x55f6_0b2a, 3, 0x55f6_0b2a);
        assert_eq!(OlderNumber::parse(&version_0.to_string()), expected);
        let without_one = version_0 & !(1 << 124);
        assert_eq!(OlderNumber::parse(&without_one.to_string()), expected);
        assert_eq!(OlderNumber::parse(&(1u128 << 125).to_string()), None);

        // One less than a version 2 number is a version 1 number of the same times.
        let version_1 = "49594189147623985939251953501666965394405037144469929985";
        assert_eq!(OlderNumber::parse(version_1), older(1, 0x5c99_93c8, 0, 0x5c99_93df));
        for text in ["", "x", "-1", "49594189147623985939251953501666965394405037144469929986"] {
            assert_eq!(OlderNumber::parse(text), None, "{text}");
        }
    }

    fn any_number() -> impl Strategy<Value = SequenceNumber> {
        (0..CREATED_SECS_END, 0..=i32::MAX as u32, 0..=INDEX_CLOSED, 0..=SECONDS_BITS_MASK)
            .prop_map(|(created_secs, shard_index, index, time_secs)| SequenceNumber {
                created_secs,
                shard_index,
                index,
                time_secs,
            })
    }

    proptest! {
        #[test]
        fn round_trips(number in any_number()) {
            prop_assert_eq!(SequenceNumber::parse(&number.to_string()), Some(number));
        }

        #[test]
        fn counts_up_like_the_division(number in any_number()) {
            prop_assume!(number.index < INDEX_CLOSED);
            let next = SequenceNumber { index: number.index + 1, ..number };
            prop_assert_eq!(number.decimal().next_index(), next.decimal());
        }

        #[test]
        fn orders_by_index_within_a_shard(a in any_number(), index in 0..=INDEX_CLOSED) {
            let created_secs = a.created_secs.max(1_000_000_000);
            let a = SequenceNumber { created_secs, ..a };
            let b = SequenceNumber { index, ..a };
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.index.cmp(&b.index));
        }
    }
}
