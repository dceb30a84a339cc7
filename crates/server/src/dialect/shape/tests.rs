use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
};

use anyhow::{Context as _, Result, ensure};
use sqlx::{Connection as _, PgConnection};
use testkit::{Database, Release};

use super::{
    super::{NewerRelease, probe},
    *,
};

/// Objects of all releases of the kit that are recognised, as in `objects.tsv`.
async fn of_the_kit() -> Result<String> {
    let mut releases: BTreeMap<&str, Vec<BTreeSet<String>>> = BTreeMap::new();
    for release in &Release::ALL {
        let database = Database::of_release(release).await?;
        let mut db = PgConnection::connect(database.url()).await?;
        if let Ok(probed) = probe(&mut db).await {
            let found = objects(&mut db, probed.dialect).await?;
            let found = found.into_iter().map(|object| object.line).collect();
            releases.entry(probed.dialect.name).or_default().push(found);
        }
    }
    let mut owners: BTreeMap<&String, Vec<String>> = BTreeMap::new();
    for (dialect, releases) in &releases {
        for object in releases.iter().flatten().collect::<BTreeSet<_>>() {
            let everywhere = releases.iter().all(|release| release.contains(object));
            let mark = if everywhere { "" } else { "?" };
            owners.entry(object).or_default().push(format!("{dialect}{mark}"));
        }
    }
    let mut text = String::new();
    for (object, dialects) in owners {
        writeln!(text, "{}\t{object}", dialects.join(" "))?;
    }
    Ok(text)
}

#[tokio::test]
async fn known_objects_are_those_of_the_kit() -> Result<()> {
    let found = of_the_kit().await?;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dialect/shape/objects.tsv");
    if std::env::var_os("UPDATE_OBJECTS").is_some() {
        fs::write(path, &found)?;
    }
    ensure!(
        fs::read_to_string(path)? == found,
        "{path} is not what the kit's releases have: UPDATE_OBJECTS=1 cargo xtask test known_objects"
    );
    Ok(())
}

/// Number of a migration that no release has.
const NEWER: &str =
    "insert into schema_migrations (version, inserted_at) values (99990101000000, now());";

/// What a later release may change, and what is said of it.
const CHANGES: &[(&str, &str)] = &[
    ("alter table users add diary text", "unknown: column users.diary text"),
    (
        "alter table oban_jobs add unit text not null",
        "unknown: column oban_jobs.unit text not null",
    ),
    (
        "alter table activities add body text generated always as (data ->> 'content') stored",
        "unknown: column activities.body text",
    ),
    (
        "alter table users alter column note_count type bigint",
        "missing: column users.note_count integer",
    ),
    ("create unique index on users (name)", "unknown: unique index on users USING btree (name)"),
    (
        "create unique index on oban_jobs (args)",
        "unknown: unique index on oban_jobs USING btree (args)",
    ),
    (
        "drop index following_relationships_following_id_index",
        "missing: index on following_relationships USING btree (following_id)",
    ),
    (
        "alter table users add constraint named check (nickname <> '')",
        "unknown: constraint on users CHECK",
    ),
    (
        "create table diaries (user_id uuid references users)",
        "unknown: constraint on diaries FOREIGN KEY (user_id) REFERENCES users(id)",
    ),
    (
        "create function f() returns trigger language plpgsql as 'begin return new; end';
         create trigger noted before delete on notifications for each row execute function f()",
        "unknown: CREATE TRIGGER noted BEFORE DELETE ON notifications",
    ),
    (
        "create rule kept as on delete to following_relationships do instead nothing",
        "unknown: CREATE RULE kept AS ON DELETE TO following_relationships",
    ),
    ("alter table activities enable row level security", "unknown: row security of activities"),
    ("create table later_objects () inherits (objects)", "unknown: objects is no plain table"),
    ("comment on table oban_jobs is '15'", "its oban_jobs has 15"),
    (
        "alter table activities add foreign key (actor) references users (ap_id) on delete cascade not valid",
        "unknown: constraint on activities FOREIGN KEY (actor)",
    ),
    (
        "create table diaries (id int primary key, user_id uuid references users on delete cascade);
         create table pages (diary_id int references diaries)",
        "unknown: constraint on pages FOREIGN KEY (diary_id)",
    ),
    ("alter table users alter column name type varchar(255) collate \"C\"", "collate"),
    (
        "update pg_index set indisvalid = false
         where indexrelid = 'following_relationships_following_id_index'::regclass",
        "missing: index on following_relationships USING btree (following_id)",
    ),
    ("alter table users drop mascot", "missing: column users.mascot"),
];

/// What a later release may change without any effect on the statements.
const HARMLESS: &[&str] = &[
    "",
    "create table diaries (user_id uuid references users on delete cascade, activity_id uuid \
     references activities on delete set null)",
    "create index on users (name)",
    "alter table bookmarks add color text",
    "create index on objects ((data ->> 'type'), id)",
    "create function f() returns int language sql as 'select 1'",
    "create table diaries (user_id uuid);
     alter table diaries add foreign key (user_id) references users on delete cascade
         deferrable initially deferred not valid",
    // The search with RUM indexes, which an administrator may have switched on.
    "alter table objects add fts_content tsvector;
     create function objects_fts_update() returns trigger language plpgsql as 'begin return new; end';
     create trigger tsvectorupdate before insert or update on objects
         for each row execute function objects_fts_update()",
    "alter index following_relationships_following_id_index set (fillfactor = 90)",
];

