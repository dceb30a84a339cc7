//! Content of the object and the Create of a post.

use serde_json::{Value, json};

use super::draft::{Audience, Draft};
use super::{BASE, Moment, PUBLIC};
use crate::flavour::Flavour;

impl Draft {
    pub(super) fn is_visible_to_all(&self) -> bool {
        matches!(self.audience, Audience::Public | Audience::Unlisted)
    }

    /// Returns `to` and `cc`.
    fn addresses(&self) -> (Vec<String>, Vec<String>) {
        let mut to: Vec<String> = self.mentioned.iter().map(|a| a.ap_id().to_owned()).collect();
        let followers = self.author.followers();
        let (more, cc) = match self.audience {
            Audience::Public => (Some(PUBLIC.to_owned()), vec![followers]),
            Audience::Unlisted => (Some(followers), vec![PUBLIC.to_owned()]),
            Audience::Followers => (Some(followers), Vec::new()),
            Audience::Direct => (None, Vec::new()),
        };
        to.extend(more);
        (to, cc)
    }

    pub(super) fn object_data(&self, id: &str, context: &str, at: Moment) -> Value {
        let flavour = self.author.world().flavour();
        let (to, cc) = self.addresses();
        let mut data = json!({
            "id": id, "type": "Note", "actor": self.author.ap_id(), "to": to, "cc": cc,
            "content": self.content(), "context": context, "published": at.published(),
            "tag": self.hashtags, "emoji": {}, "summary": "",
        });
        self.add_origin(&mut data);
        if let Some(parent) = &self.parent {
            data["inReplyTo"] = json!(parent.object);
        }
        if let Some(quoted) = &self.quoted {
            let key = if flavour == Flavour::Akkoma { "quoteUri" } else { "quoteUrl" };
            data[key] = json!(quoted.object);
        }
        data
    }

    /// Adds the fields that differ between local and remote posts.
    fn add_origin(&self, data: &mut Value) {
        let flavour = self.author.world().flavour();
        if self.author.is_local() {
            if flavour == Flavour::Pleroma22 {
                data["source"] = json!(self.text);
                data["sensitive"] = json!(false);
            } else {
                data["source"] = json!({"content": self.text, "mediaType": "text/plain"});
                data["sensitive"] = Value::Null;
                data["generator"] = Value::Null;
            }
        } else {
            data["attributedTo"] = json!(self.author.ap_id());
            data["sensitive"] = json!(false);
            data["bto"] = json!([]);
            data["bcc"] = json!([]);
            if flavour != Flavour::Pleroma22 {
                for (list, count) in
                    [("likes", "like_count"), ("announcements", "announcement_count")]
                {
                    data[list] = json!([]);
                    data[count] = json!(0);
                }
            }
        }
        if flavour == Flavour::Akkoma && self.author.is_local() {
            data["contentMap"] = json!({"en": self.text});
        }
    }

    pub(super) fn create_data(&self, object: &str, context: &str, at: Moment) -> Value {
        let flavour = self.author.world().flavour();
        let (to, cc) = self.addresses();
        let mut data =
            json!({"type": "Create", "object": object, "to": to, "cc": cc, "context": context});
        if self.author.is_local() {
            data["published"] = json!(at.published());
            data["directMessage"] = json!(self.audience == Audience::Direct);
        } else if flavour == Flavour::Pleroma22 {
            data["published"] = json!(at.published());
        } else {
            data["bto"] = json!([]);
            data["bcc"] = json!([]);
        }
        data
    }

    fn content(&self) -> String {
        let links = self.hashtags.iter().map(|tag| {
            format!(
                " <a class=\"hashtag\" data-tag=\"{tag}\" href=\"{BASE}/tag/{tag}\" \
                 rel=\"tag ugc\">#{tag}</a>"
            )
        });
        std::iter::once(self.text.clone()).chain(links).collect()
    }
}
