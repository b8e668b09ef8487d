//! `anabranch completions`: the completion script of a shell.

use clap::{Args, CommandFactory, ValueEnum};

use crate::output;

/// Print the completion script of a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch completions bash > /etc/bash_completion.d/anabranch
  anabranch completions zsh > \"${fpath[1]}/_anabranch\"
  anabranch completions fish > ~/.config/fish/completions/anabranch.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell that will read the script.
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl CompletionsArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        output::write_stdout(&script(self.shell))
    }
}

/// Generated into memory because the generator panics when its writer fails.
fn script(shell: Shell) -> Vec<u8> {
    let mut command = crate::Cli::command();
    let mut script = Vec::new();
    let generator = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    clap_complete::generate(generator, &mut command, "anabranch", &mut script);
    script
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        crate::Cli::command().debug_assert();
    }

    #[test]
    fn every_shell_completes_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(shell)).unwrap();
            for command in ["serve", "tail", "streams", "bench", "credentials"] {
                assert!(script.contains(command), "{shell:?} lacks {command}");
            }
        }
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command) {
            let examples = command.get_after_help().map(|text| text.to_string());
            assert!(
                examples.is_some_and(|text| text.contains("Example")),
                "{} has no examples",
                command.get_name()
            );
            command.get_subcommands().filter(|sub| sub.get_name() != "help").for_each(check);
        }
        check(&crate::Cli::command());
    }
}
