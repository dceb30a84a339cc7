//! Config file: its path, its permissions, its content.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use figment::value::{Dict, Value};

use super::{
    error::{Problem, SettingsError},
    hint,
    key::Key,
    origin::Origin,
    secret::{holds_password, quote_rejected},
};

/// Maximum size of the file, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Parsed config file.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) origin: Origin,
    pub(super) values: Dict,
    pub(super) warnings: Vec<String>,
}

impl ConfigFile {
    /// Reads the file.
    ///
    /// # Errors
    /// If it cannot be read, is writable by every user, or is not valid TOML.
    pub(super) fn read(path: &Path, named_by: &'static str) -> Result<Self, SettingsError> {
        let unreadable =
            |source| SettingsError::Unreadable { path: path.to_owned(), named_by, source };
        let mut text = String::new();
        let mut file = File::open(path).map_err(unreadable)?;
        // Permissions of the open file, not of the path: what is checked is what is read.
        let metadata = file.metadata().map_err(unreadable)?;
        let mode = metadata.permissions().mode() & 0o7777;
        // /dev/null is writable by every user, and a common way to say "no file".
        if mode & 0o002 != 0 && !metadata.file_type().is_char_device() {
            return Err(SettingsError::WorldWritable { path: path.to_owned(), mode });
        }
        file.by_ref().take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(unreadable(io::Error::other("it is larger than 1 MiB")));
        }
        let mut read = Self::parse(&text, path, mode)?;
        if !metadata.file_type().is_char_device() {
            let own = rustix::process::geteuid().as_raw();
            read.warnings.extend(strangers(path, mode, metadata.uid(), own));
        }
        Ok(read)
    }

    /// Parses the text of a file with these permissions.
    ///
    /// # Errors
    /// If it is not valid TOML.
    pub(super) fn parse(text: &str, path: &Path, mode: u32) -> Result<Self, SettingsError> {
        let origin = Origin::File(path.to_owned());
        let values = parse(text, &origin)?;
        let mut warnings = Vec::new();
        if mode & 0o004 != 0 && values.values().any(has_password) {
            let path = path.display();
            warnings.push(format!(
                "the config file {path} holds a password and every user of this machine may read it (mode {mode:04o}); \
                 run: chmod o-r {path}"
            ));
        }
        Ok(Self { origin, values, warnings })
    }

    /// Reads the file if it exists.
    pub(super) fn read_if_exists(
        path: &Path,
        named_by: &'static str,
    ) -> Result<Option<Self>, SettingsError> {
        match Self::read(path, named_by) {
            Err(SettingsError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    /// Finds keys and sections that do not exist.
    pub(super) fn problems(&self, keys: &[&Key]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, value) in &self.values {
            let section = format!("{name}.");
            match value {
                _ if keys.iter().any(|key| key.path == name) => {}
                Value::Dict(_, table) if keys.iter().any(|key| key.path.starts_with(&section)) => {
                    let unknown = table
                        .keys()
                        .map(|name| format!("{section}{name}"))
                        .filter(|path| keys.iter().all(|key| key.path != path));
                    problems.extend(unknown.map(|path| self.unknown_key(keys, &path)));
                }
                Value::Dict(..) => problems.push(self.unknown_section(keys, name)),
                _ => problems.push(self.unknown_key(keys, name)),
            }
        }
        problems
    }

    fn unknown_key(&self, keys: &[&Key], path: &str) -> Problem {
        let section = path.split_once('.').map_or("", |(section, _)| section);
        let hint = if keys.iter().any(|key| key.path.split_once('.').map(|(s, _)| s) == Some(path))
        {
            format!("it is a section: begin a line with [{path}] and put its keys below")
        } else if let Some(key) = hint::nearest_key(keys, path) {
            format!("did you mean {}?", key.path)
        } else {
            let names = keys.iter().filter_map(|key| match key.path.split_once('.') {
                Some((of, name)) => (of == section).then_some(name),
                None => section.is_empty().then_some(key.path),
            });
            format!("there are: {}", names.collect::<Vec<_>>().join(", "))
        };
        Problem::Unknown { origin: self.origin.clone(), name: format!("key {path}"), hint }
    }

    fn unknown_section(&self, keys: &[&Key], name: &str) -> Problem {
        let mut sections: Vec<_> = keys
            .iter()
            .filter_map(|key| key.path.split_once('.'))
            .map(|(section, _)| section)
            .collect();
        sections.dedup();
        let hint = match hint::nearest_word(&sections, name) {
            Some(section) => format!("did you mean [{section}]?"),
            None => format!("there are: [{}]", sections.join("], [")),
        };
        Problem::Unknown { origin: self.origin.clone(), name: format!("section [{name}]"), hint }
    }
}

/// Warns of other users who may write the file: they could choose the database, and what is done to
/// it.
fn strangers(path: &Path, mode: u32, owner: u32, own: u32) -> Vec<String> {
    let path = path.display();
    let mut warnings = Vec::new();
    if owner != 0 && owner != own {
        warnings.push(format!(
            "the config file {path} belongs to another user (uid {owner}), who may write to it; run: chown root {path}"
        ));
    }
    if mode & 0o020 != 0 {
        warnings.push(format!(
            "the group of the config file {path} may write to it (mode {mode:04o}); run: chmod g-w {path}"
        ));
    }
    warnings
}

/// Parses a table; errors never quote the text, which may contain a password.
pub(super) fn parse(text: &str, origin: &Origin) -> Result<Dict, SettingsError> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        SettingsError::Syntax {
            origin: origin.clone(),
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
            message: error.message().replace('\n', ", "),
        }
    })
}

fn has_password(value: &Value) -> bool {
    match value {
        Value::Dict(_, table) => table.values().any(has_password),
        Value::Array(_, values) => values.iter().any(has_password),
        value => value.as_str().is_some_and(holds_password),
    }
}

/// Quotes a rejected value, without anything that may be a password.
pub(super) fn quote(value: &Value) -> String {
    match value {
        Value::String(_, text) => quote_rejected(text),
        value => match (value.to_i128(), value.to_bool(), value.as_array()) {
            (Some(number), ..) => number.to_string(),
            (_, Some(flag), _) => flag.to_string(),
            (.., Some(_)) => "a list".to_owned(),
            _ if value.as_dict().is_some() => "a table".to_owned(),
            _ => value
                .to_num()
                .and_then(|n| n.to_f64())
                .map_or("nothing".to_owned(), |n| n.to_string()),
        },
    }
}
