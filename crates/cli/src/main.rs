//! `anabranch`: the one binary. It serves (`serve`, `inspect`, `backup`, `credentials`,
//! `keys`), it is the
//! everyday client of any Kinesis endpoint (`put`, `tail`, `streams`, `shards`), and it measures
//! one (`bench`).
//!
//! Guarantees that hold for every command: results go to standard output and everything else to
//! standard error; a reader that closes the pipe early is not an error; the exit status is 0 for
//! success, 1 for a failure that is explained on standard error, 2 for wrong usage.

#![expect(
    clippy::disallowed_methods,
    reason = "a command is a program of its own: its clock, files and tasks are the machine's"
)]

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

mod backoff;
mod bench;
mod commands;
mod connection;
mod kpl;
mod log_writer;
mod output;
mod settings;
mod systemd;
mod units;

/// Bodies and runs come and go by the gigabyte. jemalloc keeps what was freed for the next of them
/// some ten seconds; the pages that mimalloc gave back at once were a quarter of the server's
/// processor time under full load, for the kernel has to clear them anew.
#[global_allocator]
static GLOBAL: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Amazon Kinesis Data Streams that anyone can run.
#[derive(Debug, Parser)]
#[command(name = "anabranch", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  anabranch serve                                   start a server on 127.0.0.1:4567
  anabranch streams create orders --shards 2 --wait
  echo '{\"id\":1}' | anabranch put orders --key-field /id
  anabranch tail orders --from trim-horizon --follow
  anabranch bench --stream load --shards 4 --duration 10s

Client commands talk to http://127.0.0.1:4567 unless --endpoint, AWS_ENDPOINT_URL, the profile's
endpoint_url or --aws says otherwise. `anabranch COMMAND --help` has examples of each command.";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<commands::serve::ServeArgs>),
    Inspect(commands::inspect::InspectArgs),
    Backup(commands::backup::BackupArgs),
    Credentials(commands::credentials::CredentialsArgs),
    Keys(commands::keys::KeysArgs),
    Put(commands::put::PutArgs),
    Tail(commands::tail::TailArgs),
    Streams(commands::streams::StreamsArgs),
    Shards(commands::shards::ShardsArgs),
    Bench(Box<commands::bench::BenchArgs>),
    Kpl(commands::kpl::KplArgs),
    Completions(commands::completions::CompletionsArgs),
    /// Print the operations' shapes as JSON, for comparison with the service model
    #[command(hide = true, after_help = "Example:\n  anabranch schema | jq '.operations[].name'")]
    Schema,
}

fn main() -> ExitCode {
    if let Some(words) = commands::kpl::words_of_library() {
        return kpl::run(&words);
    }
    let outcome = match Cli::parse().command {
        // The library tells ends of its child apart.
        Command::Kpl(args) => return args.run(),
        Command::Serve(args) => args.run(),
        Command::Inspect(args) => args.run(),
        Command::Backup(args) => args.run(),
        Command::Credentials(args) => args.run(),
        Command::Keys(args) => args.run(),
        Command::Put(args) => args.run(),
        Command::Tail(args) => args.run(),
        Command::Streams(args) => args.run(),
        Command::Shards(args) => args.run(),
        Command::Bench(args) => args.run(),
        Command::Completions(args) => args.run(Cli::command()),
        Command::Schema => output::write_json(&anabranch_server::schema::to_json()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("anabranch: {error:#}");
            ExitCode::FAILURE
        }
    }
}
