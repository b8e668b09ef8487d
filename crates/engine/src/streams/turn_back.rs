//! Turning the cell's time back when it was led astray.

use super::control::Control;
use crate::error::ChangeFailure;
use crate::state::command::{Command, TurnBack};
use crate::supervisor::{Next, supervise};
use std::sync::Arc;
use std::time::Duration;

/// How often that is looked at.
const LOOK_PERIOD: Duration = Duration::from_secs(60);

impl Control {
    /// Turns the cell's time back to the clock if it is more than minutes ahead, and both clocks agree
    /// that this is wrong. Returns by how many milliseconds it was ahead, if it was.
    ///
    /// The engine does it by itself, at the start and once a minute.
    ///
    /// # Errors
    /// When the journal refuses.
    pub async fn turn_back(&self) -> Result<Option<u64>, ChangeFailure> {
        let Some(ahead_ms) = self.ledger.store().wrong_by_ms() else { return Ok(None) };
        let command = Command::TurnBack(TurnBack { ahead_ms });
        self.ledger.change(move |_, _| Ok::<_, ChangeFailure>((command, ()))).await?;
        tracing::warn!(
            ahead_secs = ahead_ms / 1000,
            "a clock that was wrong had led the cell's time ahead. It goes by the clock again; what was \
             put meanwhile keeps its date"
        );
        Ok(Some(ahead_ms))
    }

    /// Starts the task that looks at it.
    pub(crate) fn turn_back_later(self: &Arc<Self>) {
        supervise(self, LOOK_PERIOD, |control| async move {
            if let Err(error) = control.turn_back().await {
                tracing::warn!(%error, "records are still dated ahead");
            }
            Next::After(LOOK_PERIOD)
        });
    }
}
