//! Whose a command in the journal is. The catalog's stand there as they are; those of the other machines
//! of a cell are inside of one more command of the same encoding, number 100: the number of the machine,
//! and the bytes of its own command.
//!
//! A version that knows only the catalog refuses number 100 as any that it does not know.

use super::command::CommandError;
use super::machine::MachineId;
use bytes::Bytes;
use minicbor::{Decode, Decoder, Encode};

#[derive(Encode, Decode)]
enum Beyond<'b> {
    #[n(100)]
    Other(#[b(0)] Other<'b>),
}

const OTHER: u32 = 100;

#[derive(Encode, Decode)]
struct Other<'b> {
    #[n(0)]
    machine: u32,
    #[cbor(b(1), with = "minicbor::bytes")]
    command: &'b [u8],
}

/// A machine's command as it is journaled.
pub(crate) fn of(machine: MachineId, command: Bytes) -> Bytes {
    if machine == MachineId::CATALOG {
        return command;
    }
    let other = Beyond::Other(Other { machine: machine.0, command: &command });
    Bytes::from(minicbor::to_vec(other).expect("writing to memory cannot fail"))
}

/// The machine and its command.
pub(crate) fn open(payload: &Bytes) -> Result<(MachineId, Bytes), CommandError> {
    if number(payload) != Some(OTHER) {
        return Ok((MachineId::CATALOG, payload.clone()));
    }
    let Beyond::Other(Other { machine, command }) = minicbor::decode(payload)?;
    Ok((MachineId(machine), payload.slice_ref(command)))
}

fn number(payload: &[u8]) -> Option<u32> {
    let mut decoder = Decoder::new(payload);
    decoder.array().ok()?;
    decoder.u32().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::command::{Command, PurgeStream};

    #[test]
    fn commands_of_the_catalog_stand_as_they_are() {
        let command = Command::PurgeStream(PurgeStream { stream: 7 }).encode();
        assert_eq!(command, [0x82, 3, 0x81, 0x81, 7].as_slice());
        assert_eq!(of(MachineId::CATALOG, command.clone()), command);
        assert_eq!(open(&command).expect("opens"), (MachineId::CATALOG, command));
    }

    #[test]
    fn commands_of_others_name_their_machine() {
        let payload = of(MachineId(7), Bytes::from_static(b"ab"));
        assert_eq!(payload, [0x82, 24, 100, 0x81, 0x82, 7, 0x42, b'a', b'b'].as_slice());
        assert_eq!(open(&payload).expect("opens"), (MachineId(7), Bytes::from_static(b"ab")));
        assert!(Command::decode(&payload).is_err(), "who knows the catalog alone refuses it");
    }

    #[test]
    fn bytes_that_are_nobody_s_are_refused() {
        let payload = of(MachineId(7), Bytes::from_static(b"ab"));
        for len in 0..payload.len() {
            let cut = payload.slice(..len);
            let opened = open(&cut).and_then(|(_, command)| Command::decode(&command));
            assert!(opened.is_err(), "{len} bytes");
        }
    }
}
