//! Which value takes precedence, and what is reported about it.

use std::time::Duration;

use ostrakon_server::{Refresh, Search};

use super::{
    super::{secret::SecretUrl, *},
    Machine,
};

fn concurrency(loaded: &Loaded) -> (u32, String) {
    let origin = loaded.origin("worker.concurrency").map(Origin::to_string);
    (loaded.settings.worker.concurrency, origin.unwrap_or_default())
}

#[test]
fn each_layer_beats_the_one_before() {
    let machine = Machine::new();
    assert_eq!(concurrency(&machine.loaded()), (2, "default".to_owned()));

    let machine = machine.file("[worker]\nconcurrency = 3");
    let file = format!("file {}", machine.usual_file().display());
    assert_eq!(concurrency(&machine.loaded()), (3, file));

    let machine = machine.variable("OSTRAKON_WORKER_CONCURRENCY", "4");
    let environment = "environment OSTRAKON_WORKER_CONCURRENCY".to_owned();
    assert_eq!(concurrency(&machine.loaded()), (4, environment));

    let machine = machine.flags(Overrides { worker_concurrency: Some(5), ..Overrides::default() });
    assert_eq!(concurrency(&machine.loaded()), (5, "flag".to_owned()));
    assert_eq!(machine.loaded().settings.worker.short_concurrency, 1, "the rest stays");
}

