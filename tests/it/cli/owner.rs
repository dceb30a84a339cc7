//! Schema `ostrakon` belongs to the owner of the database, whose backup has to work.

use std::process::Command;

use anyhow::{Result, ensure};
use testkit::{Database, Done, Flavour, Ostrakon, postgres_folder, put_together};

const OWNER: &str = "ostrakon_test_owner";

/// A database owned by a role without other rights. Returns that role's URL too.
async fn owned() -> Result<(Database, String)> {
    let database = Database::create(Flavour::Pleroma).await?;
    let name = database.url().rsplit('/').next().unwrap_or_default();
    let grants = format!(
        "alter database {name} owner to {OWNER};
         grant usage on schema public to public;
         grant select on all tables in schema public to public;
         grant select on all sequences in schema public to public"
    );
    let url = database.grant(OWNER, &grants).await?;
    Ok((database, url))
}

/// Dumps a database as a role.
fn dump(url: &str) -> Result<Done> {
    Ok(Command::new(postgres_folder()?.join("pg_dump")).arg(url).output()?.into())
}

fn is_dumped(url: &str) -> Result<()> {
    let dumped = dump(url)?;
    ensure!(dumped.code == 0 && dumped.stdout.contains("CREATE TABLE ostrakon.runs"), "{dumped:?}");
    Ok(())
}

/// Lists what in schema `ostrakon` does not belong to the owner.
async fn strange(database: &Database) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "select relname::text from pg_class
         where relnamespace = 'ostrakon'::regnamespace and relowner <> $1::regrole
         union all
         select nspname::text from pg_namespace where nspname = 'ostrakon' and nspowner <> $1::regrole",
    )
    .bind(OWNER)
    .fetch_all(&database.pool())
    .await?)
}

/// Makes a role the owner of all of schema `ostrakon`, as if that role had migrated.
async fn belongs_to(database: &Database, role: &str) -> Result<()> {
    let statement = format!(
        "do $$ declare name regclass; begin
             alter schema ostrakon owner to {role};
             for name in select oid from pg_class
                 where relnamespace = 'ostrakon'::regnamespace and relkind = 'r'
             loop execute format('alter table %s owner to {role}', name); end loop;
         end $$"
    );
    sqlx::raw_sql(put_together(statement)).execute(&database.pool()).await?;
    Ok(())
}

#[tokio::test]
async fn what_a_superuser_makes_is_the_owners() -> Result<()> {
    let (database, owner) = owned().await?;
    Ostrakon::on(&database).migrate()?;
    ensure!(strange(&database).await?.is_empty());
    is_dumped(&owner)
}

#[tokio::test]
async fn what_another_had_made_is_mended() -> Result<()> {
    let (database, owner) = owned().await?;
    let ostrakon = Ostrakon::with_least_rights(&database).await?;
    belongs_to(&database, "postgres").await?;
    ensure!(dump(&owner)?.stderr.contains("permission denied for schema ostrakon"));
    // The owner alone cannot take it over; the error names who can.
    let done = Ostrakon::at(&owner).run(&["migrate"])?;
    ensure!(done.code == 4 && done.stderr.contains("as a superuser"), "{done:?}");
    ensure!(
        done.stderr.contains(&format!("alter table ostrakon.runs owner to {OWNER};")),
        "{done:?}"
    );
    ensure!(!strange(&database).await?.is_empty());

    let done = Ostrakon::on(&database).run(&["migrate"])?;
    ensure!(done.code == 0 && done.stdout.contains("belong to the owner"), "{done:?}");
    ensure!(strange(&database).await?.is_empty(), "{:?}", strange(&database).await?);
    is_dumped(&owner)?;
    // Grants that were given before are still valid.
    ensure!(ostrakon.run(&["runs", "list"])?.code == 0);
    let again = Ostrakon::on(&database).run(&["migrate"])?;
    ensure!(again.stdout.starts_with("ostrakon's tables are up to date.\n"), "{again:?}");
    Ok(())
}

#[tokio::test]
async fn a_member_may_as_well_and_a_stranger_may_not() -> Result<()> {
    let (database, owner) = owned().await?;
    let name = database.url().rsplit('/').next().unwrap_or_default();
    let create = format!("grant create on database {name} to ostrakon_test_stranger");
    let stranger = database.grant("ostrakon_test_stranger", &create).await?;
    let done = Ostrakon::at(&stranger).run(&["migrate"])?;
    ensure!(done.code == 4 && done.stderr.contains("Nothing was changed."), "{done:?}");
    ensure!(done.stderr.contains(OWNER), "{done:?}");
    let there: bool = sqlx::query_scalar("select to_regnamespace('ostrakon') is not null")
        .fetch_one(&database.pool())
        .await?;
    ensure!(!there, "a schema was made");

    let membership = format!("grant {OWNER} to ostrakon_test_member");
    let member = database.grant("ostrakon_test_member", &membership).await?;
    Ostrakon::at(&member).migrate()?;
    ensure!(strange(&database).await?.is_empty());
    belongs_to(&database, "ostrakon_test_member").await?;
    Ostrakon::at(&member).migrate()?;
    ensure!(strange(&database).await?.is_empty(), "{:?}", strange(&database).await?);
    is_dumped(&owner)
}

#[tokio::test]
async fn the_owner_of_the_servers_tables_is_thought_of() -> Result<()> {
    let database = Database::create(Flavour::Pleroma).await?;
    database.grant(OWNER, &format!("alter table users owner to {OWNER}")).await?;
    let done = Ostrakon::on(&database).run(&["migrate"])?;
    ensure!(done.code == 0, "{done:?}");
    ensure!(done.stderr.contains(&format!("{OWNER} owns the server's tables")), "{done:?}");
    Ok(())
}
