//! The schemas of the releases are those of the catalogues in `schema/catalogue`, which were read
//! from databases that the releases' own migrations made.

use std::{collections::BTreeSet, fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use testkit::{Database, Release, SchemaSource};

/// Table, column, type, whether it may be null, default.
const COLUMNS: &str = "select concat_ws(E'\\t', c.relname, a.attname,
           format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'f' else 't' end,
           coalesce(pg_get_expr(d.adbin, d.adrelid), ''))
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'";

const INDEXES: &str = "select concat_ws(E'\\t', tablename, indexname, indexdef)
    from pg_indexes where schemaname = 'public'";

const CONSTRAINTS: &str = "select concat_ws(E'\\t', conrelid::regclass, conname, contype,
           pg_get_constraintdef(oid))
    from pg_constraint where connamespace = 'public'::regnamespace and contype in ('p', 'f', 'u', 'c')";

const ENUMS: &str =
    "select concat_ws(E'\\t', typname, string_agg(enumlabel, ',' order by enumsortorder))
    from pg_enum join pg_type t on t.oid = enumtypid group by typname";

/// Lines of a catalogue, without those columns of it that depend on history.
fn recorded(release: &Release, file: &str, kept: &[usize]) -> Result<BTreeSet<String>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema/catalogue");
    let path = folder.join(release.name).join(file);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let line = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let kept = kept.iter().map(|field| fields.get(*field).copied().unwrap_or_default());
        kept.collect::<Vec<_>>().join("\t")
    };
    Ok(text.lines().skip(1).map(line).collect())
}

#[tokio::test]
async fn every_migrated_release_has_the_catalogue_of_its_migrations() -> Result<()> {
    let mut compared = 0;
    for release in Release::ALL.iter().filter(|release| release.source == SchemaSource::Migrated) {
        let database = Database::of_release(release).await?;
        for (file, sql, kept) in [
            ("columns.tsv", COLUMNS, &[0, 2, 3, 4, 5][..]),
            ("indexes.tsv", INDEXES, &[0, 1, 2]),
            ("constraints.tsv", CONSTRAINTS, &[0, 1, 2, 3]),
            ("enums.tsv", ENUMS, &[0, 1]),
        ] {
            let found: Vec<String> = sqlx::query_scalar(sql).fetch_all(&database.pool()).await?;
            let found: BTreeSet<String> = found.into_iter().collect();
            let recorded = recorded(release, file, kept)?;
            let differing: Vec<&String> = recorded.symmetric_difference(&found).collect();
            ensure!(differing.is_empty(), "{}, {file}: {differing:#?}", release.name);
            compared += recorded.len();
        }
    }
    ensure!(compared > 4_000, "only {compared} lines were compared");
    Ok(())
}
