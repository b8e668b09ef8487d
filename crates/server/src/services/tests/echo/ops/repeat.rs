//! Repeat.

use super::super::{Echo, EchoError};
use crate::access::Resource;
use crate::call_rates::CallRate;
use crate::context::Context;
use crate::operation::Operation;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input, output};

pub(crate) struct Repeat;

input! {
    pub(crate) struct RepeatInput {
        text: String = "Text" [ANY],
    }
}

output! {
    pub(crate) struct RepeatOutput {
        text: String = "Text",
    }
}

impl Operation for Repeat {
    type Service = Echo;
    const NAME: &'static str = "Repeat";
    const RATE: CallRate = CallRate::Unlimited;
    const ERRORS: &'static [EchoError] = &[EchoError::Loud];
    type Input<'a> = RepeatInput;
    type Output = RepeatOutput;

    async fn answer<'a>(
        context: &'a Context<'a, Echo>,
        input: RepeatInput,
    ) -> Result<RepeatOutput, WireError> {
        context.authorize(Self::NAME, &Resource::none(&context.scope.account))?;
        match input.text.ends_with('!') {
            true => Err(EchoError::Loud.because("Not so loud.")),
            false => Ok(RepeatOutput { text: input.text }),
        }
    }
}
