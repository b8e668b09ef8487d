//! Workers that write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;

use crate::bench::bodies::{Body, Stamp, Template};
use crate::bench::pace::{Pace, Window};
use crate::bench::scan;
use crate::bench::stats::Tally;
use crate::bench::wire::{Operation, Session};

/// The pause after a transport failure: a server that is down is asked, not hammered.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// What the error code of a throttled write begins with.
const THROTTLED: &str = "ProvisionedThroughputExceeded";

/// Where a worker takes its bodies from.
#[derive(Debug, Clone)]
pub(crate) enum Bodies {
    /// A pool, in turn.
    Pool { pool: Arc<Vec<Body>>, next: usize },
    /// One body, stamped with the run and the intended time.
    Stamped { template: Template, run: u32 },
}

/// One writing worker.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) session: Session,
    pub(crate) operation: Operation,
    pub(crate) bodies: Bodies,
    pub(crate) record_bytes: u64,
    pub(crate) pace: Pace,
    pub(crate) window: Window,
}

impl Bodies {
    fn next(&mut self, intended: Instant, window: Window, signed: bool) -> Body {
        match self {
            Bodies::Pool { pool, next } => {
                *next = (*next + 1) % pool.len();
                pool[*next].clone()
            }
            Bodies::Stamped { template, run } => {
                let since = intended.saturating_duration_since(window.epoch);
                let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
                template.stamped(Stamp { run: *run, nanos }, signed)
            }
        }
    }
}

impl Writer {
    /// Writes until the pace ends.
    pub(crate) async fn run(mut self) -> Tally {
        let mut tally = Tally::new();
        let mut reply = Vec::with_capacity(128 << 10);
        let signed = self.session.wire().is_signed();
        while let Some(intended) = self.pace.next().await {
            let counts = self.window.counts(intended);
            let body = self.bodies.next(intended, self.window, signed);
            let records = body.records;
            let request = self.session.wire().request(&self.operation, body.bytes, body.sha256);
            let began = Instant::now();
            let outcome = self.session.exchange(request, &mut reply).await;
            let ended = Instant::now();
            match outcome {
                Ok(status) => {
                    if counts {
                        tally.latency.record(ended - intended);
                        tally.service_time.record(ended - began);
                        self.judge(status, &reply, records, &mut tally);
                    }
                }
                Err(lost) => {
                    if counts {
                        tally.error(lost.name());
                    }
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                }
            }
        }
        tally
    }

    fn judge(&self, status: StatusCode, reply: &[u8], records: u64, tally: &mut Tally) {
        if status != StatusCode::OK {
            let code = scan::error_code(status.as_u16(), reply);
            if code.starts_with(THROTTLED) {
                tally.throttled_records += records;
            }
            tally.error(&code);
            return;
        }
        // A PutRecord reply has no count: status 200 says that its record is written.
        let failed = scan::failed_record_count(reply).unwrap_or(0).min(records);
        tally.requests += 1;
        tally.records += records - failed;
        tally.bytes += (records - failed) * self.record_bytes;
        if failed > 0 {
            for code in scan::failed_codes(reply) {
                if code.starts_with(THROTTLED) {
                    tally.throttled_records += 1;
                }
                tally.error(&format!("record: {code}"));
            }
        }
    }
}
