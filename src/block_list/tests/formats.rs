//! Files as the programs write them.

use super::*;

const A_B: [&str; 2] = ["a.example", "b.example"];

#[test]
fn plain_lines_have_comments_blank_lines_and_doubles() {
    let list =
        list("\u{feff}# spam\n\nspam.example\r\n  other.example  # since May\nSPAM.Example.\n#x");
    let lines = [(Place::Line(3), "spam.example"), (Place::Line(4), "other.example")];
    assert_eq!(hosts(&list), lines);
    assert_eq!(comments(&list), ["", "since May"]);
    assert_eq!((list.skipped.duplicate, list.lacks_severities), (1, false));
    assert_eq!(names(&super::list("a.example\rb.example\r")), A_B);
    assert_eq!(names(&super::list("bücher.example\n")), ["xn--bcher-kva.example"]);
}

#[test]
fn mastodon() {
    let file = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\n\
                a.example,suspend,true,true,\"spam, and \"\"more\"\"\",true\n\
                c.example,silence,false,false,,false\n\
                d.example,noop,true,false,media,false\n\
                b.example,suspend,false,false,,false\n";
    let list = list(file);
    assert_eq!(hosts(&list), [(Place::Line(2), "a.example"), (Place::Line(5), "b.example")]);
    assert_eq!(comments(&list), ["spam, and \"more\"", ""]);
    assert_eq!((list.skipped.silence, list.skipped.noop), (1, 1));
    assert_eq!(list.skipped.sentence().as_deref(), Some("1 silence, 1 noop"));
    assert_eq!(list_by(file, &any()).entries.len(), 4);
}

#[test]
fn without_a_header_the_second_column_has_the_severities() {
    let list =
        list("a.example,suspend,TRUE,True,bots,t\r\nc.example,limit,1,y,,\r\nb.example,Suspend");
    assert_eq!(names(&list), A_B);
    assert_eq!(comments(&list), ["bots", ""]);
    assert_eq!(list.skipped.silence, 1);
    // One column, quoted or not.
    for file in
        ["\"a.example\"\n\"b.example\"\n", "a.example,\r\nb.example,\r\n", "a.example;\nb.example;"]
    {
        assert_eq!(names(&super::list(file)), A_B, "{file:?}");
    }
}

#[test]
fn fediblockhole_and_oliphant() {
    let list = list(
        "domain,severity,private_comment,public_comment,reject_media,reject_reports,obfuscate,count\n\
         a.example,suspend,seen twice,hate speech,True,TRUE,,7\n\
         b.example,SUSPEND,,hate speech,t,1,y,2\n\
         c.example,silence,,,,,,1\n",
    );
    assert_eq!(names(&list), A_B);
    // Public comment and private comment, as they stand.
    assert_eq!(comments(&list), ["seen twice; hate speech", "hate speech"]);
    // Other columns, in another order, with other separators and with spaces.
    for file in [
        "public_comment,obfuscate,severity,domain\nx,,suspend,a.example\ny,,suspend,b.example\n",
        "Domain;Severity\na.example;suspend\nb.example;suspend\n",
        "domain\tseverity\na.example\tsuspend\nb.example\tsuspend",
        "\"domain\", \"severity\"\n\"a.example\", \"suspend\"\n\"b.example\", \"suspend\"\n",
        "Instance,Severity,Reject Media\na.example,suspend,\nb.example,suspend,\n,,\n\n",
    ] {
        assert_eq!(names(&super::list(file)), A_B, "{file}");
    }
}

#[test]
fn whole_lines_in_quotes_are_unpacked() {
    let list = list("\"domain,severity\"\n\"a.example,suspend\"\n\"b.example,\"\"suspend\"\"\"\n");
    assert_eq!(names(&list), A_B);
}

#[test]
fn a_comment_may_have_line_ends() {
    let list = list(
        "domain,severity,public_comment\n# put together, by \"hand\na.example,suspend,\"one\r\ntwo\"\nb.example,suspend,\n",
    );
    assert_eq!(hosts(&list), [(Place::Line(3), "a.example"), (Place::Line(5), "b.example")]);
    assert_eq!(comments(&list), ["one two", ""]);
}

