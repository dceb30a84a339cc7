//! Parsers of untrusted text, as the fuzz targets and the tests call them.
//!
//! Each function accepts any bytes, and panics if the result violates an invariant.

use ostrakon_jobs::deactivate_instance::Host;
use ostrakon_server::{DIALECTS, is_blacklisted, nickname_fault, valid_email};

use crate::{
    block_list::{self, Format},
    cli::check_name_file,
    settings,
};
use ostrakon_queue::{Message, read_message};

/// Maximum length of the error for an unreadable message, in bytes.
const LONGEST_REASON: usize = 4 * 1024;

/// Separator between the config file and the environment, which has one `NAME=VALUE` per line.
const ENVIRONMENT: &str = "\n# environment\n";

/// Name of a target, also the name of its seed folder, and the function that it calls.
#[cfg(test)]
type Target = (&'static str, fn(&[u8]));

/// All fuzz targets.
#[cfg(test)]
const TARGETS: [Target; 11] = [
    ("message", message),
    ("config", config),
    ("hosts_file", hosts_file),
    ("hosts_plain", hosts_plain),
    ("hosts_csv", hosts_csv),
    ("hosts_gotosocial", hosts_gotosocial),
    ("name_file", name_file),
    ("hosts_rapidblock", hosts_rapidblock),
    ("host", host),
    ("nickname", nickname),
    ("email", email),
];

/// Parses a message from Redis.
pub fn message(bytes: &[u8]) {
    match read_message(bytes) {
        Message::Run(envelope) => {
            assert!(envelope.run_id.len() <= 128 && envelope.job.len() <= 128);
            // A parsed message keeps its meaning when serialised again. The payload is exempt:
            // large numbers, which no job has, are rounded.
            let written = serde_json::to_vec(&envelope).unwrap_or_default();
            let Message::Run(again) = read_message(&written) else { panic!("{written:?}") };
            assert_eq!((again.run_id, again.job), (envelope.run_id, envelope.job));
        }
        Message::Due { run_id } => panic!("Redis has no such message: {run_id}"),
        Message::Unreadable { reason } => assert!(reason.len() <= LONGEST_REASON),
    }
}

/// Parses a config file, followed by an environment.
pub fn config(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (file, environment) = text.split_once(ENVIRONMENT).unwrap_or((text, ""));
    let variables: Vec<_> = environment.lines().filter_map(|line| line.split_once('=')).collect();
    settings::check(file, &variables);
}

/// Parses a file for `--hosts-file`, whose format is guessed.
pub fn hosts_file(bytes: &[u8]) {
    block_list::check(bytes, None);
}

/// Parses a list with one host per line.
pub fn hosts_plain(bytes: &[u8]) {
    block_list::check(bytes, Some(Format::Plain));
}

/// Parses a table of blocked hosts.
pub fn hosts_csv(bytes: &[u8]) {
    block_list::check(bytes, Some(Format::Csv));
}

/// Parses a list in the JSON of `GoToSocial` and Mastodon.
pub fn hosts_gotosocial(bytes: &[u8]) {
    block_list::check(bytes, Some(Format::GotosocialJson));
}

/// Parses a list in the JSON of `RapidBlock`.
pub fn hosts_rapidblock(bytes: &[u8]) {
    block_list::check(bytes, Some(Format::RapidblockJson));
}

/// Parses a file for `--from-file`.
pub fn name_file(bytes: &[u8]) {
    check_name_file(bytes);
}

/// Parses a host as an operator types it.
pub fn host(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(host) = Host::parse(&text) else { return };
    // The host contains no pattern, second host or path, and parses to itself.
    assert!(host.as_str().bytes().all(|byte| !b"%_*/@: \\".contains(&byte)));
    assert!(host.as_str().is_ascii() && host.as_str().contains('.'));
    assert_eq!(Host::parse(host.as_str()).as_ref(), Ok(&host));
    assert_eq!(Host::parse(&host.unicode()).as_ref(), Ok(&host));
}

/// Parses a nickname for a new account.
#[expect(clippy::expect_used, reason = "the defaults are part of the program")]
pub fn nickname(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let defaults: toml::Table = toml::from_str(settings::DEFAULTS).expect("it is TOML");
    let rules = defaults["registration"].clone().try_into().expect("it is the struct's section");
    for dialect in DIALECTS {
        if nickname_fault(&text, &rules, dialect).is_none() {
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
        }
    }
}

/// Parses an e-mail address for an account.
pub fn email(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if valid_email(&text) {
        // The address contains nothing that ends a header or begins another address.
        assert!(
            text.is_ascii() && !text.contains(|c: char| c.is_control() || " ,;<>\"".contains(c))
        );
        assert_eq!(text.matches('@').count(), 1);
    }
    let _answer = is_blacklisted(&text, &[text.to_string(), "spam.example".to_owned()]);
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_seed_is_digested() -> anyhow::Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
        for (name, target) in TARGETS {
            let seeds: Vec<_> = fs::read_dir(folder.join(name))?.collect::<Result<_, _>>()?;
            assert!(seeds.len() >= 3, "{name} has {} seeds", seeds.len());
            for seed in seeds {
                target(&fs::read(seed.path())?);
            }
        }
        Ok(())
    }
}
