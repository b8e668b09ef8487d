//! `anabranch completions`: the completion script of a shell.

use clap::{Args, Command, ValueEnum};

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
    /// `command` is the whole command line.
    pub(crate) fn run(self, command: Command) -> anyhow::Result<()> {
        output::write_stdout(&script(self.shell, command))
    }
}

/// Generated into memory because the generator panics when its writer fails.
fn script(shell: Shell, mut command: Command) -> Vec<u8> {
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
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        crate::Cli::command().debug_assert();
    }

    #[test]
    fn every_shell_completes_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(shell, crate::Cli::command())).unwrap();
            for command in ["serve", "tail", "streams", "bench", "credentials"] {
                assert!(script.contains(command), "{shell:?} lacks {command}");
            }
        }
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &Command) {
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
