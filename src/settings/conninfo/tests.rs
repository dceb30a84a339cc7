//! What is read out of a connection string, what is refused, and what no message contains.

use std::{
    collections::BTreeMap,
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use proptest::{prelude::*, strategy::ValueTree as _};

use super::{super::redis, *};

fn read(text: &str) -> Result<Conninfo, String> {
    Conninfo::read(text, |_variable| None)
}

/// Hosts and other values found, in one line.
fn seen(text: &str) -> String {
    let info = match read(text) {
        Ok(info) => info,
        Err(fault) => return fault,
    };
    let hosts = info.hosts.iter().map(|host| {
        let (name, address) = (host.name.as_deref(), host.address.as_deref());
        format!(
            "{}{}:{}",
            name.unwrap_or("-"),
            address.map_or(String::new(), |a| format!("={a}")),
            host.port
        )
    });
    let rest = [info.user, info.password, info.database, info.options];
    format!(
        "{} {} {} {:?}",
        hosts.collect::<Vec<_>>().join(","),
        rest.map(|part| part.unwrap_or("-".to_owned())).join(" "),
        info.target.name(),
        info.tls.mode
    )
}

#[test]
fn every_spelling_of_libpq() {
    for (text, expected) in [
        ("postgres://u:pw@h/db", "h:5432 u pw db - any Prefer"),
        ("postgresql://", "-:5432 - - - - any Prefer"),
        ("postgres://u@/db?host=/run/postgresql", "/run/postgresql:5432 u - db - any Prefer"),
        ("postgres://%2Frun%2Fpostgresql/db", "/run/postgresql:5432 - - db - any Prefer"),
        ("postgres://u@[::1]:5433/db", "::1:5433 u - db - any Prefer"),
        (
            "postgres://u@h1:1,[::2],h3:3/db?target_session_attrs=read-write",
            "h1:1,::2:5432,h3:3 u - db - read-write Prefer",
        ),
        ("postgres://h1,h2/db?port=7", "h1:7,h2:7 - - db - any Prefer"),
        (
            "postgres:///db?host=h1,h2&port=1,2&user=u&password=p%26w",
            "h1:1,h2:2 u p&w db - any Prefer",
        ),
        ("postgres://h/a?dbname=b&sslmode=verify-full", "h:5432 - - b - any Verify"),
        ("postgres://h/a?ssl=true", "h:5432 - - a - any Require"),
        ("postgres://h/a?sslmode=require&sslrootcert=/ca", "h:5432 - - a - any Verify"),
        ("postgres://h/a?sslmode=verify-ca&sslrootcert=/ca", "h:5432 - - a - any Verify"),
        ("postgres://h/a?sslrootcert=system", "h:5432 - - a - any Verify"),
        ("postgres://u:p%40%2F%3A@h/a?options=-c%20x%3D1", "h:5432 u p@/: a -c x=1 any Prefer"),
        ("postgres://u:p#w?x@h/a", "h:5432 u p#w?x a - any Prefer"),
        (
            "host=h port=5433 user = u dbname='my db' password=p\\'w",
            "h:5433 u p'w my db - any Prefer",
        ),
        ("host=h hostaddr=10.0.0.1 connect_timeout=0", "h=10.0.0.1:5432 - - - - any Prefer"),
        (
            "postgres://h/a?application_name=x&keepalives=1&gssencmode=prefer",
            "h:5432 - - a - any Prefer",
        ),
    ] {
        assert_eq!(seen(text), expected, "{text}");
    }
}

#[test]
fn what_is_refused() {
    let texts = [
        "",
        "mysql://u:Tr0ub@h/x",
        "localhost",
        "postgres://pleroma:Tr0ub@dor-Secret/1@127.0.0.1/x",
        "postgres://pleroma:Tr0ub/dor@127.0.0.1/x",
        "postgres://pleroma:Tr0ub%dor@127.0.0.1/x",
        "postgres://h/x?sslmod=verify-full",
        "postgres://h/x?password=Tr0ub&sslmod=verify-full",
        "postgres://h/x?Tr0ubador=1",
        "postgres://h/x?sslmode=verifyfull",
        "postgres://h/x?sslmode=require&sslrootcert=system",
        "postgres://h/x?channel_binding=require",
        "postgres://h/x?service=main",
        "postgres://h/x?target_session_attrs=master",
        "postgres://h/x?connect_timeout=5s",
        "postgres://h/x?user",
        "postgres://h:1,h:2,h/x?port=1,2",
        "postgres://h:0/x",
        "postgres://[::1/x",
        "host=h password='Tr0ub",
        "host=h password=Tr0ub dor",
        "host=h sslcert=/x",
    ];
    let reported: Vec<String> = texts.iter().map(|text| seen(text)).collect();
    insta::assert_snapshot!(reported.join("\n"));
}

#[test]
fn the_environment_completes_what_was_not_written() {
    let variables = BTreeMap::from([
        ("PGHOST", "h1"),
        ("PGHOSTADDR", "10.0.0.1"),
        ("PGPASSWORD", "pw"),
        ("PGSSLMODE", "strict"),
    ]);
    let read = |text| Conninfo::read(text, |name| variables.get(name).map(|v| (*v).to_owned()));
    let refused = read("postgres:///db").err().unwrap_or_default();
    assert!(refused.contains("PGSSLMODE") && refused.contains("verify-full"), "{refused}");
    let info = read("postgres://h3/db?sslmode=disable");
    let found = info.map(|info| (info.hosts.len(), info.password));
    assert_eq!(found, Ok((1, Some("pw".to_owned()))));
}

/// Characters of a password: all that have a meaning in a URL, and letters and the one digit that
/// no message contains (the examples in messages have all the others).
fn secret() -> impl Strategy<Value = String> {
    "[XQZJ8@/:?#&=%, '\\[\\]\\\\+;.]{4,16}"
}

/// String with the secret as its password, or where a password was meant to be.
fn with_secret() -> impl Strategy<Value = (String, String)> {
    let frames = prop::sample::select(vec![
        "postgres://pleroma:{}@127.0.0.1/x",
        "postgres://pleroma:{}@127.0.0.1:5432,h2/x?sslmode=disable",
        "postgres://{}@h/x",
        "postgres://:{}@h",
        "postgres:///x?host=h&password={}&sslmod=require",
        "postgres:///x?password={}",
        "postgres://h/x?pasword={}",
        "postgres://h/x?sslpassword={}",
        "postgres://pleroma:{}",
        "host=h password={} user=u",
        "host=h password='{}' sslmod=x",
        "password={}",
        "mysql://u:{}@h/x",
        "redis://:{}@h/0",
        "redis://u:{}@h:6379",
        "rediss://{}@h",
        "unix:///run/redis.sock?pass={}&user=u",
        "{}",
    ]);
    (frames, secret())
        // This parses as the port of a host and more hosts: no password by any rule.
        .prop_filter("an address", |(frame, secret)| {
            *frame != "postgres://pleroma:{}" || read(&frame.replace("{}", secret)).is_err()
        })
        .prop_map(|(frame, secret)| (frame.replace("{}", &secret), secret))
}

/// First four consecutive bytes of a secret that a text contains.
fn piece_in(secret: &str, text: &str) -> Option<String> {
    let mine = |piece: &&[u8]| piece.iter().any(|byte| b"XQZJ8".contains(byte));
    let pieces = secret.as_bytes().windows(4).filter(mine).map(String::from_utf8_lossy);
    pieces.into_iter().find(|piece| text.contains(&**piece)).map(std::borrow::Cow::into_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_part_of_a_secret_is_reported((text, secret) in with_secret()) {
        let mut reported = Vec::new();
        match read(&text) {
            // As messages write the address.
            Ok(info) => reported.push(format!("{info:?}")),
            Err(fault) => reported.push(fault),
        }
        reported.extend(redis::fault(&text));
        for reported in reported {
            prop_assert_eq!(piece_in(&secret, &reported), None, "{} in {}", text, reported);
        }
    }

    #[test]
    fn a_password_that_is_understood_is_masked(secret in "[XQZJ8]{4,16}", quoted in any::<bool>()) {
        let words = if quoted { format!("password='{secret}' host=h") } else { format!("password={secret} host=h") };
        for text in [format!("postgres://u:{secret}@h/x"), format!("postgres:///x?password={secret}&user=u"), words] {
            let masked = mask(&text).unwrap_or_default();
            prop_assert!(masked.contains(MASK) && !masked.contains(&secret), "{}", masked);
        }
    }
}

/// Has libpq parse strings; `None` for each that it refuses.
fn by_libpq(texts: &[String]) -> Result<Vec<Option<BTreeMap<String, String>>>> {
    const SCRIPT: &str = r#"
import ctypes, ctypes.util, json, sys
class Option(ctypes.Structure):
    _fields_ = [(n, ctypes.c_char_p) for n in ("keyword", "envvar", "compiled", "val", "label", "dispchar")] + [("size", ctypes.c_int)]
pq = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
pq.PQconninfoParse.restype = ctypes.POINTER(Option)
pq.PQconninfoParse.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
answers = []
for text in json.load(sys.stdin):
    found = pq.PQconninfoParse(text.encode(), None)
    if not found:
        answers.append(None)
        continue
    values, i = {}, 0
    while found[i].keyword:
        if found[i].val is not None:
            values[found[i].keyword.decode()] = found[i].val.decode("utf8", "replace")
        i += 1
    answers.append(values)
json.dump(answers, sys.stdout)
"#;
    // libpq is installed, since psql needs it.
    let mut python = Command::new("python3")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let input = serde_json::to_vec(texts)?;
    let mut stdin = python.stdin.take().context("no pipe")?;
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = python.wait_with_output()?;
    writer.join().ok().context("a panic")??;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Pieces that strings are composed of, valid and invalid ones.
fn any_text() -> impl Strategy<Value = String> {
    let user = prop::sample::select(vec![
        "", "u@", "u:p@", ":p@", "u:p%40w@", "u:p:w@", "u:p?w@", "@", "u%2@", "u:p#w@",
    ]);
    let host = prop::sample::select(vec![
        "",
        "h",
        "h:1",
        "[::1]",
        "[::1]:2",
        "h1,h2",
        "h1:1,h2:2",
        "h1:1,h2",
        ",",
        "%2Frun",
        "[::1",
        "[]",
        "[::1]x",
        "h:",
        ":1",
    ]);
    let name = prop::sample::select(vec!["", "/", "/db", "/d%20b", "/d:b", "/%zz"]);
    let pair = prop::sample::select(vec![
        "host=/run",
        "port=3",
        "user=x",
        "password=y%3Dz",
        "sslmode=require",
        "a=b",
        "host",
        "user=x=y",
        "ssl=true",
        "dbname=",
        "%75ser=q",
        "connect_timeout=10",
        "",
    ]);
    let url = (user, host, name, prop::collection::vec(pair, 0..3)).prop_map(
        |(user, host, name, pairs)| {
            let query =
                if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
            format!("postgres://{user}{host}{name}{query}")
        },
    );
    let word = prop::sample::select(vec![
        "host=h",
        "port = 5",
        "user= 'a b'",
        "password=p\\ w",
        "dbname=''",
        "user='it\\'s'",
        "user",
        "x=y",
        "user='open",
        "user=a\\",
        "=b",
        "connect_timeout=1",
    ]);
    let words = prop::collection::vec(word, 1..4).prop_map(|words| words.join("  "));
    prop_oneof![3 => url, 1 => words]
}

#[test]
fn strings_mean_what_they_mean_to_libpq() -> Result<()> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let texts: Vec<String> =
        (0..4_000).filter_map(|_| Some(any_text().new_tree(&mut runner).ok()?.current())).collect();
    let mut accepted = 0;
    for (text, theirs) in texts.iter().zip(by_libpq(&texts)?) {
        let ours = split::split(text).and_then(|pairs| {
            let names: Vec<_> = pairs.iter().map(|pair| pair.name.clone()).collect();
            let values = Values::of_text(pairs)?;
            let given = names
                .iter()
                .filter_map(|name| Some((name.to_string(), values.get(name)?.to_owned())));
            Ok(given.collect::<BTreeMap<_, _>>())
        });
        let theirs = theirs.map(|mut values| {
            values.retain(|_, value| !value.is_empty());
            values
        });
        match (ours, theirs) {
            (Ok(ours), Some(theirs)) => {
                assert_eq!(ours, theirs, "{text}");
                accepted += 1;
            }
            // What a URL with an unencoded @ becomes.
            (Err(Fault::Unencoded), _) | (Err(_), None) => {}
            (ours, theirs) => panic!("{text}: {ours:?}, libpq: {theirs:?}"),
        }
    }
    assert!(accepted > 1_000, "only {accepted} of them were any good");
    Ok(())
}
