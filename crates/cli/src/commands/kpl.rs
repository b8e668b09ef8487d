//! `anabranch kpl`: what the Java half of the Kinesis Producer Library starts.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;

use crate::kpl;

/// Produce for the Kinesis Producer Library, which starts this as its native executable.
///
/// Set NativeExecutable to a copy of this binary, or a link to it, that is called kinesis_producer.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cp anabranch /opt/kpl/kinesis_producer                 and NativeExecutable = /opt/kpl/kinesis_producer
  anabranch kpl -o FIFO -i FIFO -c HEX                   the same, as the library calls it")]
pub(crate) struct KplArgs {
    /// -o FIFO to read, -i FIFO to write, -c configuration, -k credentials, -l log level; others are ignored
    #[arg(value_name = "WORDS", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

impl KplArgs {
    pub(crate) fn run(&self) -> ExitCode {
        kpl::run(&self.words)
    }
}

/// The name by which the library calls its child.
const EXECUTABLE: &str = "kinesis_producer";

/// The words of the command line, if the library started this.
pub(crate) fn words_of_library() -> Option<Vec<OsString>> {
    let mut words = std::env::args_os();
    let path = words.next()?;
    let name = std::path::Path::new(&path).file_stem()?;
    (name == EXECUTABLE).then(|| words.collect())
}
