//! Lists of texts as the original prints them: in Elixir's syntax.

/// Formats a list of texts on one line.
pub(super) fn inspect(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| one(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// Quotes a text; one with unprintable characters is written as numbers.
fn one(text: &str) -> String {
    if !text.chars().all(is_printable) {
        let bytes: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
        return format!("<<{}>>", bytes.join(", "));
    }
    let mut quoted = String::from("\"");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match escape(c) {
            Some(letter) => quoted.extend(['\\', letter]),
            // Would begin an interpolation.
            None if c == '#' && rest.peek() == Some(&'{') => quoted.push_str("\\#"),
            None => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Letter that stands for a character after a backslash.
fn escape(c: char) -> Option<char> {
    Some(match c {
        '"' | '\\' => c,
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\u{7f}' => 'd',
        '\u{1b}' => 'e',
        '\u{c}' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\u{b}' => 'v',
        _ => return None,
    })
}

fn is_printable(c: char) -> bool {
    let strange = c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    !strange || escape(c).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(texts: &[&str]) -> String {
        inspect(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn lists_are_written_as_elixir_does() {
        assert_eq!(shown(&[]), "[]");
        assert_eq!(shown(&["a", "b c", ""]), r#"["a", "b c", ""]"#);
        assert_eq!(shown(&[r#"say "hi" \ #{x} #y"#]), r#"["say \"hi\" \\ \#{x} #y"]"#);
        assert_eq!(shown(&["a\nb\tc\u{1b}[2J\u{7f}"]), r#"["a\nb\tc\e[2J\d"]"#);
        assert_eq!(shown(&["ärger 🦀"]), "[\"ärger 🦀\"]");
        assert_eq!(shown(&["a\u{1}", "\u{85}"]), "[<<97, 1>>, <<194, 133>>]");
    }

    proptest! {
        #[test]
        fn a_list_is_one_line_without_anything_to_obey(texts: Vec<String>) {
            prop_assert!(!inspect(&texts).contains(char::is_control));
        }
    }
}
