//! libpq's password file: `~/.pgpass`.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Maximum number of bytes read.
const MAX_BYTES: u64 = 1 << 20;

/// Password file.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Passfile {
    path: Option<PathBuf>,
}

/// Connection that a password is looked up for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PassfileEntry<'a> {
    /// Host as written; "localhost" for the default socket.
    pub(crate) host: &'a str,
    /// Port.
    pub(crate) port: u16,
    /// Database.
    pub(crate) database: &'a str,
    /// Role.
    pub(crate) user: &'a str,
}

impl Passfile {
    pub(super) fn new(path: Option<&str>, home: Option<&Path>) -> Self {
        let usual = || home.map(|home| home.join(".pgpass"));
        Self { path: path.map(PathBuf::from).or_else(usual) }
    }

    /// Finds the password.
    ///
    /// # Errors
    /// Why an existing file is not used.
    pub(crate) fn password(&self, of: PassfileEntry<'_>) -> Result<Option<String>, String> {
        let Some(path) = &self.path else { return Ok(None) };
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        };
        let mode = metadata.permissions().mode();
        if !metadata.is_file() {
            return Ok(None);
        }
        // libpq does not use it either.
        if mode & 0o077 != 0 || metadata.len() > MAX_BYTES {
            return Err(format!(
                "the passwords in {path} were not used: others than its owner may read it, or it is \
                 larger than 1 MiB; run: chmod 0600 {path}",
                path = path.display()
            ));
        }
        let text = fs::read_to_string(path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        Ok(text.lines().find_map(|line| find(line, of)))
    }
}

/// Splits `host:port:database:user:password`; `\` escapes the next character.
fn find(line: &str, of: PassfileEntry<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = vec![(String::new(), false)];
    let mut escaped = false;
    for c in line.chars() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            // The last field extends to the end of the line.
            ':' if !escaped && fields.len() < 5 => fields.push((String::new(), false)),
            c => {
                if let Some((field, was_escaped)) = fields.last_mut() {
                    field.push(c);
                    *was_escaped |= escaped;
                }
            }
        }
        escaped = false;
    }
    let [host, port, database, user, (password, _)] = fields.as_slice() else { return None };
    let number = of.port.to_string();
    let wanted =
        [(host, of.host), (port, number.as_str()), (database, of.database), (user, of.user)];
    let fits = wanted
        .iter()
        .all(|((field, escaped), wanted)| field == wanted || (field == "*" && !escaped));
    fits.then(|| password.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: PassfileEntry<'_> =
        PassfileEntry { host: "h", port: 5432, database: "db", user: "u" };

    #[test]
    fn the_first_line_that_fits() {
        for (line, password) in [
            ("h:5432:db:u:pw", Some("pw")),
            ("*:*:*:*:p:w", Some("p:w")),
            (r"h:5432:db:u:p\:w\\", Some(r"p:w\")),
            ("# *:*:*:*:pw", None),
            ("h:5433:db:u:pw", None),
            (r"\*:*:*:*:pw", None),
            ("h:5432:db:u", None),
            ("", None),
        ] {
            assert_eq!(find(line, OF).as_deref(), password, "{line}");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_not_used() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(".pgpass");
        let file = Passfile::new(None, Some(folder.path()));
        assert_eq!(file.password(OF), Ok(None));
        fs::write(&path, "other:*:*:*:no\nh:*:*:u:s3cret!\n")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        assert_eq!(file.password(OF), Ok(Some("s3cret!".to_owned())));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
        let refused = file.password(OF).err().unwrap_or_default();
        assert!(refused.contains("chmod 0600") && !refused.contains("s3cret!"), "{refused}");
        Ok(())
    }
}
