//! The producer library as one of the producers: it sends records again by itself, and says what became
//! of each.

use std::sync::Arc;
use std::time::Duration;

use anabranch_client::{Connection, EndpointChoice};
use anabranch_producer::{Producer, Receipt, Record, Settings};
use anyhow::{Context, Result, bail};
use aws_sdk_kinesis::config::{Credentials, SharedCredentialsProvider};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::entrusted::Said;
use crate::harness::Harness;
use crate::payload::{self, Name};
use crate::place::place;
use crate::server::{ACCESS_KEY, REGION, SECRET_KEY};

const BUFFER_BYTES: usize = 16 << 20;
/// How long a request may take, a server that starts included.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// How long the last records may take.
const CLOSE_MAX: Duration = Duration::from_secs(90);

/// A producer of the library, and what notes its outcomes.
pub(crate) struct Library {
    harness: Arc<Harness>,
    stream: usize,
    producer: Producer,
    receipts: mpsc::Sender<(Name, Receipt)>,
    noting: JoinHandle<Result<()>>,
}

impl Library {
    pub(crate) async fn start(harness: Arc<Harness>, stream: usize) -> Result<Self> {
        let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "torture");
        let connection = Connection {
            endpoint: EndpointChoice::Url(format!("http://{}", harness.relay)),
            region: Some(REGION.to_owned()),
            credentials: Some(SharedCredentialsProvider::new(credentials)),
            ..Connection::default()
        };
        // Single records: the readers look for the place of each.
        let settings = Settings {
            aggregation_enabled: false,
            rate_limit: None,
            record_ttl: None,
            request_timeout: REQUEST_MAX,
            buffer_max_bytes: BUFFER_BYTES,
            ..Settings::default()
        };
        let producer = Producer::new(&connection.client().await?, settings);
        // More than the buffer has.
        let (sender, receipts) = mpsc::channel(BUFFER_BYTES / Settings::RECORD_OVERHEAD_BYTES);
        let noting = tokio::spawn(note(harness.clone(), stream, receipts));
        Ok(Self { harness, stream, producer, receipts: sender, noting })
    }

    /// Gives it a record, when it has room.
    pub(crate) async fn put(&self, name: Name, bytes: usize) -> Result<()> {
        let stream = &self.harness.streams[self.stream];
        stream.truth().entrusted(name);
        let data = payload::encode(self.harness.seed, name, bytes);
        let record = Record::new(name.key.to_string(), data).ordered();
        let receipt = self.producer.put(&stream.name, record).await?;
        // Who notes ends early only with an error, which `close` tells.
        let _ = self.receipts.send((name, receipt)).await;
        Ok(())
    }

    /// Whether the notes go on.
    pub(crate) fn is_well(&self) -> bool {
        !self.noting.is_finished()
    }

    /// Waits for all outcomes.
    pub(crate) async fn close(self) -> Result<()> {
        let closed = self.producer.close(CLOSE_MAX).await;
        drop(self.receipts);
        self.noting.await.context("what notes outcomes panicked")??;
        closed.context("the library")
    }
}

async fn note(
    harness: Arc<Harness>,
    stream: usize,
    mut receipts: mpsc::Receiver<(Name, Receipt)>,
) -> Result<()> {
    let stream = &harness.streams[stream];
    while let Some((name, receipt)) = receipts.recv().await {
        let stored = match receipt.await {
            Ok(stored) => stored,
            Err(error) => {
                let said = Said::Failed { may_be_stored: error.may_be_stored };
                stream.truth().said(name, said).context("the library")?;
                bail!("{name}, which was to be tried for ever: {error}");
            }
        };
        let place = place(stored.shard_id(), stored.sequence_number())?;
        let said = Said::Stored { place, may_be_twice: stored.may_be_twice() };
        stream.truth().said(name, said).context("the library")?;
        stream.sample().offer(name, place);
    }
    Ok(())
}
