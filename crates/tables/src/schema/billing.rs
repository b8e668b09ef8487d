//! How a table is paid for. Nothing is limited by it.

use crate::error::Validation;

/// Units a second that were bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throughput {
    pub read_units: u64,
    pub write_units: u64,
}

/// Highest that one can buy.
const UNITS_MAX: u64 = 1_000_000_000_000;

impl Throughput {
    /// # Errors
    /// More than can be bought. That there is at least 1 of each is the caller's to see.
    pub(crate) fn check(self) -> Result<(), Validation> {
        let both =
            [("ReadCapacityUnits", self.read_units), ("WriteCapacityUnits", self.write_units)];
        match both.into_iter().find(|(_, units)| *units > UNITS_MAX) {
            Some((name, units)) => Err(Validation::UnitsOutOfBounds { name, units }),
            None => Ok(()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BillingMode {
    Provisioned,
    PayPerRequest,
}

impl BillingMode {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioned => "PROVISIONED",
            Self::PayPerRequest => "PAY_PER_REQUEST",
        }
    }
}

/// A table's billing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billing {
    Provisioned(Throughput),
    PayPerRequest {
        /// When it was last set so, epoch milliseconds.
        since_ms: u64,
    },
}

impl Billing {
    #[must_use]
    pub fn mode(&self) -> BillingMode {
        match self {
            Self::Provisioned(_) => BillingMode::Provisioned,
            Self::PayPerRequest { .. } => BillingMode::PayPerRequest,
        }
    }

    /// What was bought: nothing if it is paid for by the request.
    #[must_use]
    pub fn throughput(&self) -> Throughput {
        match self {
            Self::Provisioned(throughput) => *throughput,
            Self::PayPerRequest { .. } => Throughput::default(),
        }
    }
}
