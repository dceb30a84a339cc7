//! kenoma: background jobs for the administrators of Pleroma and Akkoma servers.
#[cfg_attr(
    not(test),
    expect(dead_code, unused_imports, reason = "the worker and the CLI come next")
)]
mod queue;

fn main() {}
