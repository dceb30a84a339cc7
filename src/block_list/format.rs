//! Formats of lists, and how to tell them apart.

use super::{table, text::lines};

/// Format of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Lines.
    #[value(alias = "text", help = "One host per line; # starts a comment")]
    Plain,
    /// Tables.
    #[value(
        aliases = ["mastodon", "fediblockhole", "oliphant", "iftas", "gotosocial-csv", "rapidblock-csv"],
        help = "Table of Mastodon, FediBlockHole, Oliphant, IFTAS, GoToSocial or RapidBlock"
    )]
    Csv,
    /// JSON list of objects.
    #[value(
        aliases = ["gotosocial", "mastodon-json"],
        help = "JSON list of objects with a domain, as GoToSocial and Mastodon write it"
    )]
    GotosocialJson,
    /// JSON object.
    #[value(alias = "rapidblock", help = "JSON object of RapidBlock")]
    RapidblockJson,
}

impl Format {
    /// Guesses the format of a text.
    pub(super) fn guess(text: &[u8]) -> Self {
        let mut bytes = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
        match (bytes.next(), bytes.next()) {
            (Some(b'{'), _) => Self::RapidblockJson,
            // An address of IPv6 begins with a bracket, too.
            (Some(b'['), None | Some(b'{' | b'[' | b']' | b'"')) => Self::GotosocialJson,
            _ if is_table(text) => Self::Csv,
            _ => Self::Plain,
        }
    }
}

/// Whether a text has more than one column, quotes, or a line that names the columns.
fn is_table(text: &[u8]) -> bool {
    let mut begun = false;
    lines(text).map(|(_, line)| line.trim_ascii()).filter(|line| !line.is_empty()).any(|line| {
        let is_header = !begun && table::is_header(line);
        begun |= !line.starts_with(b"#");
        let content = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        is_header || content.trim_ascii().iter().any(|byte| b",;\t\"".contains(byte))
    })
}
