//! The files of this repository, for tests about the code itself.

use std::{fs, path::Path};

use anyhow::Result;

/// Calls a function for every file below a folder, with its path from the root and its text.
pub(crate) fn each_file(
    folder: &str,
    look: &mut impl FnMut(&str, &str) -> Result<()>,
) -> Result<()> {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))? {
        let entry = entry?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            each_file(&path, look)?;
        } else {
            look(&path, &fs::read_to_string(entry.path())?)?;
        }
    }
    Ok(())
}
