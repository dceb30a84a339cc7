//! Latencies, and their quantiles.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::load::Kind;
use super::stalls::Stall;

/// One transaction of the foreground.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) kind: Kind,
    /// Scheduled start.
    pub(super) due: Instant,
    /// Time from the scheduled start to the end, including the wait for a free client.
    pub(super) latency: Duration,
    /// Whether PostgreSQL refused the transaction.
    pub(super) failed: bool,
}

/// Durations of the transactions of one kind.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Quantiles {
    pub(super) samples: usize,
    /// Transactions that waited for a stalled disk; they are not among the samples.
    pub(super) left_out: usize,
    /// All failed transactions, including those left out.
    pub(super) failed: usize,
    pub(super) p50_ms: f64,
    pub(super) p95_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

impl Quantiles {
    /// Computes the quantiles of one kind's samples; exact, because all samples are kept.
    pub(super) fn of(samples: &[Sample], stalls: &[Stall], kind: Kind) -> Self {
        let of_kind: Vec<&Sample> = samples.iter().filter(|sample| sample.kind == kind).collect();
        let failed = of_kind.iter().filter(|sample| sample.failed).count();
        let (left_out, of_kind): (Vec<&Sample>, Vec<&Sample>) = of_kind
            .into_iter()
            .partition(|sample| stalls.iter().any(|stall| stall.explains(sample)));
        let mut ms: Vec<f64> =
            of_kind.iter().map(|sample| sample.latency.as_secs_f64() * 1000.0).collect();
        ms.sort_by(f64::total_cmp);
        Self {
            samples: ms.len(),
            left_out: left_out.len(),
            failed,
            p50_ms: quantile(&ms, 50),
            p95_ms: quantile(&ms, 95),
            p99_ms: quantile(&ms, 99),
            max_ms: ms.last().copied().unwrap_or_default(),
        }
    }
}

/// Returns the smallest value that is at least as large as `percent` of the sorted values.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// Returns the middle value, or the mean of the two middle values of an even number.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied().unwrap_or_default();
    if values.len() % 2 == 1 || middle == 0 {
        return upper;
    }
    f64::midpoint(values.get(middle - 1).copied().unwrap_or(upper), upper)
}

#[cfg(test)]
mod tests {
    use super::{median, quantile};

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        let of_hundred = [50, 95, 99, 100].map(|percent| quantile(&hundred, percent).to_bits());
        assert_eq!(of_hundred, [50.0, 95.0, 99.0, 100.0].map(f64::to_bits));
        assert_eq!(quantile(&[7.0], 99).to_bits(), 7.0_f64.to_bits());
        assert_eq!(quantile(&[], 99).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median(vec![4.0, 1.0]).to_bits(), 2.5_f64.to_bits());
    }
}
