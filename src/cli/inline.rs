//! A job done in this process, with its progress on the terminal.

use std::time::Duration;

use ostrakon_engine::ledger::Run;
use ostrakon_jobs::AnyJob;
use ostrakon_server::Server;

use super::{Failure, Output, display::Display};
use crate::{
    requests::{InlineEvent, Interrupts, run_inline},
    session::Session,
};

/// Executes a run in this process.
pub(super) async fn inline(
    session: &Session,
    server: &Server,
    job: &AnyJob,
    id: &str,
    interrupts: &mut Interrupts,
    output: Output,
) -> Result<Run, Failure> {
    let mut display = Display::new(output);
    let mut show = |event: InlineEvent<'_>| match event {
        InlineEvent::Progress(progress) => display.show(job.subject(), progress),
        InlineEvent::Waits { reason, delay } => {
            let delay = Duration::from_secs(delay.as_secs().max(1));
            output.note(format!(
                "Waits for {reason}; next check in {}. Ctrl-C pauses the run",
                humantime::format_duration(delay)
            ));
        }
        InlineEvent::Pausing => {
            output.note("Pausing at the end of the batch; a second interrupt drops the batch");
        }
    };
    run_inline(session, server, job, id, interrupts, &mut show).await
}