async fn newer(db: &mut PgConnection, change: &str) -> Result<NewerRelease> {
    let mut transaction = db.begin().await?;
    let sql = testkit::put_together(format!("{NEWER}{change}"));
    sqlx::raw_sql(sql).execute(&mut *transaction).await.with_context(|| change.to_owned())?;
    let probed = probe(&mut transaction).await.with_context(|| change.to_owned())?;
    transaction.rollback().await?;
    probed.newer.with_context(|| format!("not newer: {change}"))
}

/// Releases of the kit that are recognised.
async fn recognised() -> Result<Vec<(&'static Release, Database, PgConnection)>> {
    let mut recognised = Vec::new();
    for release in &Release::ALL {
        let database = Database::of_release(release).await?;
        let mut db = PgConnection::connect(database.url()).await?;
        if let Ok(probed) = probe(&mut db).await {
            ensure!(probed.newer.is_none(), "{}: {probed:?}", release.name);
            recognised.push((release, database, db));
        }
    }
    Ok(recognised)
}

#[tokio::test]
async fn what_the_statements_touch_is_compared() -> Result<()> {
    for (release, _database, mut db) in recognised().await? {
        let (mut fingerprints, mut all_lines) = (BTreeSet::new(), BTreeSet::new());
        let has_queue_versions = !probe(&mut db).await?.dialect.oban_versions.is_empty();
        let changes = CHANGES
            .iter()
            .filter(|(change, _)| has_queue_versions || !change.contains("comment on"));
        for (change, expected) in changes.clone() {
            let newer = newer(&mut db, change).await?;
            let lines = newer.differences.lines();
            let named = lines.iter().any(|line| line.contains(expected));
            ensure!(named, "{}: {change}: {lines:?}", release.name);
            ensure!(newer.lacks == change.contains("drop mascot"), "{}: {change}", release.name);
            fingerprints.insert(newer.differences.fingerprint());
            all_lines.insert(lines.to_vec());
        }
        // Other differences have another name.
        ensure!(fingerprints.len() == all_lines.len(), "{}: {fingerprints:?}", release.name);
        ensure!(all_lines.len() + 1 >= changes.count(), "{}: {all_lines:?}", release.name);
        for change in HARMLESS {
            let newer = newer(&mut db, change).await?;
            let lines = newer.differences.lines();
            ensure!(lines.is_empty(), "{}: {change}: {lines:?}", release.name);
        }
    }
    Ok(())
}

/// A function that a trigger or an index calls is one that the statements call.
#[tokio::test]
async fn the_functions_that_the_server_calls_are_compared() -> Result<()> {
    for (release, database, mut db) in recognised().await? {
        let functions: Vec<(String, String)> = sqlx::query_as(
            "select p.oid::regprocedure::text, pg_get_functiondef(p.oid) from pg_proc p
             where p.pronamespace = 'public'::regnamespace and p.proname = any ($1)",
        )
        .bind([
            "activity_visibility",
            "associated_object_id",
            "update_status_visibility_counter_cache",
        ])
        .fetch_all(&database.pool())
        .await?;
        for (name, definition) in functions {
            let change = definition.replacen("begin", "begin perform 1; ", 1);
            ensure!(change != definition, "{name}");
            let newer = newer(&mut db, &change).await?;
            let lines = newer.differences.lines();
            let (unknown, missing) =
                (format!("unknown: function {name}"), format!("missing: function {name}"));
            ensure!(
                lines.len() == 2
                    && lines[0].starts_with(&unknown)
                    && lines[1].starts_with(&missing)
                    || lines.len() == 1 && lines[0].starts_with(&unknown),
                "{}: {lines:?}",
                release.name
            );
        }
    }
    Ok(())
}

/// One sign may change in a release that is newer, but not two: that is another server.
#[tokio::test]
async fn a_newer_release_may_lose_one_sign() -> Result<()> {
    let database = Database::of_release(Release::named("akkoma-3.20")?).await?;
    let mut db = PgConnection::connect(database.url()).await?;
    let newer = newer(&mut db, "drop table user_frontend_setting_profiles").await?;
    let lines = newer.differences.lines();
    ensure!(lines.iter().any(|line| line.contains("user_frontend_setting_profiles")), "{lines:?}");
    let change =
        format!("{NEWER}drop table user_frontend_setting_profiles; create table chats (id int)");
    sqlx::raw_sql(testkit::put_together(change)).execute(&mut db).await?;
    ensure!(probe(&mut db).await.is_err());
    Ok(())
}

/// A label that a statement names is missed, although it is no object of a table.
#[tokio::test]
async fn a_missing_label_is_a_difference() -> Result<()> {
    for (release, _database, mut db) in recognised().await? {
        let newer =
            newer(&mut db, "alter type oban_job_state rename value 'retryable' to 'later'").await?;
        let lines = newer.differences.lines();
        ensure!(
            newer.lacks && lines.iter().any(|line| line.contains("'retryable'")),
            "{}: {lines:?}",
            release.name
        );
    }
    Ok(())
}
