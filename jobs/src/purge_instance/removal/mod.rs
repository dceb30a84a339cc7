//! Removal of activities and objects, with everything that depends on them.
//!
//! [`Removal::find`] only reads. [`Removal::apply`] writes in the order in which the server locks:
//! objects first, activities last, because their trigger locks the host's row in `counter_cache`
//! until the commit.

mod apply;
mod correct;
mod find;

use sqlx::FromRow;
use uuid::Uuid;

use super::{known::Known, recheck::TakenOut};

pub(super) use apply::remove_report_notes;
pub(super) use correct::take_out;

/// Activity that is removed.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Activity {
    pub(super) id: Uuid,
    pub(super) actor: Option<String>,
    pub(super) kind: String,
    pub(super) ap_id: Option<String>,
    pub(super) object: Option<String>,
    pub(super) context: Option<String>,
}

/// Object that is removed.
#[derive(Debug, FromRow)]
struct Object {
    row: i64,
    ap_id: Option<String>,
    actor: Option<String>,
    kind: String,
    replied: Option<String>,
    quoted: Option<String>,
    /// Option that a vote is for.
    option: Option<String>,
    context: Option<String>,
    public: bool,
}

/// What is removed together.
#[derive(Debug, Default)]
pub(super) struct Removal {
    activities: Vec<Activity>,
    objects: Vec<Object>,
    /// What other activities there are about these, whoever wrote them.
    about: Vec<Activity>,
    /// Whether the activities are too many for one transaction.
    more: bool,
}

/// What was removed.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// Number of items of the plan that are gone.
    pub(super) done: i64,
    /// Whether that was all, not only a portion.
    pub(super) whole: bool,
    /// Actors that were taken out of lists, which the server may write again.
    pub(super) taken_out: TakenOut,
}

/// Votes are objects of this type.
const VOTE: &str = "Answer";

impl Removal {
    fn all(&self) -> impl Iterator<Item = &Activity> {
        self.activities.iter().chain(&self.about)
    }

    /// Whether one transaction can remove all of it.
    pub(super) fn fits(&self) -> bool {
        !self.more
    }
}

impl Known {
    /// Whether an activity stays although it is about something that goes.
    pub(super) fn stays(&self, activity: &Activity) -> bool {
        activity.ap_id.as_ref().is_some_and(|ap_id| self.keeps(ap_id))
    }

    /// Whether the removal of an activity is an item of the plan.
    fn counts(&self, actor: Option<&str>, kind: &str) -> bool {
        let Some(actor) = actor.and_then(|actor| self.actor(actor)) else { return false };
        !(actor.keeps_posts && ["Create", "Announce"].contains(&kind))
    }
}
