//! IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.

use crate::catalog::command::{Command, SetRetention};
use crate::engine::{Engine, find_active};
use crate::error::EngineError;
use crate::scope::Scope;
use crate::stream::Stream;
use anabranch_model::limits::{RETENTION_HOURS_MAX, RETENTION_HOURS_MIN};
use std::sync::Arc;

/// Which of the two operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Increase,
    Decrease,
}

impl Engine {
    /// Lengthens the retention period. The same period is accepted.
    ///
    /// # Errors
    /// When the period is out of range or shorter than the one in force.
    pub async fn increase_retention(
        self: &Arc<Self>,
        scope: &Scope,
        name: &str,
        hours: i64,
    ) -> Result<(), EngineError> {
        self.set_retention(scope, name, hours, Direction::Increase).await
    }

    /// Shortens the retention period: older records are hidden at once and for good.
    ///
    /// # Errors
    /// When the period is out of range or longer than the one in force.
    pub async fn decrease_retention(
        self: &Arc<Self>,
        scope: &Scope,
        name: &str,
        hours: i64,
    ) -> Result<(), EngineError> {
        self.set_retention(scope, name, hours, Direction::Decrease).await
    }

    async fn set_retention(
        self: &Arc<Self>,
        scope: &Scope,
        name: &str,
        hours: i64,
        direction: Direction,
    ) -> Result<(), EngineError> {
        let (scope, name) = (scope.clone(), name.to_owned());
        self.change(move |catalog, now_ms| {
            let stream = find_active(catalog, &scope, &name, now_ms)?;
            let hours = check(stream, hours, direction)?;
            Ok((Command::SetRetention(SetRetention { stream: stream.number, hours }), ()))
        })
        .await
    }
}

fn check(stream: &Stream, hours: i64, direction: Direction) -> Result<u32, EngineError> {
    let current = stream.retention.hours;
    if hours < i64::from(RETENTION_HOURS_MIN) {
        return Err(EngineError::RetentionTooShort { hours });
    }
    if hours > i64::from(RETENTION_HOURS_MAX) {
        return Err(EngineError::RetentionTooLong { hours });
    }
    let reference = || stream.reference.clone();
    match direction {
        Direction::Increase if hours < i64::from(current) => {
            Err(EngineError::RetentionShrinks { stream: reference(), hours, current })
        }
        Direction::Decrease if hours > i64::from(current) => {
            Err(EngineError::RetentionGrows { stream: reference(), hours, current })
        }
        _ => Ok(u32::try_from(hours).expect("between 24 and 8760")),
    }
}
