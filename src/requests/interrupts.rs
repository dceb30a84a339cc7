//! Reasons to stop an inline run: Ctrl-C, SIGTERM, a closed terminal, `--wait-timeout`.

use std::{fs, io, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep_until},
};

use crate::failure::Failure;

/// Reason to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A signal: the user or the system wants the run to stop.
    Signal,
    /// The run took longer than `--wait-timeout`, which is the value here.
    Timeout(Duration),
}

/// Signal listener. It listens from its creation on, so signals that arrive before the first wait
/// are not lost.
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
    deadline: Option<(Instant, Duration)>,
    stopped: Option<Stop>,
}

impl Interrupts {
    /// Replaces the default handlers, which would end the process immediately.
    pub(crate) fn listen(timeout: Option<Duration>) -> Result<Self, Failure> {
        let listen = || -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hang_up: (!ignores_hang_up()).then(|| signal(SignalKind::hangup())).transpose()?,
                deadline: timeout.map(|timeout| (Instant::now() + timeout, timeout)),
                stopped: None,
            })
        };
        listen().map_err(|error| {
            Failure::Failed(format!("cannot listen for signals ({error}); nothing was changed"))
        })
    }

    /// First reason to stop, if there was one.
    pub(crate) const fn stopped(&self) -> Option<Stop> {
        self.stopped
    }

    /// Waits for the next reason to stop.
    pub(crate) async fn next(&mut self) -> Stop {
        let Self { interrupt, terminate, hang_up, deadline, stopped } = self;
        let hung_up = async {
            match hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        let late = async {
            match deadline {
                Some((deadline, timeout)) => {
                    sleep_until(*deadline).await;
                    *timeout
                }
                None => std::future::pending().await,
            }
        };
        let stop = tokio::select! {
            biased;
            _ = interrupt.recv() => Stop::Signal,
            _ = terminate.recv() => Stop::Signal,
            _ = hung_up => Stop::Signal,
            timeout = late => Stop::Timeout(timeout),
        };
        if matches!(stop, Stop::Timeout(_)) {
            *deadline = None;
        }
        stopped.get_or_insert(stop);
        stop
    }
}

/// Whether the process ignores SIGHUP because `nohup` or a similar tool started it: it has to
/// outlive its terminal.
fn ignores_hang_up() -> bool {
    const SIGHUP_BIT: u64 = 1;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0) & SIGHUP_BIT
        != 0
}
