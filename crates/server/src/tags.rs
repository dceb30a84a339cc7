//! Tags that moderators give to accounts (docs/semantics.md 4.3).

use sqlx::PgConnection;
use uuid::Uuid;

/// Maximum length of a tag in the column, in characters.
const LONGEST: usize = 255;

/// Tags of an account, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags(pub Vec<String>);

impl Tags {
    /// Returns these tags followed by others, without duplicates.
    #[must_use]
    pub fn with(&self, more: &[String]) -> Self {
        let mut all = Vec::new();
        for tag in self.0.iter().chain(more) {
            if !all.contains(tag) {
                all.push(tag.clone());
            }
        }
        Self(all)
    }

    /// Returns these tags without others; removes only the first occurrence of each.
    #[must_use]
    pub fn without(&self, less: &[String]) -> Self {
        let mut rest = self.0.clone();
        for tag in less {
            if let Some(place) = rest.iter().position(|kept| kept == tag) {
                rest.remove(place);
            }
        }
        Self(rest)
    }
}

/// Normalises a tag as the server would: in lower case, character by character, and otherwise as
/// typed.
pub fn normal_tag(typed: &str) -> String {
    typed.chars().flat_map(char::to_lowercase).collect()
}

/// Fault of a tag that an account is to get, if any. The argument is the tag as it would be stored.
pub fn tag_fault(tag: &str) -> Option<&'static str> {
    if tag.chars().count() > LONGEST {
        Some("is longer than 255 characters")
    } else if tag.chars().any(char::is_control) {
        Some("holds a control character")
    } else {
        None
    }
}

/// Reads an account's tags, and locks its row until the transaction ends.
pub async fn read_tags(db: &mut PgConnection, account: Uuid) -> sqlx::Result<Tags> {
    let tags: Option<Option<Vec<String>>> =
        sqlx::query_scalar("select tags from public.users where id = $1 for no key update")
            .bind(account)
            .fetch_optional(db)
            .await?;
    Ok(Tags(tags.flatten().unwrap_or_default()))
}

/// Replaces all tags of an account.
pub async fn write_tags(db: &mut PgConnection, account: Uuid, tags: &Tags) -> sqlx::Result<()> {
    sqlx::query(
        "update public.users
         set tags = $2::varchar[], updated_at = date_trunc('second', timezone('UTC', now()))
         where id = $1 and coalesce(tags, '{}') is distinct from $2::varchar[]",
    )
    .bind(account)
    .bind(&tags.0)
    .execute(db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tags(words: &[&str]) -> Tags {
        Tags(words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn each_tag_is_there_once() {
        assert_eq!(
            tags(&["old"]).with(&tags(&["foo", "bar", "old", "foo"]).0),
            tags(&["old", "foo", "bar"])
        );
        assert_eq!(tags(&["a", "a"]).with(&[]), tags(&["a"]));
        assert_eq!(tags(&[]).with(&tags(&[""]).0), tags(&[""]));
    }

    #[test]
    fn the_first_of_each_goes() {
        assert_eq!(tags(&["a", "b", "a"]).without(&tags(&["a", "x"]).0), tags(&["b", "a"]));
        assert_eq!(tags(&["a", "b", "a"]).without(&tags(&["a", "a"]).0), tags(&["b"]));
    }

    #[test]
    fn letters_are_lowered_one_by_one() {
        assert_eq!(normal_tag(" FoO-Ä ΣΣ"), " foo-ä σσ");
    }

    #[test]
    fn what_the_column_cannot_hold_is_at_fault() {
        assert_eq!(tag_fault(&"ä".repeat(255)), None);
        assert!(tag_fault(&"ä".repeat(256)).is_some());
        assert!(tag_fault("a\u{1b}b").is_some());
        assert_eq!(tag_fault("'; drop table users; --"), None);
    }

    proptest! {
        #[test]
        fn what_was_added_can_be_taken_away(old: Vec<String>, new: Vec<String>) {
            let (old, new) = (Tags(old).with(&[]), Tags(new).with(&[]));
            let both = old.with(&new.0);
            prop_assert_eq!(&both.with(&new.0), &both);
            prop_assert!(new.0.iter().all(|tag| both.0.contains(tag)));
            let without = both.without(&new.0);
            prop_assert!(new.0.iter().all(|tag| !without.0.contains(tag)));
            prop_assert!(old.0.iter().all(|tag| new.0.contains(tag) || without.0.contains(tag)));
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _either = tag_fault(&normal_tag(&text));
        }
    }
}
