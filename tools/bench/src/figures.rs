//! Several measurements of the same thing, and bounds for them.

use anyhow::{Result, bail};
use testkit::console::{show, show_table};

/// Several measurements of the same thing.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures(Vec<f64>);

impl FromIterator<f64> for Figures {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Self {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        Self(figures)
    }
}

impl Figures {
    /// Returns the median, or the mean of the two middle figures; 0 if there are none.
    pub(super) fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        let at = |place: usize| self.0.get(place).copied().unwrap_or_default();
        if self.0.len().is_multiple_of(2) && middle > 0 {
            f64::midpoint(at(middle - 1), at(middle))
        } else {
            at(middle)
        }
    }

    pub(super) fn largest(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }

    /// Formats the median and, in parentheses, the minimum and the maximum.
    pub(super) fn spread(&self, decimals: usize, unit: &str) -> String {
        let smallest = self.0.first().copied().unwrap_or_default();
        format!(
            "{:.decimals$}{unit} ({smallest:.decimals$} to {:.decimals$})",
            self.median(),
            self.largest()
        )
    }
}

/// A bound of issue 5, and the measured figure.
#[derive(Debug)]
struct Verdict {
    what: String,
    is: f64,
    at_most: f64,
    unit: &'static str,
}

/// Collects bounds, and fails the command if one is broken.
#[derive(Debug, Default)]
pub(super) struct Judge {
    verdicts: Vec<Verdict>,
    /// Whether broken bounds are only shown: sizes are too small to judge by.
    pub(super) lenient: bool,
}

impl Judge {
    pub(super) fn at_most(
        &mut self,
        what: impl Into<String>,
        is: f64,
        at_most: f64,
        unit: &'static str,
    ) {
        self.verdicts.push(Verdict { what: what.into(), is, at_most, unit });
    }

    /// Shows all bounds.
    ///
    /// # Errors
    /// If one of them is broken.
    pub(super) fn conclude(&self) -> Result<()> {
        let broken = self.verdicts.iter().filter(|verdict| !verdict.is_kept()).count();
        if !self.verdicts.is_empty() {
            show("");
            let rows: Vec<Vec<String>> = self.verdicts.iter().map(Verdict::row).collect();
            show_table(&["BOUND", "IS", "AT MOST", ""], &rows);
        }
        match broken {
            0 => Ok(()),
            _ if self.lenient => {
                show("Sizes are too small to be judged by: the bounds are only shown.");
                Ok(())
            }
            1 => bail!("a bound is broken"),
            _ => bail!("{broken} bounds are broken"),
        }
    }
}

impl Verdict {
    /// Whether the bound is kept; a figure that could not be measured breaks it.
    fn is_kept(&self) -> bool {
        self.is <= self.at_most
    }

    fn row(&self) -> Vec<String> {
        let Self { what, is, at_most, unit } = self;
        let word = if self.is_kept() { "kept" } else { "BROKEN" };
        vec![what.clone(), format!("{is:.3}{unit}"), format!("{at_most}{unit}"), word.to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, Judge};

    #[test]
    fn the_median_is_in_the_middle() {
        let median = |figures: &[f64]| figures.iter().copied().collect::<Figures>().median();
        assert!((median(&[3.0, 1.0, 50.0]) - 3.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 50.0, 2.0]) - 3.0).abs() < f64::EPSILON);
        let spread = Figures::from_iter([3.0, 1.0, 50.0]).spread(1, " s");
        assert_eq!(spread, "3.0 s (1.0 to 50.0)");
    }

    #[test]
    fn a_broken_bound_is_an_error_unless_sizes_are_too_small() {
        for (is, lenient, ends_well) in
            [(1.0, false, true), (1.3, false, false), (1.3, true, true), (f64::NAN, false, false)]
        {
            let mut judge = Judge { lenient, ..Judge::default() };
            judge.at_most("ratio", is, 1.2, "");
            assert_eq!(judge.conclude().is_ok(), ends_well, "{is}");
        }
    }
}
