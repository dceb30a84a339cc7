//! Signs that distinguish families of servers, and releases of Pleroma.

use sqlx::{FromRow, PgConnection};

use super::{Flavour, ProbeError, list};

/// Index introduced in Pleroma 2.10.
pub(super) const PLEROMA_2_10: &str = "activities_actor_type_index";

/// Function introduced in Pleroma 2.5.
const ASSOCIATED_OBJECT_ID: &str = "function associated_object_id";

/// Tables introduced in Pleroma 2.7, like the migration that merged its queues.
const PLEROMA_2_7: [&str; 2] = ["bookmark_folders", "rich_media_card"];

/// Objects that the probe looks for, in addition to the function and the migration: tables,
/// indexes, and columns with their table.
const LOOKED_FOR: &[&str] = &[
    "users.is_active",
    "users.deactivated",
    "users.is_discoverable",
    "users.discoverable",
    "users.is_locked",
    "users.locked",
    "users.pinned_objects",
    "users.pinned_activities",
    "chats",
    "chat_message_references",
    "user_frontend_setting_profiles",
    "signing_keys",
    "user_follows_hashtag",
    "hashtags",
    "hashtags_objects",
    "schema_migrations",
    "bookmark_folders",
    "rich_media_card",
    PLEROMA_2_10,
];

/// Name of a family for messages.
pub(super) const fn name(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Pleroma => "Pleroma",
        Flavour::Akkoma => "Akkoma",
        Flavour::Pleroma22 => "Pleroma 2.2",
    }
}

/// Objects that every release of a family has, and objects that none has.
struct Signs {
    present: &'static [&'static str],
    absent: &'static [&'static str],
}

/// Returns the signs of a family. Followed hashtags are no sign: Pleroma has them since 2.9.
const fn signs(flavour: Flavour) -> Signs {
    match flavour {
        Flavour::Pleroma => Signs {
            present: &[
                "chats",
                "chat_message_references",
                "hashtags",
                "hashtags_objects",
                "users.pinned_objects",
                ASSOCIATED_OBJECT_ID,
            ],
            absent: &["users.deactivated", "user_frontend_setting_profiles", "signing_keys"],
        },
        Flavour::Akkoma => Signs {
            present: &[
                "users.is_active",
                "user_frontend_setting_profiles",
                "signing_keys",
                "hashtags",
                "hashtags_objects",
                "users.pinned_objects",
            ],
            absent: &[
                "users.deactivated",
                "chats",
                "chat_message_references",
                ASSOCIATED_OBJECT_ID,
            ],
        },
        Flavour::Pleroma22 => Signs {
            present: &["chats", "chat_message_references", "users.pinned_activities"],
            absent: &[
                "user_frontend_setting_profiles",
                "signing_keys",
                "hashtags",
                "hashtags_objects",
                "users.pinned_objects",
                ASSOCIATED_OBJECT_ID,
            ],
        },
    }
}

/// Objects found in the catalogue.
#[derive(FromRow)]
pub(super) struct Catalogue {
    /// Missing objects that every server known to ostrakon has.
    missing: Vec<String>,
    found: Vec<String>,
    oban_version: Option<String>,
}

impl Catalogue {
    pub(super) async fn read(db: &mut PgConnection) -> Result<Self, ProbeError> {
        let found: Self =
            sqlx::query_as(include_str!("probe.sql")).bind(LOOKED_FOR).fetch_one(db).await?;
        match found.missing.as_slice() {
            [] => Ok(found),
            missing => Err(ProbeError::Unknown { found: format!("no {}", list(missing)) }),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.found.iter().any(|found| found == name)
    }

    /// Returns the family, or the contradiction.
    pub(super) fn flavour(&self) -> Result<Flavour, String> {
        let flavour = if self.has("user_frontend_setting_profiles") {
            Flavour::Akkoma
        } else if self.has("users.is_active") {
            Flavour::Pleroma
        } else if self.has("users.deactivated") {
            Flavour::Pleroma22
        } else {
            return Err("neither users.is_active nor users.deactivated".to_owned());
        };
        let Signs { present, absent } = signs(flavour);
        let owned = |names: Vec<&&str>| names.into_iter().map(|name| (*name).to_owned()).collect();
        let lacks: Vec<String> =
            owned(present.iter().filter(|name| !self.has(name)).collect::<Vec<_>>());
        let exceeds: Vec<String> =
            owned(absent.iter().filter(|name| self.has(name)).collect::<Vec<_>>());
        let name = name(flavour);
        if !lacks.is_empty() {
            return Err(format!("it looks like {name}, but has no {}", list(&lacks)));
        }
        if !exceeds.is_empty() {
            return Err(format!(
                "it looks like {name}, but has {}, which no release of it has",
                list(&exceeds)
            ));
        }
        self.renamed(flavour)
    }

    /// Distinguishes the releases of Pleroma 2.2 by two columns, which were renamed one after the
    /// other.
    fn renamed(&self, flavour: Flavour) -> Result<Flavour, String> {
        for (new, old) in
            [("users.is_locked", "users.locked"), ("users.is_discoverable", "users.discoverable")]
        {
            if flavour == Flavour::Pleroma22 && self.has(new) == self.has(old) {
                let which = if self.has(new) { "both" } else { "neither" };
                return Err(format!(
                    "it looks like Pleroma 2.2, but has {which} of {new} and {old}"
                ));
            }
        }
        if flavour == Flavour::Pleroma22
            && self.has("users.locked")
            && self.has("users.is_discoverable")
        {
            return Err("it looks like Pleroma 2.2, but has users.locked, which is older than \
                        users.is_discoverable"
                .to_owned());
        }
        Ok(flavour)
    }

    /// Whether a Pleroma is 2.7 or newer; or the contradiction.
    pub(super) async fn is_pleroma_2_7(
        &self,
        db: &mut PgConnection,
    ) -> sqlx::Result<Result<bool, String>> {
        let merged = self.has("schema_migrations")
            && sqlx::query_scalar(
                "select exists (select from public.schema_migrations where version = 20240527144418)",
            )
            .fetch_one(db)
            .await?;
        let mut signs = PLEROMA_2_7.map(|table| (table, self.has(table))).to_vec();
        signs.push(("the migration 20240527144418", merged));
        let (has, lacks): (Vec<_>, Vec<_>) = signs.into_iter().partition(|(_, found)| *found);
        let names = |signs: Vec<(&str, bool)>| {
            signs.iter().map(|sign| sign.0).collect::<Vec<_>>().join(", ")
        };
        Ok(match (has.is_empty(), lacks.is_empty()) {
            (false, false) => Err(format!(
                "it looks like Pleroma 2.7 by {}, but has no {}",
                names(has),
                names(lacks)
            )),
            (empty, _) => Ok(!empty),
        })
    }

    /// Version of Oban's table, or an error if it does not match the release. Jobs of Pleroma 2.2
    /// have the same shape in every version.
    pub(super) fn oban_version(&self, flavour: Flavour, newer: bool) -> Result<i32, String> {
        let version = self.oban_version.as_ref().and_then(|text| text.parse().ok());
        let fits = match (flavour, newer) {
            (Flavour::Pleroma22, _) => return Ok(version.unwrap_or_default()),
            (Flavour::Pleroma, true) => 12..=14,
            (Flavour::Pleroma, false) => 11..=11,
            (Flavour::Akkoma, _) => 11..=14,
        };
        version.filter(|version| fits.contains(version)).ok_or_else(|| {
            let version = self.oban_version.as_deref().unwrap_or("no version");
            format!("it looks like {}, but its oban_jobs has {version}", name(flavour))
        })
    }
}
