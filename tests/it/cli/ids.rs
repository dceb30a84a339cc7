//! `user convert_id`, without a database.

use anyhow::Result;
use testkit::Ostrakon;

#[test]
fn ids_are_converted_without_a_database() -> Result<()> {
    let ostrakon = Ostrakon::nowhere();
    for (typed, printed) in [
        ("A1b2c3d4e5f6g7h8i9", "00000176-0587-1a77-8696-d732c8fc27a9"),
        ("00000176-0587-1a77-8696-d732c8fc27a9", "A1b2c3d4e5f6g7h8i9"),
        ("0000017605871A778696D732C8FC27A9", "A1b2c3d4e5f6g7h8i9"),
        ("1234567", "00000000-0000-0000-0000-00000012d687"),
        ("00000000-0000-0000-0000-00000012d687", "1234567"),
    ] {
        let done = ostrakon.run(&["user", "convert_id", typed])?;
        assert_eq!((done.stdout, done.code), (format!("{printed}\n"), 0), "{typed}");
    }
    let done = ostrakon.run(&["user", "convert-id", "1234567", "--json"])?;
    let object = "{\"command\":\"convert_id\",\"flake\":\"1234567\",\
                  \"uuid\":\"00000000-0000-0000-0000-00000012d687\"}\n";
    assert_eq!((done.stdout.as_str(), done.code), (object, 0));
    Ok(())
}

#[test]
fn what_is_no_id_is_refused() -> Result<()> {
    let ostrakon = Ostrakon::nowhere();
    let long = "A1".repeat(5_000);
    for typed in
        ["", " ", "alice", "A1b2c3d4e5f6g7h8i!", "'; drop table users; --", "a\u{1b}[2J", &long]
    {
        let done = ostrakon.run(&["user", "convert_id", typed])?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 2), "{typed:?}");
        assert!(done.stderr.contains("is not an id") && done.stderr.len() < 250, "{done:?}");
    }
    Ok(())
}
