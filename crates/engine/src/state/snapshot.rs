//! The snapshot of a cell: what each of its machines leaves.
//!
//! A catalog alone leaves its own bytes, an array that begins with a number. With other machines it is an
//! array of parts in the order of the machines' numbers, the catalog's among them. A version that knows
//! only the catalog refuses that, and so does not forget the others.

use super::command::CommandError;
use super::machine::MachineId;
use minicbor::data::Type;
use minicbor::{Decode, Decoder, Encode};

/// What one machine leaves.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Part {
    #[n(0)]
    pub(crate) machine: MachineId,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn encode(mut parts: Vec<Part>) -> Vec<u8> {
    if let [Part { machine: MachineId::CATALOG, bytes }] = parts.as_mut_slice() {
        return std::mem::take(bytes);
    }
    parts.sort_by_key(|part| part.machine);
    minicbor::to_vec(&parts).expect("writing to memory cannot fail")
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Part>, CommandError> {
    let mut decoder = Decoder::new(bytes);
    decoder.array()?;
    if decoder.datatype()? == Type::Array {
        return Ok(minicbor::decode(bytes)?);
    }
    Ok(vec![Part { machine: MachineId::CATALOG, bytes: bytes.to_vec() }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::catalog::Catalog;
    use crate::state::machine::Machine;

    fn catalog() -> Part {
        Part { machine: MachineId::CATALOG, bytes: Catalog::default().snapshot().1 }
    }

    fn other() -> Part {
        Part { machine: MachineId(7), bytes: vec![1, 2] }
    }

    #[test]
    fn a_catalog_alone_is_written_as_it_is() {
        assert_eq!(encode(vec![catalog()]), catalog().bytes);
        assert_eq!(decode(&catalog().bytes).expect("decodes"), [catalog()]);
    }

    #[test]
    fn machines_leave_a_part_each() {
        let bytes = encode(vec![other(), catalog()]);
        assert_eq!(decode(&bytes).expect("decodes"), [catalog(), other()]);
        let (catalog, other) = (catalog().bytes, [0x82, 7, 0x42, 1, 2]);
        let expected =
            [&[0x82, 0x82, 0, 0x40 + catalog.len() as u8], &catalog[..], &other].concat();
        assert_eq!(bytes, expected);
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn who_knows_the_catalog_alone_refuses_what_has_more() {
        let bytes = encode(vec![other(), catalog()]);
        Catalog::restore(&bytes).expect_err("an array instead of a number");
    }
}
