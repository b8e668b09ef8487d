//! What HTTP alone costs: a server with the connection settings of ours that reads the body of a
//! request, looks at nothing in it and answers something fixed.
//!
//! `read_body ADDRESS:PORT`. A ceiling and not a competitor.

use std::error::Error;

use bytes::Bytes;

struct Nowhere;

impl ceilings::Sink for Nowhere {
    async fn take(&self, _body: Vec<Bytes>) {}

    const KEEPS_BODIES: bool = false;
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: read_body ADDRESS:PORT")?;
    ceilings::run(&address, Nowhere)
}
