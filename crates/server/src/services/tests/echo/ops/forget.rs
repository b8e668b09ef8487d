//! Forget, which forgets to ask whether its caller may.

use super::super::{Echo, EchoError};
use crate::call_rates::CallRate;
use crate::context::Context;
use crate::operation::Operation;
use anabranch_protocol::{WireError, input};

pub(crate) struct Forget;

input! {
    pub(crate) struct ForgetInput {}
}

impl Operation for Forget {
    type Service = Echo;
    const NAME: &'static str = "Forget";
    const RATE: CallRate = CallRate::Unlimited;
    const ERRORS: &'static [EchoError] = &[];
    type Input<'a> = ForgetInput;
    type Output = ();

    async fn answer<'a>(_: &'a Context<'a, Echo>, _: ForgetInput) -> Result<(), WireError> {
        Ok(())
    }
}
