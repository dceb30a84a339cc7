//! Files that are refused, and what is said about them.

use super::*;
use Place::{Entry, Line};

#[test]
fn every_bad_line_is_named() {
    assert_eq!(places(b"ok.example\n%\nhttps://a.example\n\xff\n"), [2, 3, 4].map(Line));
    assert_eq!(
        places("domain,severity\nok.example,suspend\n,suspend\n127.0.0.1,suspend\n"),
        [3, 4].map(Line)
    );
    assert_eq!(
        places(b"domain,severity\n\xff.example,suspend\nx.example:80,suspend"),
        [2, 3].map(Line)
    );
    assert_eq!(
        places(r#"[{"domain":"a.example"},{"domain":""},{"domain":"x/y"}]"#),
        [2, 3].map(Entry)
    );
    assert_eq!(
        places(r#"{"blocks":{"a.example":{"isBlocked":true},"%":{"isBlocked":true}}}"#),
        [2].map(Entry)
    );
}

#[test]
fn wildcards_and_obfuscated_hosts_refuse_the_list() {
    let file = "domain,severity\n*.a.example,suspend\nb.example,suspend\nex*mpl*.org,silence\n";
    let reasons: Vec<_> = bad(file).into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(
        reasons,
        [
            "\"*.a.example\" is a wildcard: name a.example, and add --include-subdomains",
            "\"ex*mpl*.org\" is obfuscated or a wildcard: get the list with the real names",
        ]
    );
    assert_eq!(places(file), [2, 4].map(Line));
    let list = list_by(file, &skip_invalid());
    assert_eq!((names(&list), list.skipped.obfuscated), (vec!["b.example"], 2));
    assert_eq!(
        list.skipped.unread.lines()[0],
        "  line 2: \"*.a.example\" is a wildcard: name a.example, and add --include-subdomains"
    );
}

#[test]
fn many_bad_rows_are_counted() {
    let file = "b*d.example\n".repeat(1_000);
    let Err(Fault::Rows(bad)) = read(file.as_bytes(), None, &Rules::default()) else { panic!() };
    let reported = bad.tell("it");
    assert!(
        reported.contains("and 980 more lines") && reported.contains("--skip-invalid"),
        "{reported}"
    );
}

#[test]
fn a_severity_is_known_or_the_row_is_named() {
    let file = "domain,severity\na.example,suspend\nb.example,\nc.example,block\nd.example\n";
    assert_eq!(places(file), [3, 4, 5].map(Line));
    assert!(bad(file)[1].1.contains("\"block\" is no severity"));
    assert_eq!(places("a.example,suspend\nb.example\nc.example,sus pend"), [2, 3].map(Line));
    assert_eq!(list_by(file, &skip_invalid()).skipped.invalid, 3);
    let empty = Severities { empty: true, ..Severities::default() };
    let rules = Rules { severities: empty, skip_invalid: true, ..Rules::default() };
    assert_eq!(names(&list_by(file, &rules)), ["a.example", "b.example", "d.example"]);
    let rules =
        Rules { severities: Severities { suspend: false, silence: true, ..empty }, ..rules };
    let list = list_by("a.example,suspend\nb.example,silence\nc.example,\n", &rules);
    assert_eq!((names(&list), list.skipped.suspend), (vec!["b.example", "c.example"], 1));
    let file = r#"[{"domain":"a.example","suspended_at":"2026-05-13"},{"domain":"b.example"}]"#;
    assert_eq!(places(file), [Entry(2)]);
    // A list of all known hosts says of each that it is not suspended.
    let peers =
        r#"[{"domain":"a.example","suspended_at":null},{"domain":"b.example","suspended_at":""}]"#;
    assert_eq!(places(peers), [Entry(1), Entry(2)]);
}

#[test]
fn columns_are_named_once_and_fit() {
    for (file, reason) in [
        ("severity,comment\nsuspend,x", "names columns in line 1, but none of them \"domain\""),
        (
            "domain,severity,severity\na.example,suspend,silence",
            "more than one column of severities",
        ),
        ("domain,host\na.example,b.example", "more than one column of hosts"),
        ("a.example,b.example\nc.example,d.example", "more than one column in line 1"),
        ("a.example\nb.example,because\n", "more than one column in line 2"),
    ] {
        let reported = fault(file);
        assert!(reported.contains(reason), "{file}: {reported}");
    }
    assert_eq!(
        places("domain,severity\na.example,suspend\nb.example,suspend,no, really\n"),
        [Line(3)]
    );
    // Files that were put together: the same columns are fine.
    let twice = "domain,severity\na.example,suspend\n#domain,#severity\nb.example,suspend\n";
    assert_eq!(list(twice).entries.len(), 2);
    let other = "domain,severity\na.example,suspend\n#severity,#domain\nsuspend,b.example\n";
    assert_eq!(places(other), [3, 4].map(Line));
}

#[test]
fn quotes_that_do_not_match_refuse_the_file() {
    for (file, reason) in [
        (
            "domain,severity\na.example,\"suspend\nb.example,suspend\n",
            "line 2, a quote is opened and never closed",
        ),
        ("\"a.example\nb.example", "line 1, a quote is opened and never closed"),
        ("\"a.example\"x,suspend\nb.example,suspend", "line 1, text follows a closing quote"),
        ("\"a.example\n\"b.example\"\n", "line 2, text follows a closing quote"),
    ] {
        let reported = fault(file);
        assert!(reported.contains(reason), "{file}: {reported}");
        // Nobody knows what else the quote has swallowed.
        assert!(matches!(read(file.as_bytes(), None, &skip_invalid()), Err(Fault::File(_))));
    }
}

#[test]
fn what_is_no_list_is_named() {
    let utf16: Vec<u8> = "\u{feff}a.example\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (file, reason) in [
        (b"".as_slice(), "contains no host"),
        (b"\xef\xbb\xbf\r\n\r\n", "contains no host"),
        (b"#domain,#severity\n", "contains no host"),
        (b"[]", "contains no host"),
        (b"{\"blocks\":{}}", "contains no host"),
        (b"a.example,silence\nb.example,noop", "no host that is taken; skipped: 1 silence, 1 noop"),
        (b" <!DOCTYPE html><html><body>404</body></html>", "an HTML page"),
        (b"\x1f\x8b\x08\x00abc", "a compressed file, not a list: unpack it first, with gunzip"),
        (b"PK\x03\x04", "with unzip"),
        (&utf16, "UTF-16"),
        (&utf16[2..], "UTF-16"),
        (b"a.example\nb\0.example", "NUL byte in line 2"),
    ] {
        let reported = fault(file);
        assert!(reported.contains(reason), "{file:?}: {reported}");
    }
}

#[test]
fn json_of_another_shape_is_refused() {
    for (file, reason) in [
        (r#"["a.example","b.example"]"#, "is JSON, but not a list of objects with a \"domain\""),
        (r#"[["a.example","suspend"]]"#, "invalid type: sequence, expected an object"),
        (r#"[{"host":"a.example"}]"#, "missing field `domain`"),
        (r#"[{"domain":"a.example","domain":"b.example"}]"#, "duplicate field `domain`"),
        (r#"[{"domain":7}]"#, "invalid type: integer `7`, expected a string at line 1 column 12"),
        (r#"[{"domain":"a.example"},"#, "is JSON that ends too early"),
        (r#"[{"domain":"a.example"}] x"#, "is not valid JSON: trailing characters"),
        (r#"{"error":"This method requires an authenticated user"}"#, "a server's error message"),
        (r#"{"domain":"a.example"}"#, "is JSON, but not an object with \"blocks\""),
        (r#"{"blocks":["a.example"]}"#, "invalid type: sequence, expected an object with hosts"),
        (r#"{"blocks":{"a.example":true}}"#, "invalid type: boolean `true`, expected an object"),
        (r#"{"blocks":{"a.example":{"isBlocked":"yes"}}}"#, "expected a boolean"),
        (r#"{"blocks":{"a.example":{}}}"#, "missing field `isBlocked`"),
        (
            r#"{"blocks":{"a.example":{"isBlocked":true},"a.example":{"isBlocked":false}}}"#,
            "the key \"a.example\" occurs twice",
        ),
    ] {
        let reported = fault(file);
        assert!(reported.contains(reason), "{file}: {reported}");
    }
    let deep = "[".repeat(100_000);
    let deep_inside = format!(r#"[{{"domain":"a.example","x":{deep}"#);
    for file in [&deep, &deep_inside, &format!("{{\"blocks\":{deep}")] {
        assert!(fault(file).contains("JSON"), "{}", &file[..40]);
    }
    assert!(fault(b"[{\"domain\":\"\xff\"}]").contains("JSON"));
}

#[test]
fn what_is_too_much_is_refused() {
    let long = vec![b'a'; 4 * 1024 + 1];
    assert_eq!(places([b"a.example\n".as_slice(), &long].concat()), [Line(2)]);
    let long = format!("domain,comment\na.example,x\nb.example,{}\n", "x".repeat(17_000));
    assert_eq!(places(long), [Line(3)]);
    assert!(fault(vec![b'#'; FILE_MAX + 1]).contains("larger than 4,194,304 bytes"));
    let many: Vec<String> = (0..=HOSTS_MAX).map(|number| format!("h{number}.example")).collect();
    assert!(fault(many.join("\n")).contains("more than 20,000 hosts"));
}

#[test]
fn a_format_that_is_named_is_not_guessed() {
    let rules = Rules::default();
    let read = |file: &str, format| read(file.as_bytes(), Some(format), &rules);
    assert!(matches!(read("a.example,suspend", Format::Plain), Err(Fault::Rows(_))));
    assert!(matches!(read("a.example", Format::GotosocialJson), Err(Fault::File(_))));
    assert!(matches!(read("[]", Format::RapidblockJson), Err(Fault::File(_))));
    assert!(read("a.example # one, two\n", Format::Csv).is_err());
    assert!(read("a.example # one, two\n", Format::Plain).is_ok());
}
