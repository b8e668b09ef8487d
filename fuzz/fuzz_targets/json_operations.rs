//! Requests of every operation in AWS JSON 1.1.
#![no_main]

use anabranch_fuzz::decode_as_an_operation;
use anabranch_protocol::Codec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| decode_as_an_operation(Codec::Json11, input));
