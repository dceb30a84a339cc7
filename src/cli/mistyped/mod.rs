//! Help, version, and invalid command lines.

mod similar;
mod synonyms;

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use clap::{
    CommandFactory as _, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{Cli, Output};
use crate::telemetry::Color;

/// Prints clap's output: help and version on standard output with exit code 0, errors on standard
/// error with exit code 2.
pub(super) fn report(error: &Error) -> ExitCode {
    let output =
        Output { color: Color::Auto.enabled(io::stderr().is_terminal()), ..Output::default() };
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand)
    {
        output.error(unknown(&parent(typed), typed));
        return ExitCode::from(2);
    }
    let printed = error.print().and_then(|()| io::stdout().flush());
    match printed {
        Err(lost) if !error.use_stderr() && lost.kind() != io::ErrorKind::BrokenPipe => {
            output.error(format!("the standard output cannot be written ({lost})"));
            ExitCode::FAILURE
        }
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}

/// Path of the command before the unknown subcommand `typed`; empty at the top level.
fn parent(typed: &str) -> String {
    let words: Vec<String> = std::env::args().skip(1).take_while(|word| word != typed).collect();
    let root = Cli::command();
    let named = |word: &String| root.find_subcommand(word).filter(|found| found.has_subcommands());
    let found = words.iter().rev().find_map(named);
    found.map(|found| found.get_name().to_owned()).unwrap_or_default()
}

/// Reports an unknown command and suggests what may have been meant.
fn unknown(parent: &str, typed: &str) -> String {
    let wanted = typed.to_lowercase().replace('-', "_");
    let meant = synonyms::look_up(parent, &wanted);
    let lines: Vec<String> = if meant.is_empty() {
        similar::to(&names(parent), &wanted).iter().map(|name| spelled(parent, name)).collect()
    } else {
        let width = meant.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
        meant.iter().map(|(command, does)| format!("ostrakon {command:width$}  {does}")).collect()
    };
    let tip = if let Some(reason) = synonyms::not_offered(parent, &wanted) {
        format!("{reason}\n")
    } else if lines.is_empty() {
        String::new()
    } else {
        format!("Did you mean:\n  {}\n", lines.join("\n  "))
    };
    let within = spelled(parent, "");
    let within = within.trim();
    format!("{within} has no command {typed:?}\n{tip}All commands: {within} --help")
}

fn spelled(parent: &str, name: &str) -> String {
    ["ostrakon", parent, name]
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Names of a command's subcommands.
fn names(parent: &str) -> Vec<String> {
    let root = Cli::command();
    let below = if parent.is_empty() { Some(&root) } else { root.find_subcommand(parent) };
    let names = below.into_iter().flat_map(clap::Command::get_subcommands);
    names.map(|command| command.get_name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word of the synonym table leads to an existing command.
    #[test]
    fn every_way_leads_somewhere() {
        for (parent, word) in synonyms::words() {
            for (command, _) in synonyms::look_up(parent, word) {
                let words: Vec<&str> = command.split(' ').collect();
                let (group, name) = match words[..] {
                    [group @ ("user" | "runs" | "config"), name, ..] => (group, name),
                    [name, ..] => ("", name),
                    [] => ("", ""),
                };
                assert!(names(group).iter().any(|known| known == name), "{word}: {command}");
            }
            assert!(!names(parent).iter().any(|known| known == word), "{word} is a command");
        }
    }

    fn reported(parent: &str, typed: &str) -> String {
        unknown(parent, typed)
    }

    #[test]
    fn words_of_other_programs_lead_to_ours() {
        insta::assert_snapshot!(reported("user", "delete"), @r#"
        ostrakon user has no command "delete"
        Did you mean:
          ostrakon user rm NICK          removes an account and everything it did; cannot be undone
          ostrakon user deactivate NICK  deactivates an account; ostrakon user activate NICK undoes it
        All commands: ostrakon user --help
        "#);
        insta::assert_snapshot!(reported("user", "Ban"), @r#"
        ostrakon user has no command "Ban"
        Did you mean:
          ostrakon user deactivate NICK  deactivates an account; ostrakon user activate NICK undoes it
        All commands: ostrakon user --help
        "#);
        insta::assert_snapshot!(reported("user", "lsit"), @r#"
        ostrakon user has no command "lsit"
        Did you mean:
          ostrakon user list
        All commands: ostrakon user --help
        "#);
        insta::assert_snapshot!(reported("", "deactivate"), @r#"
        ostrakon has no command "deactivate"
        Did you mean:
          ostrakon user deactivate NICK  deactivates an account; ostrakon user activate NICK undoes it
        All commands: ostrakon --help
        "#);
        insta::assert_snapshot!(reported("runs", "stop"), @r#"
        ostrakon runs has no command "stop"
        Did you mean:
          ostrakon runs pause RUN   pauses a run; ostrakon runs resume RUN continues it
          ostrakon runs cancel RUN  stops a run for good; what is done stays done
        All commands: ostrakon runs --help
        "#);
        insta::assert_snapshot!(reported("repair", "counter"), @r#"
        ostrakon repair has no command "counter"
        Did you mean:
          ostrakon repair counters
        All commands: ostrakon repair --help
        "#);
        insta::assert_snapshot!(reported("user", "send_confirm"), @r#"
        ostrakon user has no command "send_confirm"
        Did you mean:
          ostrakon user send_confirmation
        All commands: ostrakon user --help
        "#);
        insta::assert_snapshot!(reported("user", "xyzzy"), @r#"
        ostrakon user has no command "xyzzy"
        All commands: ostrakon user --help
        "#);
    }

    /// All words one typing error away from a harmless command.
    fn slips(name: &str) -> Vec<String> {
        let letters: Vec<char> = name.chars().collect();
        let mut slips = Vec::new();
        let mut add = |word: Vec<char>| slips.push(word.into_iter().collect::<String>());
        for place in 0..=letters.len() {
            for other in 'a'..='z' {
                let mut more = letters.clone();
                more.insert(place, other);
                add(more);
                let mut changed = letters.clone();
                if let Some(letter) = changed.get_mut(place) {
                    *letter = other;
                    add(changed);
                }
            }
            let mut fewer = letters.clone();
            if place < fewer.len() {
                fewer.remove(place);
                add(fewer);
            }
            let mut turned = letters.clone();
            if place + 1 < turned.len() {
                turned.swap(place, place + 1);
                add(turned);
            }
        }
        slips
    }

    #[test]
    fn a_slip_of_the_finger_never_leads_to_what_cannot_be_undone() {
        for parent in ["", "user", "runs"] {
            let names = names(parent);
            let harmless = names.iter().filter(|name| !similar::is_grave(name));
            for slip in harmless.clone().flat_map(|name| slips(name)) {
                let meant = similar::to(&names, &slip);
                assert!(meant.iter().all(|name| !similar::is_grave(name)), "{slip}: {meant:?}");
            }
            // The same holds for two typing errors.
            for slip in harmless.filter(|name| name.len() < 9).flat_map(|name| slips(name)) {
                for slip in slips(&slip).iter().step_by(101) {
                    let meant = similar::to(&names, slip);
                    let typo_of_itself = meant.iter().all(|name| slips(name).contains(slip));
                    assert!(
                        meant.iter().all(|name| !similar::is_grave(name)) || typo_of_itself,
                        "{slip}: {meant:?}"
                    );
                }
            }
        }
    }
}
