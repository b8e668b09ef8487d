//! Request bodies in AWS JSON 1.1.
#![no_main]

use anabranch_fuzz::decode_in_every_shape;
use anabranch_protocol::Codec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| decode_in_every_shape(Codec::Json11, body));
