//! The plans that PostgreSQL really used, as its module `auto_explain` reports them.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use serde_json::Value;
use sqlx::{Executor as _, PgPool, postgres::PgPoolOptions};
use tracing::{Event, Subscriber, field::Visit, subscriber::DefaultGuard};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

/// Asks PostgreSQL to report each statement's plan to the client.
const REPORT_PLANS: &str = "load 'auto_explain';
    set auto_explain.log_min_duration = 0;
    set auto_explain.log_format = 'json';
    set auto_explain.log_level = 'notice';
    set client_min_messages = 'notice'";

/// Collects the plans that PostgreSQL reports to this thread, until [`Plans::take`].
#[derive(Clone, Default)]
pub(super) struct Plans(Arc<Mutex<Vec<Value>>>);

impl Plans {
    /// Starts collecting.
    pub(super) fn collect() -> (Self, DefaultGuard) {
        let plans = Self::default();
        let subscriber = tracing_subscriber::registry().with(plans.clone());
        (plans, tracing::subscriber::set_default(subscriber))
    }

    /// Takes the plans reported so far, in the order of their statements.
    pub(super) fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber> Layer<S> for Plans {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if event.metadata().target() == "sqlx::postgres::notice" {
            event.record(&mut self.clone());
        }
    }
}

impl Visit for Plans {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, _field: &tracing::field::Field, text: &str) {
        let Some((_, plan)) = text.split_once("plan:\n") else { return };
        if let Ok(plan) = serde_json::from_str(plan) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(plan);
        }
    }
}

/// Connects to a database so that it reports its plans, with `more` settings.
pub(super) async fn reporting(url: &str, more: &'static str) -> Result<PgPool> {
    let options = PgPoolOptions::new().max_connections(2).after_connect(move |connection, _| {
        Box::pin(async move {
            connection.execute(REPORT_PLANS).await?;
            connection.execute(more).await?;
            Ok(())
        })
    });
    Ok(options.connect(url).await?)
}

/// Statement of a plan.
pub(super) fn statement(plan: &Value) -> &str {
    plan["Query Text"].as_str().unwrap_or_default()
}

/// Lists the nodes of a reported plan.
pub(super) fn nodes(plan: &Value) -> Vec<&Value> {
    fn below(node: &Value) -> Vec<&Value> {
        let children = node["Plans"].as_array().into_iter().flatten().flat_map(below);
        [node].into_iter().chain(children).collect()
    }
    below(&plan["Plan"])
}

fn number(node: &Value, name: &str) -> f64 {
    node[name].as_f64().unwrap_or_default()
}

/// Rows that a node of a plan has read, in all its loops. Needs `auto_explain.log_analyze`.
pub(super) fn rows(node: &Value) -> f64 {
    let read = number(node, "Actual Rows")
        + number(node, "Rows Removed by Filter")
        + number(node, "Rows Removed by Index Recheck");
    read * number(node, "Actual Loops")
}

/// Pages that a plan has read. Needs `auto_explain.log_buffers`.
pub(super) fn pages(plan: &Value) -> f64 {
    number(&plan["Plan"], "Shared Hit Blocks") + number(&plan["Plan"], "Shared Read Blocks")
}

/// Maximum number of rows that a node of a plan has read.
pub(super) fn rows_read(plan: &Value) -> f64 {
    nodes(plan).into_iter().map(rows).fold(0.0, f64::max)
}
