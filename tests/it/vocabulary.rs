//! Names in the code are the field's words (docs/GLOSSARY.md), not images.

use anyhow::{Result, ensure};

use crate::source_files::each_file;

/// Images that were once names, each with the word to use instead.
const IMAGES: [(&str, &str); 15] = [
    ("bell", "notification"),
    ("brake", "throttle"),
    ("company", "load"),
    ("deed", "action"),
    ("errand", "task"),
    ("farewell", "announce_deletion"),
    ("glance", "poll"),
    ("house", "server or fixture"),
    ("luck", "chance"),
    ("patience", "timeout"),
    ("sight", "snapshot"),
    ("storm", "faults"),
    ("told", "reported"),
    ("town", "population"),
    ("weather", "conditions"),
];

/// Code of a Rust file, without its comments and texts.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut in_text = false;
    for line in text.lines() {
        let mut characters = line.char_indices();
        while let Some((place, character)) = characters.next() {
            match character {
                '\\' if in_text => drop(characters.next()),
                // The character literal of a quotation mark.
                '\'' if !in_text && line[place..].starts_with("'\"'") => drop(characters.nth(1)),
                '"' => in_text = !in_text,
                '/' if !in_text && line[place..].starts_with("//") => break,
                _ if in_text => {}
                other => code.push(other),
            }
        }
        code.push('\n');
    }
    code
}

/// Words of a name, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars() {
        if character == '_' || (character.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = character.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| character != '_') {
            word.extend(character.to_lowercase());
        }
    }
    words
}

#[test]
fn no_name_is_an_image() -> Result<()> {
    let mut found = Vec::new();
    let mut names = 0;
    for folder in ["src", "crates", "jobs/src", "tests/it", "tests/kit/src", "tools", "xtask/src"] {
        each_file(folder, &mut |path, text| {
            let Some("rs") = path.rsplit('.').next() else { return Ok(()) };
            if path.ends_with("/vocabulary.rs") {
                return Ok(());
            }
            let code = code(text);
            let is_part_of_name = |character: char| character.is_alphanumeric() || character == '_';
            for name in code.split(|character| !is_part_of_name(character)) {
                names += 1;
                let words = words(name);
                for (image, word) in IMAGES {
                    if words.iter().any(|one| one == image || one.strip_suffix('s') == Some(image))
                    {
                        found.push(format!("{path}: {name} ({word})"));
                    }
                }
            }
            Ok(())
        })?;
    }
    found.dedup();
    ensure!(names > 100_000, "only {names} names were looked at");
    ensure!(found.is_empty(), "names that are images:\n{}", found.join("\n"));
    Ok(())
}

#[test]
fn a_name_is_taken_apart_into_words() {
    assert_eq!(words("first_Sight"), ["first", "sight"]);
    assert_eq!(words("LoadSnapshot"), ["load", "snapshot"]);
    assert_eq!(words("LEDGER_PATIENCE"), ["ledger", "patience"]);
    assert_eq!(code("let a = \"house // \\\" b\"; // house\nb"), "let a = ; \nb\n");
}
