//! Tests that remove or add each sign: the database is detected as before, or refused; never as
//! another server's.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use sqlx::{Connection as _, Executor as _, PgConnection};
use testkit::{Database, Flavour as Kit, put_together};

use super::{
    catalogue::Catalogue,
    rights::{Demand, demands, labels},
    *,
};

/// Name of the dialect as which the kit's schema should be recognised.
const fn of_kit(kit: Kit) -> &'static str {
    match kit {
        Kit::Pleroma => "pleroma-2.7",
        Kit::Akkoma => "akkoma-3.16",
        Kit::Pleroma22 => "pleroma-2.2",
    }
}

/// Dialect as which the kit's schema should be recognised.
fn dialect(kit: Kit) -> Result<&'static Dialect> {
    let named = DIALECTS.into_iter().find(|dialect| dialect.name == of_kit(kit));
    named.with_context(|| format!("there is no dialect {}", of_kit(kit)))
}

#[test]
fn dialects_have_names_of_their_own() {
    for (n, one) in DIALECTS.iter().enumerate() {
        for other in &DIALECTS[n + 1..] {
            assert_ne!(one.name, other.name);
            assert_ne!(one.title, other.title);
        }
    }
}

/// So no single sign that is added or removed makes one of another.
#[test]
fn any_two_dialects_differ_in_at_least_two_signs() {
    let mut alike = Vec::new();
    let signs = |one: &Dialect, other: &Dialect| {
        one.present.iter().filter(|sign| other.absent.contains(sign)).count()
    };
    for (n, one) in DIALECTS.iter().enumerate() {
        for other in &DIALECTS[n + 1..] {
            let number = signs(one, other) + signs(other, one);
            if number < 2 {
                alike.push((one.name, other.name));
            }
        }
    }
    assert_eq!(alike, []);
}

/// What a database was recognised as, or why it was refused.
type Probed = Result<(&'static Dialect, Detected), String>;

/// Probes a changed database, and reverts the change.
async fn changed(db: &mut PgConnection, change: &str) -> Result<Probed> {
    let mut transaction = db.begin().await?;
    sqlx::raw_sql(put_together(change.to_owned()))
        .execute(&mut *transaction)
        .await
        .with_context(|| change.to_owned())?;
    let probed = match probe(&mut transaction).await {
        Ok(probed) => Ok((probed.dialect, probed.schema)),
        Err(ProbeError::Unknown { found }) => Err(found),
        Err(ProbeError::Database(error)) => bail!("{change}: {error}"),
    };
    transaction.rollback().await?;
    Ok(probed)
}

const FOLLOWED_HASHTAGS: &str = "create table user_follows_hashtag (
    id bigserial primary key, hashtag_id bigint references hashtags,
    user_id uuid references users on delete cascade);";

/// What distinguishes Pleroma 2.10.
const PLEROMA_2_10: &str = "
    create index activities_actor_type_index on activities (actor, (data ->> 'type'));
    insert into schema_migrations (version) values (20250314153704);";

