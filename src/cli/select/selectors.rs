//! Flags that select accounts. All that are given must hold.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use ostrakon_jobs::deactivate_instance::Host;
use ostrakon_server::{Selectors, Server};
use sqlx::PgConnection;

use super::{
    moment::{self, Range},
    name_file::{self, NameFile},
};
use crate::failure::Failure;

/// Maximum length of a text to look for, in characters.
const TEXT_MAX: usize = 1_000;

/// Selectors of local or remote accounts.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[command(next_help_heading = "Selectors")]
pub(in crate::cli) struct ScopeOptions {
    /// Only accounts of this server.
    #[arg(long)]
    pub(in crate::cli) local: bool,
    /// Only accounts of other servers.
    #[arg(long)]
    pub(in crate::cli) remote: bool,
}

impl ScopeOptions {
    /// The same, for a command that works on accounts of this server only, or of any.
    pub(in crate::cli) fn within(self, only_local: bool) -> Result<Self, Failure> {
        match self {
            Self { local: true, remote: true } => {
                Err(Failure::Usage(format!("{BOTH}\nNothing was changed.")))
            }
            Self { remote: true, .. } if only_local => Err(not_remote()),
            Self { local, remote } => Ok(Self { local: local || only_local, remote }),
        }
    }
}

/// Refusal of both scopes.
const BOTH: &str = "--local and --remote exclude each other: give one of them";

fn not_remote() -> Failure {
    Failure::Usage(
        "the command works on accounts of this server only, and --remote or --host excludes \
         these\nNothing was changed."
            .to_owned(),
    )
}

/// All other selectors.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Selectors")]
pub(in crate::cli) struct SelectorOptions {
    /// Remote accounts of this host; may be repeated.
    #[arg(long, value_name = "HOST", value_parser = host)]
    host: Vec<Host>,
    /// Created within a range, in UTC: 2026-11-20, 2026-11-20..22, 2026-11-20.., ..2026-11-22, or
    /// with times, 2026-11-20T22:00..2026-11-21T04:00.
    #[arg(long, value_name = "RANGE", conflicts_with = "since")]
    created: Option<Range>,
    /// Created within a duration such as 12h, or since a time in UTC.
    #[arg(long, value_name = "AGO", value_parser = moment::since)]
    since: Option<DateTime<Utc>>,
    /// Local accounts with an e-mail address at this domain; may be repeated.
    #[arg(long, value_name = "DOMAIN", value_parser = host)]
    email_domain: Vec<Host>,
    /// Include sub-domains of --host and --email-domain.
    #[arg(long)]
    include_subdomains: bool,
    /// Local accounts whose e-mail address is not confirmed.
    #[arg(long)]
    unconfirmed: bool,
    /// Local accounts that wait for approval.
    #[arg(long)]
    unapproved: bool,
    /// Accounts without a post, now or ever, as far as this server knows.
    #[arg(long)]
    never_posted: bool,
    /// Accounts without followers, as far as this server knows.
    #[arg(long)]
    no_followers: bool,
    /// Neither used, posting nor created since: a duration such as 1y, or a time in UTC.
    #[arg(long, value_name = "AGO", value_parser = moment::since)]
    inactive_since: Option<DateTime<Utc>>,
    /// Nickname in any case, with * for any text and ? for any character; may be repeated. Without
    /// an @ it is compared with the part before the @.
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    nick: Vec<String>,
    /// Bio contains a text, in any case.
    #[arg(long, value_name = "TEXT", value_parser = text)]
    bio_has: Option<String>,
    /// Local accounts whose reason for registering contains a text, in any case.
    #[arg(long, value_name = "TEXT", value_parser = text)]
    reason_has: Option<String>,
    /// A post or its subject contains a text, in any case. Reads every post of the accounts that the
    /// other selectors match.
    #[arg(long, value_name = "TEXT", value_parser = text)]
    post_has: Option<String>,
    /// Not accounts that a local account follows.
    #[arg(long)]
    exclude_followed: bool,
    /// Accounts named in a file, or - for standard input: nicknames or ids, one per line, or a CSV
    /// file with a column id or nickname.
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Leave out unknown accounts of --from-file.
    #[arg(long, requires = "from_file")]
    skip_unknown: bool,
}

