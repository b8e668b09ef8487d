//! The services, a folder each, and which of them a request is for.

pub(crate) mod kinesis;

use crate::operation_table::Described;
use crate::service::Service;
use anabranch_engine::Cells;
use http::request::Parts;
use kinesis::Kinesis;
use std::sync::Arc;

/// The services as documents and tools see them.
pub(crate) const DESCRIBED: &[&Described] = &[&kinesis::DESCRIBED];

/// The services at work; there is at least one.
#[derive(Debug)]
pub(crate) struct Services(Vec<Box<dyn Service>>);

impl Services {
    /// All of them. `limit_calls`: whether operations may be called only so often.
    pub(crate) fn new(cells: &Arc<dyn Cells>, limit_calls: bool) -> Self {
        Self(vec![Box::new(Kinesis::new(cells.clone(), limit_calls))])
    }

    /// The service that a request is for: the first that knows its address, else the first.
    pub(crate) fn of(&self, parts: &Parts) -> &dyn Service {
        let mut services = self.0.iter();
        let addressed = services.find(|service| service.operation(parts).is_some());
        &**addressed.unwrap_or(&self.0[0])
    }
}

#[cfg(test)]
mod tests;
