//! What is said and asked before an account is made, in the original's words.

use super::{Options, Password};
use crate::cli::{Failure, Output};

/// Says what will be made. A given password is not repeated: terminals and logs remember.
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

/// Asks; anything but a yes, and nobody to answer, is a no.
pub(super) fn ask(output: Output) -> Result<(), Failure> {
    let answer = Output::ask_on_stdout("Continue? [n]  ");
    // Nobody can say yes to what was not shown.
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