#[test]
fn every_flag_sets_its_key() {
    let flags = Overrides {
        config: None,
        instance_url: Some("https://flag.example".to_owned()),
        worker_concurrency: Some(7),
        worker_short_concurrency: Some(8),
        log_level: Some("debug".to_owned()),
        log_format: Some("json".to_owned()),
    };
    let loaded = Machine::new().flags(flags).loaded();
    let given: Vec<_> = loaded
        .entries()
        .into_iter()
        .filter(|entry| entry.origin == Origin::Flag)
        .map(|entry| format!("{} = {}", entry.key, entry.value.unwrap_or_default()))
        .collect();
    insta::assert_snapshot!(given.join("\n"), @"
    instance_url = https://flag.example
    worker.concurrency = 7
    worker.short_concurrency = 8
    log.level = debug
    log.format = json
    ");
}

#[test]
fn the_common_names_are_weaker_than_ours_and_stronger_than_the_file() {
    let machine = Machine::new()
        .file("[database]\nurl = \"postgres://file/db\"\n[redis]\nurl = \"redis://file\"")
        .variable("DATABASE_URL", "postgres://common/db")
        .variable("REDIS_URL", "redis://common");
    let urls = |machine: &Machine| {
        let settings = machine.loaded().settings;
        let database = settings.database.url().map(ToString::to_string).unwrap_or_default();
        let redis = settings.redis.url.map(|url| url.to_string()).unwrap_or_default();
        format!("{database} {redis}")
    };
    assert_eq!(urls(&machine), "postgres://common/db redis://common");
    let machine = machine
        .variable("OSTRAKON_DATABASE_URL", "postgres://ours/db")
        .variable("OSTRAKON_REDIS_URL", "redis://ours");
    assert_eq!(urls(&machine), "postgres://ours/db redis://ours");
}

#[test]
fn a_common_name_that_is_not_in_force_may_say_anything() {
    let machine = Machine::new()
        .variable("DATABASE_URL", "sqlite://other-program.db")
        .variable("OSTRAKON_DATABASE_URL", "postgres://ours/db");
    assert!(machine.loaded().settings.database.url().is_ok());
}

#[test]
fn the_file_is_found_by_flag_then_variable_then_place() {
    let other = Machine::new().file("[worker]\nconcurrency = 6");
    let third = Machine::new().file("[worker]\nconcurrency = 7");
    let machine = Machine::new()
        .file("[worker]\nconcurrency = 5")
        .variable("OSTRAKON_CONFIG", other.usual_file());
    assert_eq!(machine.loaded().settings.worker.concurrency, 6);
    let flags = Overrides { config: Some(third.usual_file()), ..Overrides::default() };
    assert_eq!(machine.flags(flags).loaded().settings.worker.concurrency, 7);
}

#[test]
fn booleans_of_the_environment_have_six_spellings() {
    for (text, value) in
        [("true", true), ("1", true), ("Yes", true), ("FALSE", false), ("0", false), ("no", false)]
    {
        let loaded = Machine::new().variable("OSTRAKON_SERVER_FEDERATING", text).loaded();
        assert_eq!(loaded.settings.server.federating, Some(value), "{text}");
    }
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let machine =
        Machine::new().variable("OSTRAKON_SERVER_SEARCH", "").variable("OSTRAKON_CONFIG", "");
    assert_eq!(machine.loaded().settings.server.search, None);
}

#[test]
fn what_is_not_given_is_left_to_the_server() {
    let server = Machine::new().loaded().settings.server;
    assert_eq!((server.federating, server.cleanup_attachments), (None, None));
    assert_eq!((server.cleanup_attachments_delay, server.search), (None, None));
    assert_eq!((server.external_user_synchronization, server.refresh), (None, None));
}

#[test]
fn values_arrive_typed() {
    let settings = Machine::new()
        .file("instance_url = \"https://social.example\"\n[server]\nsearch = \"meilisearch\"\nrefresh = \"off\"")
        .variable("OSTRAKON_SERVER_CLEANUP_ATTACHMENTS_DELAY", "1h 30m")
        .variable("OSTRAKON_LOG_FORMAT", "json")
        .loaded()
        .settings;
    assert_eq!(settings.instance_url.map(String::from).as_deref(), Some("https://social.example/"));
    assert_eq!(settings.server.search, Some(Search::Meilisearch));
    assert_eq!(settings.server.refresh, Some(Refresh::Off));
    assert_eq!(settings.server.cleanup_attachments_delay, Some(Duration::from_mins(90)));
    assert_eq!(settings.worker.poll_interval, Duration::from_millis(200));
    assert_eq!(settings.log.format, LogFormat::Json);
}

#[test]
fn what_is_set_names_its_origin_and_no_password() {
    let machine = Machine::new()
        .file("[redis]\nurl = \"redis://:hunter2@cache:6379/3\"")
        .variable("DATABASE_URL", "postgres://admin:hunter2@db:5432/social?sslmode=require")
        .variable("OSTRAKON_SERVER_FEDERATING", "no");
    let loaded = machine.loaded();
    assert!(!format!("{loaded:?}").contains("hunter2"));
    // `config show` lists all of them: tests/it/cli/config.rs.
    let set = loaded.entries().into_iter().filter(|entry| entry.origin.to_string() != "default");
    let lines = set.map(|entry| {
        let value = entry.value.as_deref().unwrap_or("-");
        format!("{} | {value} | {}", entry.key, entry.origin)
    });
    let lines: Vec<_> = lines.collect();
    insta::assert_snapshot!(machine.redacted(&lines.join("\n")), @r"
    database.url | postgres://admin:***@db:5432/social?sslmode=require | environment DATABASE_URL
    redis.url | redis://:***@cache:6379/3 | file DIR/ostrakon.toml
    server.federating | false | environment OSTRAKON_SERVER_FEDERATING
    ");
    let url = loaded.settings.database.url().map(SecretUrl::expose).unwrap_or_default();
    assert_eq!(url, "postgres://admin:hunter2@db:5432/social?sslmode=require");
}

#[test]
fn commands_log_as_text_at_warn_unless_asked() {
    let log = |machine: &Machine| {
        let log = machine.loaded().command_log();
        (log.level, log.format)
    };
    let machine = Machine::new().variable("OSTRAKON_LOG_FORMAT", "json");
    assert_eq!(log(&machine), ("warn".to_owned(), LogFormat::Text));
    let machine = machine.variable("OSTRAKON_LOG_LEVEL", "info,sqlx=debug");
    assert_eq!(log(&machine), ("info,sqlx=debug".to_owned(), LogFormat::Text));
}
