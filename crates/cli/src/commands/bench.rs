//! stub
use clap::Args;
/// Measure an endpoint.
#[derive(Debug, Args)]
#[command(after_help = "Examples:")]
pub(crate) struct BenchArgs {}
impl BenchArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        Ok(())
    }
}
