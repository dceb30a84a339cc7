//! Message as stored in Redis, and everything that is not one.

use anyhow::{Result, ensure};
use apalis_core::backend::codec::Codec;

use super::bench::{Bench, envelope};
use crate::Message;
use crate::envelope::EnvelopeCodec;

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_run_is_readable_in_redis() -> Result<()> {
    let bench = Bench::start()?;
    bench.notify("01JD0000000000000000000000").await?;
    insta::assert_snapshot!(
        bench.redis.command(&["HVALS", "test:short:data"])?,
        @r#"{"run_id":"01JD0000000000000000000000","job":"delete_activities","payload":{"nickname":"eve"}}"#
    );
    Ok(())
}

#[test]
fn fields_of_later_releases_are_ignored() -> Result<()> {
    let bytes = br#"{"v":2,"payload":{"nickname":"eve"},"run_id":"r","job":"delete_activities"}"#;
    ensure!(EnvelopeCodec.decode(&bytes.to_vec())? == Message::Run(envelope("r")));
    Ok(())
}

#[test]
fn nothing_fails_to_decode() -> Result<()> {
    let long_name = format!(r#"{{"run_id":"{}","job":"j","payload":{{}}}}"#, "r".repeat(200));
    let long_field = format!(r#"{{"run_id":1{}}}"#, "0".repeat(5_000));
    let huge = format!(r#"{{"run_id":"r","job":"j","payload":"{}"}}"#, "x".repeat(2_000_000));
    let cases: [&[u8]; 11] = [
        b"",
        b"garbage",
        b"null",
        b"[]",
        b"{}",
        br#"{"run_id":"r","job":"j"}"#,
        br#"{"run_id":7,"job":"j","payload":{}}"#,
        b"\xff\xfe\x00",
        long_name.as_bytes(),
        long_field.as_bytes(),
        huge.as_bytes(),
    ];
    for bytes in cases.into_iter().map(<[u8]>::to_vec).chain([b"[".repeat(100_000)]) {
        match EnvelopeCodec.decode(&bytes)? {
            Message::Unreadable { reason } => ensure!(reason.chars().count() < 1_000, "{reason}"),
            believed => anyhow::bail!("believed {believed:?}"),
        }
    }
    Ok(())
}
