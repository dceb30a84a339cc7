//! Generates documents that no program should have to read.

use anyhow::Result;
use sqlx::PgPool;

/// Source of JSON texts; the same seed generates the same texts.
pub(super) struct Documents(u64);

/// Fields that a deletion reads, and some that it does not.
const OF_OBJECTS: [&str; 20] = [
    "to",
    "cc",
    "bto",
    "bcc",
    "inReplyTo",
    "quoteUrl",
    "directMessage",
    "likes",
    "announcements",
    "like_count",
    "announcement_count",
    "repliesCount",
    "quotesCount",
    "attachment",
    "tag",
    "source",
    "contentMap",
    "context",
    "published",
    "actor",
];

/// The same for likes, boosts and follows.
const OF_ACTIVITIES: [&str; 8] =
    ["to", "cc", "bto", "published", "context", "state", "contentMap", "object_actor"];

impl Documents {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        let place = self.below(texts.len() as u64);
        usize::try_from(place).ok().and_then(|place| texts.get(place)).copied().unwrap_or_default()
    }

    /// JSON as odd as PostgreSQL accepts.
    fn value(&mut self) -> String {
        match self.below(12) {
            0 => {
                let depth = [20, 130, 500, 2_000][usize::try_from(self.below(4)).unwrap_or(0)];
                let (open, close) = if self.below(2) == 0 { ("[", "]") } else { ("{\"a\":", "}") };
                let last = if close == "}" { "1" } else { "" };
                format!("{}{last}{}", open.repeat(depth), close.repeat(depth))
            }
            1 => self
                .one_of(&["1e309", "-1e309", "1e-400", "3000000000", "-7", "0.5", "1e20000", "9e18"])
                .to_owned(),
            2 => format!("\"{}\"", "x".repeat(usize::try_from(self.below(60_000)).unwrap_or(0))),
            3 => self
                .one_of(&[
                    r#""""#, r#""abc""#, r#""\\u0000""#, r#""\\ud800""#, r#""\ud83d\ude00""#,
                    r#""\u202e\u200b""#, r#"" 7 ""#, r#""'; drop table users; --""#, r#""99999999999999999999""#,
                ])
                .to_owned(),
            4 => self.one_of(&["null", "true", "false", "{}", "[]", "[null]", "[[]]"]).to_owned(),
            5 => r#"["https://www.w3.org/ns/activitystreams#Public"]"#.to_owned(),
            6 => r#"{"https://www.w3.org/ns/activitystreams#Public": 1}"#.to_owned(),
            7 => r#""https://www.w3.org/ns/activitystreams#Public""#.to_owned(),
            8 => {
                let entries = usize::try_from(self.below(3_000)).unwrap_or(0);
                let entry = |n| format!("\"https://{n}.example/users/u\"");
                format!("[{}]", (0..entries).map(entry).collect::<Vec<_>>().join(","))
            }
            9 => r#"["as:Public", 7, null, {"id": "https://a.example"}, "http://", "https://b.example/u", "HTTP://c.example"]"#
                .to_owned(),
            10 => r#"{"id": "https://a.example/1", "type": ["Note"], "object": {"object": {}}}"#.to_owned(),
            _ => format!("[{}]", self.value()),
        }
    }

    /// Some fields with such values, except those in `without`.
    fn fields(&mut self, names: &[&str], without: &[&str]) -> String {
        let mut fields = Vec::new();
        for _ in 0..=self.below(5) {
            let name = self.one_of(names);
            if !without.contains(&name) {
                fields.push(format!("\"{name}\": {}", self.value()));
            }
        }
        format!("{{{}}}", fields.join(", "))
    }

    /// Spoils an object, unless PostgreSQL itself refuses the generated value.
    pub(super) async fn spoil_object(
        &mut self,
        pool: &PgPool,
        row: i64,
        without: &[&str],
    ) -> Result<()> {
        let fields = self.fields(&OF_OBJECTS, without);
        let spoilt = sqlx::query("update objects set data = data || $2::text::jsonb where id = $1")
            .bind(row)
            .bind(fields);
        stored(spoilt.execute(pool).await)
    }

    /// Spoils an activity, unless PostgreSQL itself refuses the generated value.
    pub(super) async fn spoil_activity(
        &mut self,
        pool: &PgPool,
        id: uuid::Uuid,
        without: &[&str],
    ) -> Result<()> {
        let fields = self.fields(&OF_ACTIVITIES, without);
        let spoilt =
            sqlx::query("update activities set data = data || $2::text::jsonb where id = $1")
                .bind(id)
                .bind(fields);
        stored(spoilt.execute(pool).await)
    }
}

/// What does not fit into an index or a stack cannot have been stored by a server either.
fn stored(result: sqlx::Result<sqlx::postgres::PgQueryResult>) -> Result<()> {
    match result {
        Err(sqlx::Error::Database(_)) | Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
