//! `ostrakon migrate`

use ostrakon_engine::ledger::{self, MigrateFailed, Migrated};
use serde_json::json;

use super::{Failure, Output};
use crate::session::{NEWER_LEDGER, Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The owner of the database migrates; a dedicated role can do the rest:
  psql -c 'create role ostrakon login' pleroma     then give it a password: \\password ostrakon
  ostrakon migrate
  ostrakon migrate --print-grants | psql pleroma   again after each update of ostrakon or the server")]
pub(super) struct Options {
    /// Change nothing; print the GRANTs that another role needs to run ostrakon.
    #[arg(long)]
    print_grants: bool,
    /// Role that receives the GRANTs.
    #[arg(long, value_name = "NAME", default_value = "ostrakon", requires = "print_grants")]
    role: String,
}

/// Creates or updates schema `ostrakon`, or prints the privileges that a role needs.
pub(super) async fn run(
    options: &Options,
    session: Session,
    output: Output,
) -> Result<(), Failure> {
    if options.print_grants {
        return print_grants(&options.role, &session, output).await;
    }
    // An unknown database is refused before anything is written to it.
    let server = session.writable_server().await?;
    let mut db = session.side_pool.acquire().await?;
    let text = match migrate(&mut db).await? {
        Migrated::Newer => return Err(Failure::Refused(NEWER_LEDGER.to_owned())),
        Migrated::Nothing => "ostrakon's tables are up to date.",
        Migrated::HandedOver => {
            "ostrakon's tables are up to date, and now belong to the owner of the database."
        }
        Migrated::Made => "ostrakon's tables were created in schema ostrakon.",
        Migrated::Updated => "ostrakon's tables were updated.",
    };
    if let Some(role) = ledger::owner_without_backup(&mut db).await? {
        output.warning(format!(
            "{role} owns the server's tables, but not the database, and may not read schema ostrakon: a \
             backup by that role (pg_dump) fails. Make it the owner of the database (ALTER DATABASE … \
             OWNER TO {role}), and run this again"
        ));
    }
    output.result(text);
    output.result(format!("The server's tables are those of {}.", server.recognised()));
    output.object(&json!({ "message": text, "server": server.dialect.name }));
    Ok(())
}

async fn print_grants(role: &str, session: &Session, output: Output) -> Result<(), Failure> {
    if role.is_empty() || role.contains(char::is_control) {
        return Err(Failure::Usage("--role needs the name of a database role".to_owned()));
    }
    let server = session.server().await?;
    session.require_ledger().await?;
    let mut db = session.side_pool.acquire().await?;
    let grants = ostrakon_jobs::grants(&mut db, server.dialect, role).await?;
    for grant in &grants {
        output.result(grant);
    }
    output.object(&json!({ "role": role, "grants": grants }));
    Ok(())
}

async fn migrate(db: &mut sqlx::PgConnection) -> Result<Migrated, Failure> {
    ledger::migrate(db).await.map_err(|failed| match failed {
        MigrateFailed::Owner(_) => Failure::Refused(format!("{failed}\nNothing was changed.")),
        MigrateFailed::Busy(_) => Failure::Refused(format!(
            "{failed}; nothing was changed. Wait until it ends, then run it again to see whether \
             anything is left to do"
        )),
        MigrateFailed::InUse(_) => Failure::Failed(format!(
            "{failed}\nTry again in a moment; workers may go on meanwhile. If it happens again, \
             end the sessions that hold them"
        )),
        MigrateFailed::Migrate(_) | MigrateFailed::Database(_) => {
            Failure::Failed(format!("ostrakon's tables could not be created: {failed}"))
        }
    })
}
