//! kenoma: background jobs for administrators of Pleroma and Akkoma servers.

#[expect(dead_code, unused_imports, reason = "the command line that uses it comes next")]
mod settings;
#[expect(dead_code, reason = "the command line that uses it comes next")]
mod telemetry;

fn main() {}
