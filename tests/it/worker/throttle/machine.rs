//! Checks that look at the worker's own machine.

use std::{fs, os::unix::fs::symlink};

use anyhow::Result;
use chrono::{Local, TimeDelta};
use testkit::Clock;

use super::is_throttled;
use crate::worker::{clock::with_clock, stage::Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_file() -> Result<()> {
    let stage = Stage::new().await?;
    let folder = tempfile::tempdir()?;
    let flag = folder.path().join("throttle");
    let ostrakon = stage.with("OSTRAKON_THROTTLE_FLAG_FILE", &flag.display().to_string());
    let raise = async || Ok(fs::write(&flag, "")?);
    is_throttled(&ostrakon, &stage.pool, "flag_file", raise, async |()| Ok(fs::remove_file(&flag)?))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_window() -> Result<()> {
    let stage = Stage::new().await?;
    let clock = Clock::set_by("+0")?;
    let now = Local::now();
    let time = |minutes| (now + TimeDelta::minutes(minutes)).format("%H:%M");
    let window = format!("{}-{}", time(-30), time(30));
    let ostrakon = with_clock(&clock, stage.with("OSTRAKON_THROTTLE_WINDOW", &window));
    let jump = async || clock.set("+1h");
    is_throttled(&ostrakon, &stage.pool, "window", jump, async |()| clock.set("+0")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk() -> Result<()> {
    let stage = Stage::new().await?;
    let folder = tempfile::tempdir()?;
    let disk = folder.path().join("disk");
    symlink(folder.path(), &disk)?;
    let lead_to = |place: &std::path::Path| -> Result<()> {
        let new = folder.path().join("new");
        symlink(place, &new)?;
        Ok(fs::rename(&new, &disk)?)
    };
    let ostrakon = stage
        .with("OSTRAKON_THROTTLE_DISK_FREE_MIB", "1")
        .with("OSTRAKON_THROTTLE_DISK_PATH", disk.display().to_string());
    // There, nothing is ever free.
    let fill = async || lead_to(std::path::Path::new("/proc"));
    is_throttled(&ostrakon, &stage.pool, "disk_free", fill, async |()| lead_to(folder.path())).await
}
