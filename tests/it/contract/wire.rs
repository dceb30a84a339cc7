//! Point 7: payloads and cursors of every release are decoded for ever.
//!
//! What stands here was written by a release and is never edited; a new field adds a line.

use anyhow::Result;
use kenoma_jobs::{
    AnyJob, deactivate_instance, delete_activities, delete_user, set_confirmation_for_all,
    switch_user,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, from_str, to_value};

/// Job, payload, cursor, by release.
const RELEASED: &[(&str, &str, &str)] = &[
    // 0.1
    (
        "delete_activities",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice"}"#,
        r#"{"after":"00000000-0000-0000-0000-000000000000","until":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
    ),
    (
        "delete_activities",
        r#"{"nickname":"carl@far.example","actor":"https://far.example/users/carl","remote":true}"#,
        r#"{"after":"000001a2-06e7-798f-cc9d-5ea123250000","until":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
    ),
    (
        "activate_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice"}"#,
        r#"{"switched":false}"#,
    ),
    (
        "deactivate_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice"}"#,
        r#"{"switched":true}"#,
    ),
    (
        "deactivate_instance",
        r#"{"host":"spam.example"}"#,
        r#"{"step":"switch","after":"00000000-0000-0000-0000-000000000000","spared":[]}"#,
    ),
    (
        "deactivate_instance",
        r#"{"host":"xn--bcher-kva.example","include_subdomains":true}"#,
        r#"{"step":"unfollow","after":"000001a2-06e7-798f-cc9d-5ea123250000","spared":["000001a2-06e7-798f-cc9d-5ea123250000"]}"#,
    ),
    (
        "deactivate_instance",
        r#"{"host":"spam.example"}"#,
        r#"{"step":"recount","after":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
    ),
    (
        "delete_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice"}"#,
        r#"{"step":"farewell","until":"000001a2-06e7-798f-cc9d-5ea123250000","last_relation":9,"row_goes":false,"needed":true}"#,
    ),
    (
        "delete_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice","thorough":true,"federate_posts":true,"force":true,"on_behalf_of":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
        r#"{"step":"notifications","after":"000001a2-06e7-798f-cc9d-5ea123250000","until":"000001a2-06e7-798f-cc9d-5ea123250000","last_relation":9,"row_goes":true,"needed":true}"#,
    ),
    (
        "delete_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice"}"#,
        r#"{"step":"leftovers","kind":"blocks and mutes","until":"000001a2-06e7-798f-cc9d-5ea123250000","last_relation":9,"row_goes":false,"needed":true}"#,
    ),
    (
        "delete_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice","thorough":true,"federate_posts":true,"force":true,"on_behalf_of":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
        r#"{"step":"posts","after":"000001a2-06e7-798f-cc9d-5ea123250000","until":"000001a2-06e7-798f-cc9d-5ea123250000","last_relation":9,"row_goes":true,"needed":true}"#,
    ),
    (
        "delete_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice"}"#,
        r#"{"step":"followers","after":7,"until":"000001a2-06e7-798f-cc9d-5ea123250000","last_relation":9,"row_goes":false,"needed":true}"#,
    ),
    (
        "delete_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice","thorough":true,"federate_posts":true,"force":true,"on_behalf_of":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
        r#"{"step":"followed_accounts","after":7,"until":"000001a2-06e7-798f-cc9d-5ea123250000","last_relation":9,"row_goes":true,"needed":true}"#,
    ),
    (
        "delete_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice"}"#,
        r#"{"step":"follow_requests","until":"000001a2-06e7-798f-cc9d-5ea123250000","last_relation":9,"row_goes":false,"needed":true}"#,
    ),
    (
        "delete_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice","thorough":true,"federate_posts":true,"force":true,"on_behalf_of":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
        r#"{"step":"deliveries","deadline":"2026-11-24T12:00:00.123456Z","looks":3,"until":"000001a2-06e7-798f-cc9d-5ea123250000","last_relation":9,"row_goes":true,"needed":true}"#,
    ),
    (
        "delete_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice"}"#,
        r#"{"step":"account","until":"000001a2-06e7-798f-cc9d-5ea123250000","last_relation":9,"row_goes":false,"needed":true}"#,
    ),
    // 0.2
    (
        "delete_activities",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice","via_server":true}"#,
        r#"{"after":"00000000-0000-0000-0000-000000000000","until":"000001a2-06e7-798f-cc9d-5ea123250000","changed":true,"asked_until":"2026-11-24T12:00:00.020"}"#,
    ),
    (
        "confirm_all",
        "{}",
        r#"{"after":"00000000-0000-0000-0000-000000000000","until":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
    ),
    (
        "confirm_all",
        r#"{"on_behalf_of":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
        r#"{"after":"00000000-0000-0000-0000-000000000000","until":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
    ),
    (
        "activate_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice","on_behalf_of":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
        r#"{"switched":false}"#,
    ),
    (
        "deactivate_user",
        r#"{"nickname":"alice","actor":"https://peer.example/users/alice","on_behalf_of":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
        r#"{"switched":false}"#,
    ),
    (
        "deactivate_instance",
        r#"{"host":"spam.example","on_behalf_of":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
        r#"{"step":"switch","after":"00000000-0000-0000-0000-000000000000","spared":[]}"#,
    ),
    (
        "unconfirm_all",
        "{}",
        r#"{"after":"00000000-0000-0000-0000-000000000000","until":"000001a2-06e7-798f-cc9d-5ea123250000"}"#,
    ),
];

#[test]
fn every_released_payload_and_cursor_is_read_and_written_alike() -> Result<()> {
    for (name, payload, cursor) in RELEASED {
        let stored: Value = from_str(payload)?;
        let written = AnyJob::decode(name, &stored)?.payload()?;
        // Fields that a release did not have are added with their default; none is lost.
        for (field, value) in stored.as_object().into_iter().flatten() {
            assert_eq!(written.get(field), Some(value), "{name}.{field}");
        }
        let rewritten = match *name {
            "delete_activities" => rewrite::<delete_activities::RunCursor>(cursor)?,
            "delete_user" => rewrite::<delete_user::Cursor>(cursor)?,
            "confirm_all" | "unconfirm_all" => rewrite::<set_confirmation_for_all::Cursor>(cursor)?,
            "deactivate_instance" => rewrite::<deactivate_instance::Cursor>(cursor)?,
            _ => rewrite::<switch_user::Cursor>(cursor)?,
        };
        assert_eq!(rewritten, from_str::<Value>(cursor)?, "{name}");
    }
    Ok(())
}

fn rewrite<C: DeserializeOwned + Serialize>(cursor: &str) -> Result<Value> {
    Ok(to_value(from_str::<C>(cursor)?)?)
}

#[test]
fn every_job_has_a_released_payload() {
    for name in AnyJob::NAMES {
        assert!(RELEASED.iter().any(|(released, ..)| released == name), "{name}");
    }
}
