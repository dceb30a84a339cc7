//! How far a run is, while somebody looks on: a progress bar on a terminal, lines elsewhere.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use chrono::Utc;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ostrakon_jobs::engine::{Meter, Progress, deliveries_note};

use super::{
    Output,
    output::{one_line, thousands},
};

/// How often a plain line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(10);

/// A progress bar on a terminal, a line every ten seconds elsewhere.
pub(super) struct Display {
    output: Output,
    bar: ProgressBar,
    meter: Option<Meter>,
    last_line: Instant,
    /// Whether it was told that the run is throttled.
    throttled: bool,
}

impl Display {
    pub(super) fn new(output: Output) -> Self {
        let target = if output.is_live() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style =
            ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len}{prefix}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style);
        if output.is_live() {
            Output::show_bar(bar.clone());
        }
        Self { output, bar, meter: None, last_line: Instant::now(), throttled: false }
    }

    /// How the command talks beside it.
    pub(super) const fn output(&self) -> Output {
        self.output
    }

    /// Shows where the run stands now.
    pub(super) fn show(&mut self, subject: &str, progress: &Progress) {
        self.show_throttle(subject, progress.throttled.as_deref());
        // Nothing is known before the first plan; a bar of nothing would look like the end.
        let Some(total) = progress.total else { return };
        let throttled = progress.throttled.as_ref().map(|_| "throttled");
        let inside: Vec<&str> = progress.step.as_deref().into_iter().chain(throttled).collect();
        let subject = &match inside[..] {
            [] => subject.to_owned(),
            _ => format!("{subject} ({})", inside.join(", ")),
        };
        let meter = self.meter.get_or_insert_with(|| Meter::start(progress));
        let pace = Pace {
            rate: meter.rate(progress),
            left: meter.eta(progress),
            deliveries: deliveries_note(progress.deliveries_until, Utc::now()),
        };
        let count = |items: i64| u64::try_from(items).unwrap_or(0);
        self.bar.set_message(one_line(subject));
        self.bar.set_prefix(pace.behind_the_bar());
        self.bar.set_length(count(total));
        self.bar.set_position(count(progress.done + progress.parked));
        if self.last_line.elapsed() < LINE || self.output.is_live() {
            return;
        }
        self.last_line = Instant::now();
        let (done, total) = (thousands(progress.done), thousands(total));
        let parked = match progress.parked {
            0 => String::new(),
            parked => format!(", {} parked", thousands(parked)),
        };
        self.output.note(format!("{subject}: {done} of {total}{parked}{}", pace.in_a_line()));
    }

    /// Says why a run is throttled, once, and when it goes on.
    fn show_throttle(&mut self, subject: &str, reason: Option<&str>) {
        // The figure in a reason changes; that it is throttled is told once.
        if self.throttled == reason.is_some() {
            return;
        }
        self.throttled = reason.is_some();
        let text = match reason {
            Some(reason) => format!("{subject} is throttled: {reason}"),
            None => format!("{subject} goes on"),
        };
        self.output.note(one_line(&text));
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // What is printed next must not stand behind the bar.
        Output::take_bar_away();
    }
}

/// How fast a run goes, as far as that is known.
struct Pace {
    rate: Option<f64>,
    left: Option<Duration>,
    deliveries: Option<String>,
}

impl Pace {
    fn behind_the_bar(&self) -> String {
        let mut text = String::new();
        if let Some(rate) = self.rate {
            let _always = write!(text, " · {rate:.0}/s");
        }
        if let Some(left) = self.left {
            let _always = write!(text, " · {} left", humantime::format_duration(left));
        }
        if let Some(deliveries) = &self.deliveries {
            let _always = write!(text, " · {deliveries}");
        }
        text
    }

    fn in_a_line(&self) -> String {
        let mut text = String::new();
        if let Some(rate) = self.rate {
            let _always = write!(text, ", {rate:.0} per second");
        }
        if let Some(left) = self.left {
            let _always = write!(text, ", {} left", humantime::format_duration(left));
        }
        if let Some(deliveries) = &self.deliveries {
            let _always = write!(text, "; {deliveries}");
        }
        text
    }
}