#[test]
fn lists_of_iftas_have_a_canary() {
    let row = |host: &str, label: &str| {
        format!("\"{host}\",\"suspend\",\"FALSE\",\"FALSE\",\"{label}\",\"TRUE\"\r\n")
    };
    let header = "\"#domain\",\"#severity\",\"#reject_media\",\"#reject_reports\",\"#public_comment\",\"#obfuscate\"\r\n";
    let rows = row("a.example", "iftas:csam;iftas:spam") + &row("b.example", "IFTAS:spam");
    let canary = row("dni.invalid", "iftas:canary");
    for header in [header, ""] {
        let list = list(format!("{header}{canary}{rows}"));
        assert_eq!(names(&list), A_B);
        assert_eq!(comments(&list)[0], "iftas:csam;iftas:spam");
        assert_eq!(list.skipped.canary, 1);
        assert!(fault(format!("{header}{rows}")).contains("not its canary row dni.invalid"));
    }
    // A list that does not say it is of IFTAS needs none.
    assert_eq!(list("a.example\nx.invalid\nb.example").skipped.canary, 1);
    // Nor does a list of hosts to leave out.
    assert_eq!(read_allowed(rows.as_bytes()).map(|hosts| hosts.len()), Ok(2));
}

#[test]
fn gotosocial_and_mastodons_public_list() {
    let list = list(
        r#"[{"domain":"a.example","suspended_at":"2026-05-13T13:29:12.000Z","public_comment":"jerks"},
            {"domain":"c.example","silenced_at":"2026-05-13T13:29:12.000Z"},
            {"suspended_at":"2026-05-13T13:29:12.000Z","domain":"B.example","more":[1,{"x":null}]}]"#,
    );
    assert_eq!(hosts(&list), [(Place::Entry(1), "a.example"), (Place::Entry(3), "b.example")]);
    assert_eq!((comments(&list)[0], list.skipped.silence), ("jerks", 1));
    let list = super::list(
        r#"[{"domain":"a.example","digest":"0f","severity":"suspend","comment":"x\u0000y"},
            {"domain":"c.example","digest":"0e","severity":"silence","comment":null}]"#,
    );
    assert_eq!((comments(&list), list.skipped.silence), (vec!["x y"], 1));
    let list = super::list(r#" [ {"domain":"a.example","comment":""}, {"domain":"b.example"} ] "#);
    assert_eq!((names(&list), list.lacks_severities), (A_B.to_vec(), true));
}

#[test]
fn rapidblock() {
    let list = list(
        r#"{"@spec":"x","blocks":{"b.example":{"isBlocked":true,"reason":"bots","tags":["spam","bots"]},
            "c.example":{"isBlocked":false},"a.example":{"isBlocked":true,"tags":[],"reason":null}}}"#,
    );
    assert_eq!(hosts(&list), [(Place::Entry(1), "b.example"), (Place::Entry(3), "a.example")]);
    assert_eq!(comments(&list), ["bots; spam, bots", ""]);
    assert_eq!(list.skipped.not_blocked, 1);
}

#[test]
fn a_table_without_severities_is_taken_whole() {
    let list = list("domain,public_comment\na.example,spam\nb.example,\n");
    assert_eq!((names(&list), list.lacks_severities), (A_B.to_vec(), true));
}

#[test]
fn allowed_hosts_are_taken_out() {
    let file = "a.example\nb.example\nx.c.example\n";
    let list = list_by(file, &allowing(&["B.example.", "c.example", "nobody.example"]));
    // Exactly these hosts: a sub-domain is another instance.
    assert_eq!((names(&list), list.skipped.allowed), (vec!["a.example", "x.c.example"], 1));
    let with_subdomains = Rules { include_subdomains: true, ..allowing(&["good.b.example"]) };
    let Err(Fault::Rows(bad)) = read(file.as_bytes(), None, &with_subdomains) else { panic!() };
    assert!(bad.first[0].1.contains("would include good.b.example"), "{bad:?}");
    assert_eq!(bad.first[0].0, Place::Line(2));
    for file in [
        "b.example",
        "domain,severity\nb.example,whatever",
        r#"{"blocks":{"b.example":{"isBlocked":false}}}"#,
        r#"[{"domain":"b.example"}]"#,
    ] {
        let allowed = read_allowed(file.as_bytes()).unwrap_or_default();
        assert_eq!(allowed, HashSet::from_iter(Host::parse("b.example")), "{file}");
    }
    assert!(read_allowed(b"*.b.example").is_err() && read_allowed(b"").is_err());
}

#[test]
fn a_host_that_is_named_twice_counts_once() {
    let list = list(
        "domain,severity,comment\na.example,silence,x\nA.example,suspend,\na.example.,suspend,y\n",
    );
    assert_eq!(hosts(&list), [(Place::Line(3), "a.example")]);
    assert_eq!((comments(&list), list.skipped.duplicate), (vec!["y"], 1));
}

#[test]
fn long_comments_are_cut() {
    let list = list(format!("domain,comment\na.example,{}", "é ".repeat(5_000)));
    let comment = comments(&list)[0];
    assert!(comment.chars().count() == 500 && comment.ends_with('…'), "{comment}");
}
