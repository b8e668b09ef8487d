//! The table of operations.

use super::{Echo, ops};
use crate::operation_table::operations;

operations! {
    of Echo, modelled in "echo/2020-01-01";
    supported {
    Forget => forget,
    Repeat => repeat,
    }
    unsupported {
    "Sing",
    }
}
