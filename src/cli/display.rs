//! Live progress of a run: a progress bar on a terminal, lines elsewhere.

use crate::numbers::thousands;
use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use chrono::Utc;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ostrakon_engine::{Meter, Progress, deliveries_note};

use super::{Output, output::one_line};

/// Interval between progress lines where there is no terminal.
const LINE: Duration = Duration::from_secs(10);

/// Progress bar on a terminal; a line every 10 seconds elsewhere.
pub(super) struct Display {
    output: Output,
    bar: ProgressBar,
    meter: Option<Meter>,
    last_line: Instant,
    /// Whether the throttle was already reported.
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

    /// Shows the run's current progress.
    pub(super) fn show(&mut self, subject: &str, progress: &Progress) {
        self.show_throttle(subject, progress.throttled.as_deref());
        // No total is known before the first plan; an empty bar would look like the end.
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

    /// Reports once why a run is throttled, and once when it continues.
    fn show_throttle(&mut self, subject: &str, reason: Option<&str>) {
        // The figure in the reason keeps changing, but the throttle is reported only once.
        if self.throttled == reason.is_some() {
            return;
        }
        self.throttled = reason.is_some();
        let text = match reason {
            Some(reason) => format!("{subject} is throttled: {reason}"),
            None => format!("{subject} continues"),
        };
        self.output.note(one_line(&text));
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // Later output must not follow the bar on its line.
        Output::take_bar_away();
    }
}

/// Speed of a run, as far as it is known.
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
