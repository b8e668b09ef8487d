//! UpdateContinuousBackups, DescribeContinuousBackups. What was asked is kept and told; there are no
//! backups but those of the whole server.

use super::found;
use crate::command::{Command, SetRecovery};
use crate::error::{Constraint, Error, Validation};
use crate::scope::Scope;
use crate::tables::Tables;

const DAYS_MAX: u32 = 35;

/// What point-in-time recovery was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContinuousBackups {
    /// How many days it reaches back, if it is on.
    pub recovery_days: Option<u32>,
}

/// # Errors
/// There is no such table yet, or days that are not 1 to 35.
pub fn update_continuous_backups(
    tables: &Tables,
    scope: &Scope,
    table_name: &str,
    is_enabled: bool,
    recovery_days: Option<i64>,
    now_ms: u64,
) -> Result<(Command, ContinuousBackups), Error> {
    let days = match recovery_days {
        Some(days) => {
            let at = "pointInTimeRecoverySpecification.recoveryPeriodInDays";
            Constraint::check_range(days, at, 1, DAYS_MAX.into()).map_err(Validation::from)?;
            u32::try_from(days).expect("it is between 1 and 35")
        }
        None => DAYS_MAX,
    };
    let table = found::changeable(tables, scope, table_name, now_ms)?.schema().number;
    let recovery_days = is_enabled.then_some(days);
    let command = Command::SetRecovery(SetRecovery { table, days: recovery_days });
    Ok((command, ContinuousBackups { recovery_days }))
}

/// # Errors
/// There is no such table.
pub fn describe_continuous_backups(
    tables: &Tables,
    scope: &Scope,
    table_name: &str,
) -> Result<ContinuousBackups, Error> {
    let schema = found::any(tables, scope, table_name)?.schema();
    Ok(ContinuousBackups { recovery_days: schema.recovery_days })
}
