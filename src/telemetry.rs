//! Log of the process: on standard error, as text or JSON.

use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt, fmt::MakeWriter, util::SubscriberInitExt as _};

use crate::{
    cli::LogStream,
    settings::{LogFormat, LogSettings},
};

/// `--color`: when to colour what is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always, even into a pipe and against `NO_COLOR`.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Resolves the choice for one stream of this process.
    pub(crate) fn enabled(self, is_terminal: bool) -> bool {
        let set = |variable| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        self.decide(is_terminal && !dumb, set("NO_COLOR"))
    }

    fn decide(self, is_terminal: bool, no_color: bool) -> bool {
        match self {
            Self::Auto => is_terminal && !no_color,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Sends the log to standard error. `Auto` means JSON if that is not a terminal. Commands other
/// than the worker pass `Loaded::command_log()`.
///
/// # Errors
/// If the filter is invalid (checked settings never are), or a log was set up before.
pub(crate) fn init(log: &LogSettings, color: Color) -> anyhow::Result<()> {
    let is_terminal = io::stderr().is_terminal();
    let style = Style::of(log.format, is_terminal, color.enabled(is_terminal));
    subscriber(&log.level, style, || LogStream)?.try_init()?;
    Ok(())
}

/// Filter for targets that are off by default. apalis logs every failed poll of an outage; we log
/// an outage once. PostgreSQL's notices concern, for example, a ROLLBACK after a BEGIN that was
/// never sent, which nobody can act on. The pool's errors are reported by the code that requested
/// the connection. `log.level` comes later in the filter, and so takes precedence.
const QUIET: &str = "apalis=off,apalis_core=off,apalis_redis=off,sqlx::postgres::notice=off,sqlx_core::pool::inner=off";

/// Resolved format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Text { ansi: bool },
    Json,
}

impl Style {
    fn of(format: LogFormat, is_terminal: bool, ansi: bool) -> Self {
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Auto if !is_terminal => Self::Json,
            LogFormat::Auto | LogFormat::Text => Self::Text { ansi },
        }
    }
}

fn subscriber<W>(
    level: &str,
    style: Style,
    writer: W,
) -> anyhow::Result<Box<dyn Subscriber + Send + Sync>>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(format!("{QUIET},{level}"))?;
    let base = fmt().with_env_filter(filter).with_writer(writer);
    Ok(match style {
        Style::Text { ansi } => Box::new(base.with_ansi(ansi).with_target(false).finish()),
        // One span is enough: the innermost one names the run.
        Style::Json => Box::new(base.json().flatten_event(true).with_span_list(false).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: &str, style: Style) -> anyhow::Result<String> {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = subscriber(level, style, move || writer.clone())?;
        tracing::subscriber::with_default(subscriber, || {
            let _run = tracing::info_span!("run", run_id = "01J").entered();
            tracing::debug!("not wanted at info");
            tracing::info!(done = 3, total = 9, "progress");
        });
        let bytes = sink.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(String::from_utf8(bytes)?)
    }

    #[test]
    fn json_is_one_flat_object_per_line() -> anyhow::Result<()> {
        let lines = logged("info", Style::Json)?;
        let line: serde_json::Value = serde_json::from_str(lines.trim_end())?;
        assert_eq!(
            (&line["level"], &line["message"], &line["done"], &line["span"]["run_id"]),
            (&"INFO".into(), &"progress".into(), &3.into(), &"01J".into())
        );
        assert!(line.get("fields").is_none() && line.get("spans").is_none(), "{line}");
        Ok(())
    }

    #[test]
    fn text_is_coloured_only_when_asked() -> anyhow::Result<()> {
        let plain = logged("info", Style::Text { ansi: false })?;
        assert!(plain.contains("progress done=3 total=9") && !plain.contains('\x1b'), "{plain:?}");
        assert!(logged("info", Style::Text { ansi: true })?.contains('\x1b'));
        Ok(())
    }

    #[test]
    fn the_level_decides_what_is_said() -> anyhow::Result<()> {
        assert_eq!(logged("warn", Style::Text { ansi: false })?, "");
        assert_eq!(logged("debug", Style::Text { ansi: false })?.lines().count(), 2);
        Ok(())
    }

    #[test]
    fn the_queues_library_is_silent_unless_it_is_asked_for() -> anyhow::Result<()> {
        let said = |level| {
            let sink = Sink::default();
            let writer = sink.clone();
            let subscriber = subscriber(level, Style::Json, move || writer.clone())?;
            tracing::subscriber::with_default(subscriber, || {
                tracing::error!(target: "apalis", "x");
                tracing::error!(target: "apalis_core::worker", "x");
                tracing::error!(target: "apalis_redis::fetcher", "x");
            });
            let bytes = sink.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            anyhow::Ok(String::from_utf8(bytes)?.lines().count())
        };
        assert_eq!((said("info")?, said("trace")?), (0, 0));
        assert_eq!(said("info,apalis_core=debug")?, 1);
        Ok(())
    }

    #[test]
    fn auto_is_json_away_from_a_terminal() {
        assert_eq!(Style::of(LogFormat::Auto, false, false), Style::Json);
        assert_eq!(Style::of(LogFormat::Auto, true, true), Style::Text { ansi: true });
        assert_eq!(Style::of(LogFormat::Text, false, false), Style::Text { ansi: false });
        assert_eq!(Style::of(LogFormat::Json, true, true), Style::Json);
    }

    #[test]
    fn colour_obeys_the_flag_before_no_color() {
        for (color, is_terminal, no_color, enabled) in [
            (Color::Auto, true, false, true),
            (Color::Auto, true, true, false),
            (Color::Auto, false, false, false),
            (Color::Always, false, true, true),
            (Color::Never, true, false, false),
        ] {
            assert_eq!(color.decide(is_terminal, no_color), enabled, "{color:?}");
        }
    }
}
