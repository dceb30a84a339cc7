//! Dialogue before an account is created, in the original's words.

use super::{Options, Password};
use crate::{cli::Output, failure::Failure};

/// Prints what will be created, except a given password: terminals and logs keep their text.
pub(super) fn tell(options: &Options, password: &Password, output: Output) {
    let candidate = options.candidate();
    let password = match password {
        Password::Given(_) => "[given]",
        Password::Generated(_) => "[generated; a reset link will be created]",
    };
    output.result("A user will be created with the following information:");
    for (what, value) in [
        ("nickname", candidate.nickname),
        ("email", candidate.email),
        ("password", password),
        ("name", candidate.name),
        ("bio", candidate.bio),
        ("moderator", truth(options.moderator)),
        ("admin", truth(options.admin)),
    ] {
        output.result(format!("  - {what}: {value}"));
    }
    output.result("");
}

/// Asks for confirmation; anything but a yes is a no, and so is a missing answer.
pub(super) fn ask(output: Output) -> Result<(), Failure> {
    let answer = Output::ask_on_stdout("Continue? [n]  ");
    // A question that was not shown cannot be confirmed.
    Output::delivered()?;
    if matches!(answer.as_str(), "y" | "Y" | "Yn") || answer.eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    output.result("User will not be created.");
    Err(Failure::Refused("declined; nothing was changed".to_owned()))
}

const fn truth(is_so: bool) -> &'static str {
    if is_so { "true" } else { "false" }
}
