//! What it costs to hash partition keys one by one and many at once.
//!
//! ```sh
//! cargo run --release -p probes --bin hash_keys
//! ```
//! Prints, for requests of 1 to 500 keys, nanoseconds a key both ways, as medians of 21 rounds in turn.

use anabranch_model::hash_key;
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 21;
const KEYS_A_ROUND: usize = 100_000;

fn main() {
    println!("{:>8} {:>12} {:>12} {:>8}", "keys", "one by one", "at once", "ratio");
    for count in [1, 4, 7, 8, 16, 32, 100, 500] {
        let keys: Vec<String> = (0..count).map(|number| format!("partition-{number}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let (mut singly, mut at_once) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            singly.push(nanoseconds_a_key(&keys, |keys| {
                keys.iter().map(|key| hash_key::of_partition_key(key)).collect()
            }));
            at_once.push(nanoseconds_a_key(&keys, hash_key::of_partition_keys));
        }
        let (singly, at_once) = (median(singly), median(at_once));
        println!("{count:>8} {singly:>9.1} ns {at_once:>9.1} ns {:>8.2}", singly / at_once);
    }
}

fn nanoseconds_a_key(keys: &[&str], hash: impl Fn(&[&str]) -> Vec<u128>) -> f64 {
    let requests = KEYS_A_ROUND.div_ceil(keys.len());
    let begun = Instant::now();
    for _ in 0..requests {
        black_box(hash(black_box(keys)));
    }
    begun.elapsed().as_nanos() as f64 / (requests * keys.len()) as f64
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
