//! IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.

use super::control::Control;
use crate::error::{
    RetentionError, RetentionGrows, RetentionShrinks, RetentionTooLong, RetentionTooShort,
};
use crate::lookup::find_active;
use crate::state::command::{Command, SetRetention};
use crate::state::scope::Scope;
use crate::state::stream::StreamEntry;
use anabranch_model::limits::{RETENTION_HOURS_MAX, RETENTION_HOURS_MIN};

/// Which of the two operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Increase,
    Decrease,
}

impl Control {
    /// Lengthens the retention period. The same period is accepted.
    ///
    /// # Errors
    /// When the period is out of range or shorter than the one in force.
    pub async fn increase_retention(
        &self,
        scope: &Scope,
        name: &str,
        hours: i64,
    ) -> Result<(), RetentionError> {
        self.set_retention(scope, name, hours, Direction::Increase).await
    }

    /// Shortens the retention period: older records are hidden at once and for good.
    ///
    /// # Errors
    /// When the period is out of range or longer than the one in force.
    pub async fn decrease_retention(
        &self,
        scope: &Scope,
        name: &str,
        hours: i64,
    ) -> Result<(), RetentionError> {
        self.set_retention(scope, name, hours, Direction::Decrease).await
    }

    async fn set_retention(
        &self,
        scope: &Scope,
        name: &str,
        hours: i64,
        direction: Direction,
    ) -> Result<(), RetentionError> {
        let (scope, name) = (scope.clone(), name.to_owned());
        let deletion_ms = Some(self.ledger.store().deletion_ms());
        self.ledger
            .change(move |catalog, now_ms| {
                let stream = find_active(catalog.streams(), &scope, &name, now_ms)?;
                let hours = check(stream, hours, direction)?;
                let set = SetRetention { stream: stream.number, hours, deletion_ms };
                Ok((Command::SetRetention(set), ()))
            })
            .await
    }
}

fn check(stream: &StreamEntry, hours: i64, direction: Direction) -> Result<u32, RetentionError> {
    let current = stream.retention.hours;
    if hours < i64::from(RETENTION_HOURS_MIN) {
        return Err(RetentionTooShort { hours }.into());
    }
    if hours > i64::from(RETENTION_HOURS_MAX) {
        return Err(RetentionTooLong { hours }.into());
    }
    let reference = || stream.reference.clone();
    match direction {
        Direction::Increase if hours < i64::from(current) => {
            Err(RetentionShrinks { stream: reference(), hours, current }.into())
        }
        Direction::Decrease if hours > i64::from(current) => {
            Err(RetentionGrows { stream: reference(), hours, current }.into())
        }
        _ => Ok(u32::try_from(hours).expect("between 24 and 8760")),
    }
}
