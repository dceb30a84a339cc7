//! That imports go the ways that CONTRIBUTING.md draws, where cargo does not see to it.

use anyhow::{Result, ensure};

use crate::source_files::each_file;

/// A folder, and what nothing in it may import.
const NEVER: [(&str, &[&str]); 6] = [
    ("jobs/src/engine", &["crate::pleroma", "crate::delete_", "crate::deactivate_", "crate::set_"]),
    ("jobs/src/pleroma", &["crate::engine", "crate::delete_", "crate::deactivate_", "crate::set_"]),
    ("src/queue", &["cli::", "crate::worker"]),
    ("src/session", &["cli::", "crate::worker"]),
    ("src/settings", &["cli::", "crate::worker"]),
    ("src/worker", &["cli::"]),
];

#[test]
fn imports_go_one_way() -> Result<()> {
    for (folder, others) in NEVER {
        let mut files = 0;
        each_file(folder, &mut |path, text| {
            files += 1;
            for other in others {
                ensure!(!text.contains(other), "{path} imports {other}");
            }
            Ok(())
        })?;
        ensure!(files > 1, "only {files} files in {folder}");
    }
    Ok(())
}

/// A difference between servers is a fact of the dialect: nothing else asks for a dialect's name.
#[test]
fn nothing_but_the_dialects_compares_their_names() -> Result<()> {
    let names = ["dialect.name ==", "dialect.name !=", "match server.dialect.name", "dialect.title =="];
    for folder in ["jobs/src", "src"] {
        each_file(folder, &mut |path, text| {
            let inside = path.contains("/dialect/");
            for name in names {
                ensure!(inside || !text.contains(name), "{path} contains {name}");
            }
            Ok(())
        })?;
    }
    Ok(())
}
