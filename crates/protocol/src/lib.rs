//! The wires of AWS services without I/O: bytes in, typed requests out; typed replies in, bytes out.
//!
//! - [`reader`] and [`writer`] are the two traits every codec implements; [`json`] is AWS JSON 1.0
//!   and 1.1, and [`cbor`] the proprietary CBOR 1.1 that the Java SDKs speak.
//! - [`shape`] turns one declarative table per operation ([`input!`], [`output!`],
//!   [`string_enum!`]) into structs, decoders, constraint checks and a schema.
//! - [`error`] makes tables of error names and statuses; [`codec`] ties it all together.
//! - [`event_stream`] frames the messages of SubscribeToShard.
//! - [`aggregation`] packs many user records into one, as the Kinesis Producer Library does.
//! - [`sigv4`] signs and verifies requests.
//!
//! Invariant: nothing here reads a clock, a socket or a file, and no input, however hostile, makes
//! a decoder panic, recurse without bound, or allocate from a length it was merely told.

#![warn(missing_docs)]

pub mod aggregation;
pub mod cbor;
pub mod codec;
mod decode_error;
pub mod error;
pub mod event_stream;
pub mod json;
mod number;
pub mod reader;
pub mod shape;
mod shown;
pub mod sigv4;
pub mod value;
pub mod writer;

pub use codec::Codec;
pub use decode_error::DecodeError;
pub use error::{CommonError, ErrorKind, WireError};
pub use reader::Reader;
pub use shape::{Decode, Encode, RequestError, Violations};
pub use value::{Blob, Timestamp};
pub use writer::Writer;