/// Flags that do not contradict each other, and the file that was read.
#[derive(Debug)]
pub(in crate::cli) struct Typed {
    selectors: Selectors,
    file: Option<NameFile>,
    skip_unknown: bool,
}

impl SelectorOptions {
    /// Whether any selector is given.
    pub(in crate::cli) fn is_given(&self) -> bool {
        self.include_subdomains || !self.selectors(ScopeOptions::default()).is_empty()
    }

    /// Checks the flags, and reads the file; `None` without any selector.
    pub(in crate::cli) fn read(&self, scope: ScopeOptions) -> Result<Option<Typed>, Failure> {
        let mut selectors = self.selectors(scope);
        let is_empty = selectors.is_empty();
        if let Some(contradiction) = self.contradiction(scope) {
            return Err(Failure::Usage(format!("{contradiction}\nNothing was changed.")));
        }
        if is_empty {
            return Ok(None);
        }
        if self.only_local().is_some() {
            selectors.local = Some(true);
        }
        let file = self.from_file.as_deref().map(name_file::read).transpose()?;
        Ok(Some(Typed { selectors, file, skip_unknown: self.skip_unknown }))
    }

    fn selectors(&self, scope: ScopeOptions) -> Selectors {
        let Range { from, before } =
            self.created.unwrap_or(Range { from: self.since, before: None });
        let names = |hosts: &[Host]| hosts.iter().map(|host| host.as_str().to_owned()).collect();
        Selectors {
            local: (scope.local != scope.remote).then_some(scope.local),
            hosts: names(&self.host),
            include_subdomains: self.include_subdomains,
            created_from: from,
            created_before: before,
            email_domains: names(&self.email_domain),
            unconfirmed: self.unconfirmed,
            unapproved: self.unapproved,
            never_posted: self.never_posted,
            no_followers: self.no_followers,
            inactive_since: self.inactive_since,
            nicknames: self.nick.clone(),
            bio_has: self.bio_has.clone(),
            reason_has: self.reason_has.clone(),
            post_has: self.post_has.clone(),
            exclude_followed: self.exclude_followed,
            from_file: self.from_file.is_some(),
            ids: None,
        }
    }

    /// First given selector that only local accounts can match.
    fn only_local(&self) -> Option<&'static str> {
        [
            ("--email-domain", !self.email_domain.is_empty()),
            ("--unconfirmed", self.unconfirmed),
            ("--unapproved", self.unapproved),
            ("--reason-has", self.reason_has.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, is_given)| is_given.then_some(flag))
    }

    /// Reason why no account can match, or why the flags do not belong together.
    fn contradiction(&self, scope: ScopeOptions) -> Option<String> {
        let has_host = !self.host.is_empty();
        if scope.local && scope.remote {
            return Some(BOTH.to_owned());
        }
        if scope.local && has_host {
            return Some(
                "--host selects remote accounts, and --local excludes these: give one of them"
                    .to_owned(),
            );
        }
        if let Some(flag) = self.only_local()
            && (scope.remote || has_host)
        {
            let remote = if scope.remote { "--remote" } else { "--host" };
            return Some(format!(
                "{flag} selects accounts of this server only, and {remote} excludes these"
            ));
        }
        if self.include_subdomains && !has_host && self.email_domain.is_empty() {
            return Some("--include-subdomains needs --host or --email-domain".to_owned());
        }
        None
    }
}

impl Typed {
    /// Narrows the selectors to accounts of this server.
    pub(in crate::cli) fn only_local(&mut self) -> Result<(), Failure> {
        if self.selectors.local == Some(false) || !self.selectors.hosts.is_empty() {
            return Err(not_remote());
        }
        self.selectors.local = Some(true);
        Ok(())
    }

    /// Looks up what the file names, and checks that this server can answer the selectors. Returns
    /// also the number of unknown accounts that were left out.
    pub(in crate::cli) async fn resolve(
        self,
        db: &mut PgConnection,
        server: &Server,
    ) -> Result<(Selectors, i64), Failure> {
        let Self { mut selectors, file, skip_unknown } = self;
        if selectors.hosts.contains(&server.host) {
            return Err(Failure::Refused(format!(
                "{} is this server: select its accounts with --local\nNothing was changed.",
                server.host
            )));
        }
        selectors
            .check(server)
            .map_err(|cannot| Failure::Refused(format!("{cannot}\nNothing was changed.")))?;
        let mut unknown = 0;
        if let Some(file) = file {
            let (ids, left_out) = file.resolve(db, server, skip_unknown).await?;
            selectors.ids = Some(ids);
            unknown = left_out;
        }
        Ok((selectors, unknown))
    }
}

