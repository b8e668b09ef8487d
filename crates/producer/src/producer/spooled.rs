//! A producer whose records go through a spool.

use super::{Producer, Refused, Shared, TryPutError};
use crate::inbox::{Token, Waiting};
use crate::receipt::{self, Receipt, Ticket};
use crate::record::{PutError, Record, Stored};
use crate::sdk::Sdk;
use crate::service::Service;
use crate::settings::Settings;
use crate::spool::{
    Append, Outlet, RecordId, Settled, SpoolError, SpoolRecord, SpoolStatus, SpoolTrouble, Spooled,
    Spooling, Store, feed,
};
use anabranch_client::Client;
use anabranch_env::{Clock, Disk, RealDisk, SystemClock};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use tokio::sync::oneshot;

/// Memory of a receipt whose record is on the disk alone.
const TICKET_BYTES: usize = 256;
/// So many receipts may be held of records on the disk alone, however small the buffer is.
const TICKETS_MIN: usize = 4_096;

impl Producer {
    /// A producer as [`Producer::new`] makes it, which has a spool if the settings say so. Records without an
    /// outcome that are in it are sent again, before all others.
    ///
    /// # Panics
    /// With a spool outside of a Tokio runtime.
    ///
    /// # Errors
    /// When the spool cannot be opened.
    pub fn open(client: &Client, settings: Settings) -> Result<Self, SpoolError> {
        let sdk = Sdk::new(client, settings.request_timeout);
        Self::open_with(Box::new(sdk), settings, Arc::new(RealDisk))
    }

