//! What tells when a record is durable.

use super::error::SpoolTrouble;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// A record on its way into the spool: ready when it is durable there. What is put later is not ready
/// earlier.
///
/// Cancel safe. Dropped before it is ready, the record may be kept or not.
#[derive(Debug)]
#[must_use = "only this says whether the record is kept"]
pub struct Spooling(oneshot::Receiver<Result<(), SpoolTrouble>>);

impl Spooling {
    pub(crate) fn new(told: oneshot::Receiver<Result<(), SpoolTrouble>>) -> Self {
        Self(told)
    }
}

impl Future for Spooling {
    type Output = Result<(), SpoolTrouble>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Nobody tells when the runtime has ended.
        let told = Pin::new(&mut self.0).poll(cx);
        told.map(|told| told.unwrap_or(Err(SpoolTrouble::Failed)))
    }
}