/// Releases and descendants, as changes of the kit's schemas; and the dialect, or what is said of
/// those that are refused.
type Release = (&'static str, Kit, &'static [&'static str], Result<&'static str, &'static str>);

/// See [`Release`].
const RELEASES: &[Release] = &[
    (
        "pleroma 2.10 without its migration",
        Kit::Pleroma,
        &["create index activities_actor_type_index on activities (actor, (data ->> 'type'));"],
        Err("it looks like Pleroma 2.7 to 2.9, but has activities_actor_type_index, which no release"),
    ),
    ("pleroma 2.10", Kit::Pleroma, &[FOLLOWED_HASHTAGS, PLEROMA_2_10], Ok("pleroma-2.10")),
    (
        "pleroma 2.7 with the queue of another",
        Kit::Pleroma,
        &["comment on table oban_jobs is '9'"],
        Err("its oban_jobs has 9"),
    ),
    (
        "unfathomably",
        Kit::Pleroma,
        &[
            FOLLOWED_HASHTAGS,
            "create table webhooks (id bigserial); alter table users add accepts_email_list boolean,
             add actor_types text[], add location text, add outbox_address text;
             comment on table oban_jobs is '14';",
        ],
        Err("it is Unfathomably's (users.actor_types, users.outbox_address)"),
    ),
    (
        "the branch pl of rebased",
        Kit::Pleroma,
        &[
            FOLLOWED_HASHTAGS,
            "create table webhooks (id bigserial); create table domains (id bigserial);
             alter table users add permit_followback boolean;",
        ],
        Err("it is that of Rebased's branch pl (webhooks, domains, users.permit_followback)"),
    ),
    (
        "akkoma 3.16 with a column of 3.14",
        Kit::Akkoma,
        &["alter table users add ap_enabled boolean"],
        Err("users.ap_enabled, which no release"),
    ),
    (
        "akkoma 3.20 without its index",
        Kit::Akkoma,
        &["alter table users add outbox text; comment on table oban_jobs is '14'"],
        Err("users.outbox"),
    ),
    (
        "pleroma 2.1",
        Kit::Pleroma22,
        &["alter table users rename is_locked to locked"],
        Ok("pleroma-2.2"),
    ),
    (
        "pleroma 2.2.50",
        Kit::Pleroma22,
        &["alter table users rename discoverable to is_discoverable;
           alter table users drop unread_conversation_count;"],
        Ok("pleroma-2.2"),
    ),
];

/// Dialect as which a release of the kit should be recognised.
fn expected(release: &testkit::Release) -> Result<&'static str> {
    Ok(match release.name {
        "pleroma-2.7" | "pleroma-2.9" => "pleroma-2.7",
        "rebased-2.6.50" => "rebased-2.6",
        "akkoma-3.10" | "akkoma-3.13" | "akkoma-3.14" => "akkoma-3.10",
        "akkoma-3.16" | "akkoma-3.17" | "akkoma-3.18" | "akkoma-3.19" => "akkoma-3.16",
        name if DIALECTS.iter().any(|dialect| dialect.name == name) => name,
        name => bail!("nobody says what {name} is"),
    })
}

#[tokio::test]
async fn releases_of_the_kit_are_recognised() -> Result<()> {
    let mut recognised: BTreeSet<&str> = BTreeSet::new();
    for release in &testkit::Release::ALL {
        let database = Database::of_release(release).await?;
        let mut db = PgConnection::connect(database.url()).await?;
        let found = changed(&mut db, "").await?;
        let dialect = expected(release)?;
        let is_right = found.as_ref().is_ok_and(|(found, _)| found.name == dialect);
        ensure!(is_right, "{}: {found:?}", release.name);
        recognised.insert(dialect);
    }
    ensure!(recognised.len() == DIALECTS.len(), "only {recognised:?}");
    Ok(())
}

#[tokio::test]
async fn releases_are_distinguished_or_refused() -> Result<()> {
    for kit in Kit::ALL {
        let database = Database::create(kit).await?;
        let mut db = PgConnection::connect(database.url()).await?;
        for (name, _, changes, expected) in RELEASES.iter().filter(|release| release.1 == kit) {
            let probed = changed(&mut db, &changes.concat()).await?;
            match (probed, expected) {
                (Ok((found, schema)), Ok(dialect)) => {
                    ensure!(found.name == *dialect, "{name}: {found}");
                    let followed = changes.contains(&FOLLOWED_HASHTAGS) || kit == Kit::Akkoma;
                    ensure!(schema.followed_hashtags == followed, "{name}: {schema:?}");
                }
                (Err(found), Err(refusal)) => {
                    ensure!(found.contains(refusal), "{name}: {found}");
                }
                (probed, _) => bail!("{name}: {probed:?}"),
            }
        }
    }
    Ok(())
}

fn is_index(sign: &str) -> bool {
    sign.ends_with("_index") || sign == "objects_quote_url"
}

/// Adds a sign of the catalogue that is missing, or removes one that is there.
fn turned(sign: &str, there: bool) -> String {
    match (sign.split_once(' '), sign.split_once('.')) {
        (Some(("migration", version)), _) if there => {
            format!("delete from schema_migrations where version = {version}")
        }
        (Some(("migration", version)), _) => {
            format!("insert into schema_migrations (version) values ({version})")
        }
        (Some(("function", function)), _) if there => format!("drop function {function} cascade"),
        (Some(("function", function)), _) => format!(
            "create function {function} returns varchar language sql immutable as $$ select '' $$"
        ),
        (_, Some((table, column))) if there => {
            format!("alter table {table} drop column {column} cascade")
        }
        (_, Some((table, column))) => format!("alter table {table} add column {column} boolean"),
        _ if is_index(sign) && there => format!("drop index {sign}"),
        _ if is_index(sign) => format!("create index {sign} on users (id)"),
        _ if there => format!("drop table {sign} cascade"),
        _ => format!("create table {sign} (id bigserial)"),
    }
}

/// Every table and every column of `users` that any release has, and every sign of any dialect:
/// added to and taken from each release.
#[tokio::test]
async fn no_sign_turns_one_server_into_another() -> Result<()> {
    let mut signs: Vec<String> = DIALECTS
        .iter()
        .flat_map(|dialect| dialect.present.iter().chain(dialect.absent))
        .map(|sign| (*sign).to_owned())
        .collect();
    let mut databases = Vec::new();
    for release in &testkit::Release::ALL {
        let database = Database::of_release(release).await?;
        signs.extend(sqlx::query_scalar::<_, String>(OBJECTS).fetch_all(&database.pool()).await?);
        databases.push((release, expected(release)?, database));
    }
    signs.sort();
    signs.dedup();
    ensure!(signs.len() > 130, "only {} signs", signs.len());
    for (release, dialect, database) in &databases {
        let mut db = PgConnection::connect(database.url()).await?;
        let found = Catalogue::of(&mut db, &signs).await?;
        let mut changes: Vec<String> =
            signs.iter().map(|sign| turned(sign, found.has(sign))).collect();
        changes.push("comment on table oban_jobs is null".to_owned());
        for change in changes {
            if let Ok((found, _)) = changed(&mut db, &change).await? {
                ensure!(found.name == *dialect, "{}: {change}: {found}", release.name);
            }
        }
    }
    Ok(())
}

/// Tables, and columns of `users`, by the names that signs have.
const OBJECTS: &str = "select relname::text from pg_class
     where relnamespace = 'public'::regnamespace and relkind = 'r'
     union all
     select 'users.' || attname from pg_attribute
     where attrelid = 'users'::regclass and attnum > 0 and not attisdropped";

/// What the statements name is demanded, so that a database which lacks it is refused.
#[tokio::test]
async fn what_statements_name_is_demanded() -> Result<()> {
    for kit in Kit::ALL {
        let database = Database::create(kit).await?;
        let mut db = PgConnection::connect(database.url()).await?;
        for Demand { table, column, table_may_be_missing } in demands(dialect(kit)?) {
            let there: bool = sqlx::query_scalar("select to_regclass($1) is not null")
                .bind(table)
                .fetch_one(&mut db)
                .await?;
            ensure!(there || table_may_be_missing, "{kit}: {table}");
            if !there || column == "ctid" {
                continue;
            }
            let probed =
                changed(&mut db, &format!("alter table {table} drop column {column} cascade"))
                    .await?;
            let name = format!("{}.{column}", table.trim_start_matches("public."));
            match probed {
                Err(found) if found.contains(&name) || found.contains(table) => {}
                // One of the signs that distinguish releases.
                Err(found) if found.contains("looks like") || found.contains("neither") => {}
                probed => bail!("{kit}: {name}: {probed:?}"),
            }
        }
        for (kind, label) in labels(dialect(kit)?) {
            let change = format!("alter type {kind} rename value '{label}' to 'x'");
            let probed = changed(&mut db, &change).await?;
            ensure!(
                probed.as_ref().is_err_and(|found| found.contains(label)),
                "{kit}: {label}: {probed:?}"
            );
        }
    }
    Ok(())
}

/// Whole tables are granted; so their columns are demanded one by one.
#[tokio::test]
async fn all_columns_of_whole_tables_are_demanded() -> Result<()> {
    for kit in Kit::ALL {
        let database = Database::create(kit).await?;
        for table in ["activities", "objects", "following_relationships"] {
            let columns: Vec<String> = sqlx::query_scalar(
                "select attname::text from pg_attribute
                 where attrelid = $1::regclass and attnum > 0 and not attisdropped
                   and attname <> 'fts_content'",
            )
            .bind(table)
            .fetch_all(&database.pool())
            .await?;
            for column in columns {
                let is_it = |demand: &Demand| {
                    demand.table.ends_with(&format!(".{table}")) && demand.column == column
                };
                ensure!(demands(dialect(kit)?).any(|demand| is_it(&demand)), "{table}.{column}");
            }
        }
    }
    Ok(())
}

/// Reads the labels that the sources name from the sources.
#[tokio::test]
async fn every_label_that_a_statement_names_is_demanded() -> Result<()> {
    let database = Database::create(Kit::Akkoma).await?;
    let known: Vec<(String, String)> = sqlx::query_as(
        "select typname::text, enumlabel::text from pg_enum join pg_type t on t.oid = enumtypid
         where typname in ('oban_job_state', 'notification_type')",
    )
    .fetch_all(&database.pool())
    .await?;
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    let mut sources = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "sql" || kind == "rs")
                && !name.contains("tests")
            {
                sources.push_str(&std::fs::read_to_string(path)?);
            }
        }
    }
    let demanded: Vec<_> = labels(dialect(Kit::Akkoma)?).collect();
    let mut named = 0;
    for (kind, label) in &known {
        if sources.contains(&format!("'{label}'")) {
            named += 1;
            ensure!(demanded.contains(&(kind.as_str(), label.as_str())), "{kind} {label}");
        }
    }
    ensure!(named == demanded.len(), "{named} of {}", demanded.len());
    Ok(())
}

#[tokio::test]
async fn a_database_with_nothing_in_it_is_refused() -> Result<()> {
    let database = Database::create(Kit::Pleroma).await?;
    let mut db = PgConnection::connect(database.url()).await?;
    db.execute("drop schema public cascade; create schema public").await?;
    let probed = probe(&mut db).await;
    ensure!(
        matches!(&probed, Err(ProbeError::Unknown { found }) if found.starts_with("no users.id"))
    );
    Ok(())
}
