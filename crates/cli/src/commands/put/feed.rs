//! The thread that reads the input and gives its records to the producer. Reading blocks, and so does
//! a producer that is full, which bounds the memory of records; [`RECEIPTS_MAX`] bounds that of receipts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anabranch_producer::{Producer, Receipt, Record, Refused, Spooling, TryPutError};
use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::commands::put::input::Input;
use crate::commands::put::key::partition_key;

/// Receipts whose turn to be printed has not come. One takes some 500 bytes.
pub(super) const RECEIPTS_MAX: usize = 1 << 16;

/// What becomes of an input's records.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) stream: String,
    pub(super) base64: bool,
    pub(super) key: Option<String>,
    pub(super) key_field: Option<String>,
    pub(super) explicit_hash_key: Option<u128>,
    pub(super) ordered: bool,
}

/// What the thread tells, in the order of the input.
#[derive(Debug)]
pub(super) enum Fed {
    /// A record was given to the producer.
    Record {
        receipt: Receipt,
        /// If there is a spool: ready when the record is durable there. `None`: it is.
        spooling: Option<Spooling>,
        /// Of its data.
        bytes: usize,
        /// Bytes of the input that had been read by then.
        position: u64,
    },
    /// The input has ended, or cannot be read or sent any further.
    End(anyhow::Result<()>),
}

/// What the thread has told and will tell.
#[derive(Debug)]
pub(super) struct Feed {
    told: mpsc::Receiver<Fed>,
    /// From before a record is given to the producer until its receipt is told.
    is_giving: Arc<AtomicBool>,
}

impl Feed {
    /// Starts the thread. It ends with the input, or when the producer is closed. `is_full` is set while a
    /// record waits for room.
    pub(super) fn start(
        input: Input,
        shape: Shape,
        producer: Producer,
        is_full: Arc<AtomicBool>,
    ) -> Self {
        let (tell, told) = mpsc::channel(RECEIPTS_MAX);
        let is_giving = Arc::new(AtomicBool::new(false));
        let (giving, runtime) = (is_giving.clone(), Handle::current());
        let has_spool = producer.spool().is_some();
        std::thread::spawn(move || {
            let _inside = runtime.enter();
            let giver = Giver { producer, has_spool, is_full };
            let ended = feed(input, &shape, &giver, &giving, &tell);
            // What is here need not wait for more.
            let _ = tell.blocking_send(Fed::End(ended));
            // With a spool the producer is closed at the end.
            if !has_spool {
                runtime.block_on(giver.producer.flush());
            }
        });
        Self { told, is_giving }
    }

    /// The next that is told; `None` if nothing is now.
    pub(super) fn try_next(&mut self) -> Option<Fed> {
        self.told.try_recv().ok()
    }

    /// The next that is told; `None` after the end. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Fed> {
        self.told.recv().await
    }

    /// The next that is told of what the closed producer took; the thread may still wait for input.
    /// `None` if there is nothing more.
    pub(super) async fn next_of_the_last(&mut self) -> Option<Fed> {
        if let Some(fed) = self.try_next() {
            return Some(fed);
        }
        if self.is_giving.load(Ordering::SeqCst) {
            return self.next().await;
        }
        // What was being given is told by now, and the producer takes nothing else.
        self.try_next()
    }
}

fn feed(
    mut input: Input,
    shape: &Shape,
    giver: &Giver,
    is_giving: &AtomicBool,
    tell: &mpsc::Sender<Fed>,
) -> anyhow::Result<()> {
    let mut number = 0u64;
    while let Some(raw) = input.next_record()? {
        number += 1;
        let context = || format!("record {number} of the input cannot be sent");
        let (record, bytes) = shape.record(raw).with_context(context)?;
        is_giving.store(true, Ordering::SeqCst);
        let (spooling, receipt) = match giver.give(&shape.stream, record) {
            Ok(taken) => taken,
            Err(Refused::Closed) => return Ok(()),
            Err(refused) => return Err(refused).with_context(context),
        };
        let fed = Fed::Record { receipt, spooling, bytes, position: input.position() };
        if tell.blocking_send(fed).is_err() {
            return Ok(());
        }
        is_giving.store(false, Ordering::SeqCst);
    }
    Ok(())
}

/// Gives records to the producer, and waits when it is full.
#[derive(Debug)]
struct Giver {
    producer: Producer,
    has_spool: bool,
    is_full: Arc<AtomicBool>,
}

impl Giver {
    fn give(&self, stream: &str, record: Record) -> Result<(Option<Spooling>, Receipt), Refused> {
        let taken = match self.has_spool {
            true => {
                let taken = self.producer.try_spool(stream, record);
                taken.map(|(spooling, receipt)| (Some(spooling), receipt))
            }
            false => self.producer.try_put(stream, record).map(|receipt| (None, receipt)),
        };
        match taken {
            Ok(taken) => Ok(taken),
            Err(TryPutError::Refused(refused)) => Err(refused),
            Err(TryPutError::Full(record)) => {
                self.is_full.store(true, Ordering::Relaxed);
                let put = Handle::current().block_on(self.producer.put(stream, *record));
                self.is_full.store(false, Ordering::Relaxed);
                // With a spool it is durable by now.
                Ok((None, put?))
            }
            Err(error) => unreachable!("a record is full, refused or taken: {error}"),
        }
    }
}

impl Shape {
    /// The record, and the bytes of its data.
    fn record(&self, raw: Vec<u8>) -> anyhow::Result<(Record, usize)> {
        let data = if self.base64 {
            base64_simd::STANDARD
                .decode_to_vec(raw.trim_ascii())
                .map_err(|_| anyhow::anyhow!("not standard base64"))?
        } else {
            raw
        };
        let key = partition_key(self.key.as_deref(), self.key_field.as_deref(), &data)?;
        let bytes = data.len();
        let mut record = Record::new(key, data);
        if let Some(hash_key) = self.explicit_hash_key {
            record = record.explicit_hash_key(hash_key);
        }
        Ok((if self.ordered { record.ordered() } else { record }, bytes))
    }
}