/// Refusal of a command without any selector.
pub(in crate::cli) fn no_selector() -> Failure {
    Failure::Usage(
        "no selector was given, which would mean every account: give at least one, such as \
         --created 2026-11-20..22 or --email-domain spam.example\nNothing was changed."
            .to_owned(),
    )
}

fn host(typed: &str) -> Result<Host, String> {
    if let Some(parent) = typed.strip_prefix("*.") {
        return Err(format!("for its sub-domains give {parent} and --include-subdomains"));
    }
    Host::parse(typed).map_err(|error| error.to_string())
}

fn text(typed: &str) -> Result<String, String> {
    match typed.chars().count() {
        _ if typed.trim().is_empty() => Err("an empty text is in everything".to_owned()),
        length if length > TEXT_MAX => Err(format!("it is longer than {TEXT_MAX} characters")),
        _ if typed.contains('\0') => Err("it contains a zero byte".to_owned()),
        _ => Ok(typed.to_owned()),
    }
}

fn pattern(typed: &str) -> Result<String, String> {
    let typed = typed.strip_prefix('@').unwrap_or(typed);
    let literal = |c: char| !matches!(c, '*' | '?' | '@');
    if !typed.contains(literal) {
        return Err("it would match every nickname".to_owned());
    }
    if let Some(odd) = typed
        .chars()
        .find(|c| c.is_whitespace() || c.is_control() || "%[]{}()|\\^$+,;:\"'/".contains(*c))
    {
        return Err(format!(
            "no nickname contains {odd:?}; * stands for any text, ? for any character"
        ));
    }
    if typed.chars().count() > TEXT_MAX {
        return Err(format!("it is longer than {TEXT_MAX} characters"));
    }
    Ok(typed.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        scope: ScopeOptions,
        #[command(flatten)]
        selectors: SelectorOptions,
    }

    fn read(line: &str) -> Result<Option<Selectors>, String> {
        let words = ["ostrakon"].into_iter().chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        let typed = line.selectors.read(line.scope).map_err(|failure| failure.to_string())?;
        Ok(typed.map(|typed| typed.selectors))
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_the_reason() {
        for (line, reason) in [
            ("--local --remote", "exclude each other"),
            ("--local --host spam.example", "--host selects remote accounts"),
            ("--remote --unconfirmed", "--unconfirmed selects accounts of this server only"),
            ("--host spam.example --email-domain x.example", "and --host excludes these"),
            ("--remote --reason-has x", "and --remote excludes these"),
            ("--include-subdomains", "needs --host"),
            ("--include-subdomains --local", "needs --host"),
            ("--created 2026-11-20 --since 1h", "cannot be used with"),
            ("--nick *", "every nickname"),
            ("--nick @", "every nickname"),
            ("--nick pills%", "no nickname contains '%'"),
            ("--nick [ab]*", "no nickname contains '['"),
            ("--host *.spam.example", "--include-subdomains"),
            ("--host localhost", "at least one dot"),
            ("--email-domain =", "is not the host"),
            ("--bio-has=", "an empty text is in everything"),
            ("--created 2026-13-01", "is not a time"),
            ("--since tomorrow", "give a duration"),
            ("--skip-unknown", "--from-file"),
        ] {
            let refused = read(line).err().unwrap_or_default();
            assert!(refused.contains(reason), "{line}: {refused}");
        }
    }

    #[test]
    fn no_flag_is_no_selector() {
        assert_eq!(read(""), Ok(None));
    }

    #[test]
    fn what_only_local_accounts_have_selects_local_ones() {
        for (line, local) in [
            ("--unconfirmed", Some(true)),
            ("--email-domain X.Example --include-subdomains", Some(true)),
            ("--never-posted", None),
            ("--remote --never-posted", Some(false)),
            ("--local", Some(true)),
        ] {
            let selectors = read(line).ok().flatten().unwrap_or_default();
            assert_eq!(selectors.local, local, "{line}");
        }
    }
}
