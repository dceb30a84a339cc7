//! What cargo does not see to: imports between folders of the program, and words that a crate must
//! not know. (Which crate knows which other one stands in their `Cargo.toml`.)

use anyhow::{Result, ensure};

use crate::source_files::each_file;

/// A folder, and what nothing in it may contain.
const NEVER: [(&str, &[&str]); 7] = [
    ("src/requests", &["cli::", "println!", "eprint", "crate::worker"]),
    ("src/session", &["cli::", "crate::worker"]),
    ("src/settings", &["cli::", "crate::worker"]),
    ("src/worker", &["cli::"]),
    ("crates/engine/src", &["ostrakon_server", "ostrakon_jobs", "ostrakon_queue"]),
    ("crates/queue/src", &["ostrakon_server", "ostrakon_jobs"]),
    ("crates/server/src", &["ostrakon_engine", "ostrakon_jobs", "ostrakon_queue"]),
];

/// What the engine must not know of: any server could have its jobs.
const SERVER_WORDS: [&str; 8] = [
    "pleroma",
    "akkoma",
    "oban",
    "activitypub",
    "counter_cache",
    "federat",
    "fediverse",
    "public.activities",
];

#[test]
fn imports_go_one_way() -> Result<()> {
    for (folder, others) in NEVER {
        let mut files = 0;
        each_file(folder, &mut |path, text| {
            files += 1;
            for other in others {
                ensure!(!text.contains(other), "{path} contains {other}");
            }
            Ok(())
        })?;
        ensure!(files > 1, "only {files} files in {folder}");
    }
    Ok(())
}

#[test]
fn the_engine_knows_no_server() -> Result<()> {
    each_file("crates/engine/src", &mut |path, text| {
        let text = text.to_lowercase();
        for word in SERVER_WORDS {
            ensure!(!text.contains(word), "{path} contains {word}");
        }
        Ok(())
    })
}

/// A difference between servers is a fact of the dialect: nothing else asks for a dialect's name.
#[test]
fn nothing_but_the_dialects_compares_their_names() -> Result<()> {
    let names =
        ["dialect.name ==", "dialect.name !=", "match server.dialect.name", "dialect.title =="];
    for folder in ["crates", "jobs/src", "src"] {
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
