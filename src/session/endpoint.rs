//! One possible location of the database, in sqlx's terms.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
    time::Duration,
};

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::{
    failure::Failure,
    settings::{Conninfo, Host, PassfileEntry, TlsMode},
};

/// Default folders of PostgreSQL's socket.
const SOCKET_FOLDERS: [&str; 3] = ["/run/postgresql", "/var/run/postgresql", "/tmp"];

/// Maximum number of bytes read of a certificate file.
const MAX_PEM_BYTES: u64 = 1 << 20;

/// Location, with what is needed to connect to it.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) options: PgConnectOptions,
    /// Address of the location, without secrets.
    pub(super) address: String,
}

/// All locations of a connection string.
pub(super) fn endpoints(info: &Conninfo) -> Result<Vec<Endpoint>, Failure> {
    let files = [
        ("sslrootcert", &info.tls.root, "BEGIN CERTIFICATE"),
        ("sslcert", &info.tls.certificate, "BEGIN CERTIFICATE"),
        ("sslkey", &info.tls.key, "PRIVATE KEY"),
    ];
    for (name, file, wanted) in files {
        if let Some(Err(error)) = file.as_deref().map(|file| readable(file, wanted)) {
            let path = file.as_deref().unwrap_or(Path::new("")).display();
            return Err(Failure::Usage(format!(
                "{name} of database.url, {path}, cannot be read: {error}\nNothing was done."
            )));
        }
    }
    info.hosts.iter().map(|host| endpoint(info, host)).collect()
}

/// Checks that a PEM file is readable and contains what is wanted: sqlx ignores what it cannot
/// read, or reports it in its own words.
fn readable(path: &Path, wanted: &str) -> io::Result<()> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(MAX_PEM_BYTES).read_to_end(&mut text)?;
    if String::from_utf8_lossy(&text).contains(wanted) {
        Ok(())
    } else {
        Err(io::Error::other(format!("there is no \"{wanted}\" in it")))
    }
}

fn endpoint(info: &Conninfo, host: &Host) -> Result<Endpoint, Failure> {
    let mut options = PgConnectOptions::new_without_pgpass().port(host.port);
    let socket = match (&host.address, &host.name) {
        (Some(_), _) => None,
        (None, Some(name)) => name.starts_with('/').then(|| name.clone()),
        (None, None) => usual_socket(host.port),
    };
    let name = host.name.as_deref().unwrap_or("localhost");
    options = options.host(host.address.as_deref().unwrap_or(name));
    if let Some(socket) = &socket {
        options = options.socket(socket);
    }
    if let Some(user) = &info.user {
        options = options.username(user);
    }
    if let Some(database) = &info.database {
        options = options.database(database);
    }
    let password = match &info.password {
        Some(password) => Some(password.clone()),
        None => from_file(info, name, host.port, &options),
    };
    if let Some(password) = password {
        options = options.password(&password);
    }
    let verifies_name = info.tls.mode == TlsMode::Verify;
    if verifies_name && host.name.is_some() && host.address.is_some() {
        return Err(Failure::Usage(
            "database.url: a certificate cannot be verified for host when hostaddr is given as well; \
             leave hostaddr out\nNothing was done."
                .to_owned(),
        ));
    }
    let address = match socket {
        Some(socket) => socket,
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let options = session_options(encrypted(options, info), info.options.as_deref())?
        .application_name("ostrakon")
        // A pooler rejects startup parameters that it does not know; this one is set later.
        .extra_float_digits(None)
        // A statement that takes a second, such as a count of a large table, is no reason to warn.
        .log_slow_statements(log::LevelFilter::Debug, Duration::from_secs(1));
    Ok(Endpoint { options, address })
}

fn usual_socket(port: u16) -> Option<String> {
    let there = |folder: &&str| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists();
    SOCKET_FOLDERS.into_iter().find(|folder| there(folder)).map(str::to_owned)
}

fn from_file(info: &Conninfo, name: &str, port: u16, options: &PgConnectOptions) -> Option<String> {
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    let host = if SOCKET_FOLDERS.contains(&name) { "localhost" } else { name };
    match info.passfile.password(PassfileEntry { host, port, database, user }) {
        Ok(password) => password,
        Err(reason) => {
            tracing::warn!("{reason}");
            None
        }
    }
}

fn encrypted(mut options: PgConnectOptions, info: &Conninfo) -> PgConnectOptions {
    options = options.ssl_mode(match info.tls.mode {
        TlsMode::Disable => PgSslMode::Disable,
        TlsMode::Prefer => PgSslMode::Prefer,
        TlsMode::Require => PgSslMode::Require,
        TlsMode::Verify => PgSslMode::VerifyFull,
    });
    if let Some(root) = &info.tls.root {
        options = options.ssl_root_cert(root);
    }
    if let (Some(certificate), Some(key)) = (&info.tls.certificate, &info.tls.key) {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    options
}

/// Parses `-c NAME=VALUE` and `--NAME=VALUE`, the only options that make sense for a session.
fn session_options(
    options: PgConnectOptions,
    written: Option<&str>,
) -> Result<PgConnectOptions, Failure> {
    let mut words = split(written.unwrap_or_default()).into_iter();
    let mut pairs = Vec::new();
    while let Some(word) = words.next() {
        let pair = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next(),
            Some(pair) => Some(pair.to_owned()),
            None => None,
        };
        let pair = pair.and_then(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name.replace('-', "_"), value.to_owned()))
        });
        pairs.push(pair.ok_or_else(|| {
            Failure::Usage(
                "options of database.url must be -c NAME=VALUE, or several of those with blanks \
                 between\nNothing was done."
                    .to_owned(),
            )
        })?);
    }
    Ok(if pairs.is_empty() { options } else { options.options(pairs) })
}

/// Splits at spaces that are not escaped with `\`.
fn split(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            ' ' => words.push(String::new()),
            c => {
                let c = if c == '\\' { characters.next().unwrap_or(c) } else { c };
                if let Some(word) = words.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