    pub(crate) fn open_with(
        service: Box<dyn Service>,
        settings: Settings,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, SpoolError> {
        let Some(spool) = settings.spool.clone() else { return Ok(Self::with(service, settings)) };
        let bytes_max = settings.max_user_record_size.min(crate::spool::format::DATA_BYTES_MAX);
        let tickets_max = (settings.buffer_max_bytes / TICKET_BYTES).max(TICKETS_MIN);
        let store = Store::open(disk, &spool, bytes_max, tickets_max)?;
        // What waits for the end of an outage must not become too old in it.
        let settings = Settings { record_ttl: None, max_user_record_size: bytes_max, ..settings };
        let producer = Self::having(service, settings, Some(store.clone()));
        let feeding = feed(store, producer.shared().clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the producer")]
        tokio::spawn(feeding);
        Ok(producer)
    }

    /// Takes a record if there is room for it in the spool, and does not wait until it is durable: who puts one
    /// after another has many of them share a sync. When it is not kept, only the first of the two says why.
    ///
    /// # Panics
    /// If the producer has no spool.
    ///
    /// # Errors
    /// When the record is not taken, now or ever.
    pub fn try_spool(
        &self,
        stream: &str,
        record: Record,
    ) -> Result<(Spooling, Receipt), TryPutError> {
        let shared = self.shared();
        let store = shared.spool.as_ref().expect("a producer without a spool was asked to use it");
        let charge = shared.check(&record)?;
        let (accepted, told) = oneshot::channel();
        let receipt = shared.try_append(store, stream, record, charge, Some(accepted))?;
        Ok((Spooling::new(told), receipt))
    }

    /// What is in the spool. `None`: there is none.
    #[must_use]
    pub fn spool(&self) -> Option<SpoolStatus> {
        Some(self.shared().spool.as_ref()?.status())
    }
}

impl Shared {
    /// Takes a record once it is durable.
    pub(super) async fn put_spooled(
        self: &Arc<Self>,
        store: &Arc<Store<Self>>,
        stream: &str,
        record: Record,
        charge: u32,
    ) -> Result<Receipt, Refused> {
        let record = spool_record(stream, record);
        Store::<Self>::check(&record)?;
        let admission = store.admit(self, &record).await.ok_or(Refused::Closed)?;
        let (ticket, receipt) = receipt::alone(charge);
        let (accepted, told) = oneshot::channel();
        let (room, accepted) = (self.room_now(charge), Some(accepted));
        store.append(self, Append { record, ticket, room, accepted, admission });
        Spooling::new(told).await?;
        Ok(receipt)
    }

    /// Takes a record if there is room for it in the spool; it becomes durable later.
    pub(super) fn try_put_spooled(
        self: &Arc<Self>,
        store: &Arc<Store<Self>>,
        stream: &str,
        given: Record,
        charge: u32,
    ) -> Result<Receipt, TryPutError> {
        self.try_append(store, stream, given, charge, None)
    }

    fn try_append(
        self: &Arc<Self>,
        store: &Arc<Store<Self>>,
        stream: &str,
        given: Record,
        charge: u32,
        accepted: Option<oneshot::Sender<Result<(), SpoolTrouble>>>,
    ) -> Result<Receipt, TryPutError> {
        let record = spool_record(stream, given.clone());
        Store::<Self>::check(&record).map_err(Refused::from)?;
        let admission = match store.try_admit(self, &record) {
            Ok(Some(admission)) => admission,
            Ok(None) => return Err(TryPutError::Full(Box::new(given))),
            Err(()) => return Err(Refused::Closed.into()),
        };
        let (ticket, receipt) = receipt::alone(charge);
        let room = self.room_now(charge);
        store.append(self, Append { record, ticket, room, accepted, admission });
        Ok(receipt)
    }

    fn room_now(&self, charge: u32) -> Option<u32> {
        self.room.try_acquire_many(charge).ok()?.forget();
        Some(charge)
    }

    /// These are done with: what was given up stays in the spool.
    pub(super) fn settle_spooled(self: &Arc<Self>, settled: Settled) {
        if let Some(store) = &self.spool {
            store.settle(self, settled);
        }
    }
}

impl Settled {
    /// A record's outcome, of which it has no other.
    pub(super) fn note(&mut self, id: RecordId, result: &Result<Stored, PutError>) {
        match result {
            Ok(stored) => {
                self.stored.push(id);
                self.maybe_twice += u64::from(stored.may_be_twice());
            }
            Err(error) => {
                self.failed.push(id);
                self.failure.get_or_insert_with(|| error.reason().into());
            }
        }
    }
}

fn spool_record(stream: &str, record: Record) -> SpoolRecord {
    let Record { partition_key, explicit_hash_key, data, is_ordered } = record;
    SpoolRecord {
        stream: stream.into(),
        partition_key,
        explicit_hash_key,
        is_ordered,
        put_ms: SystemClock::default().now_ms(),
        data,
    }
}

impl Outlet for Shared {
    type Ticket = Ticket;

    fn take(self: &Arc<Self>, spooled: Spooled<Ticket>) {
        let Spooled { id, record, ticket, room, is_found } = spooled;
        let mut ticket = ticket.unwrap_or_else(|| Ticket::nobodys(room));
        ticket.charge = room;
        let SpoolRecord { stream, partition_key, explicit_hash_key, is_ordered, data, .. } = record;
        self.take_spooled(
            &stream,
            Waiting {
                token: Token { ticket, spooled: Some(Box::new(id)) },
                record: Record { partition_key, explicit_hash_key, data, is_ordered },
                may_be_stored: is_found,
            },
        );
    }

    fn room<'a>(
        &'a self,
        record: &SpoolRecord,
    ) -> Pin<Box<dyn Future<Output = Option<u32>> + Send + 'a>> {
        let charge = self.charge_of(record.partition_key.len() + record.data.len());
        Box::pin(async move {
            self.room.acquire_many(charge).await.ok()?.forget();
            Some(charge)
        })
    }

    fn give_back(&self, room: u32) {
        self.room.add_permits(room as usize);
    }

    fn is_wanted(ticket: &Ticket) -> bool {
        ticket.is_wanted()
    }

    fn refuse(&self, ticket: Ticket, trouble: SpoolTrouble) {
        ticket.tell(Err(PutError::not_spooled(trouble))).into_iter().for_each(Waker::wake);
    }

    fn leave(&self, ticket: Ticket) {
        ticket.tell(Err(PutError::gone(false))).into_iter().for_each(Waker::wake);
    }
}
