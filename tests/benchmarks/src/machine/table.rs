//! Figures with their goals, for people.

use crate::figures::line;
use comfy_table::{CellAlignment, ContentArrangement, presets::UTF8_FULL_CONDENSED};
use std::time::Duration;

/// A table of figures.
pub(super) struct Table {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    missed: usize,
}

/// What a figure should be.
#[derive(Clone, Copy)]
pub(super) enum Goal {
    /// There is none.
    None,
    /// At most this many microseconds.
    MicrosecondsAtMost(f64),
    /// At least this ratio.
    RatioAtLeast(f64),
}

impl Table {
    pub(super) fn new(title: &'static str, head: &[&'static str]) -> Self {
        Self { title, head: head.to_vec(), rows: Vec::new(), missed: 0 }
    }

    /// A row that no goal is set for.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// A row whose last cells are a figure and its goal.
    pub(super) fn row_with(
        &mut self,
        cells: impl IntoIterator<Item = String>,
        figure: f64,
        shown: String,
        goal: Goal,
    ) {
        let (goal, met) = match goal {
            Goal::None => (String::new(), None),
            Goal::MicrosecondsAtMost(most) => (format!("≤ {most} µs"), Some(figure <= most)),
            Goal::RatioAtLeast(least) => (format!("≥ {least}"), Some(figure >= least)),
        };
        let verdict = match met {
            None => String::new(),
            Some(true) => format!("{goal} ✓"),
            Some(false) => {
                self.missed += 1;
                format!("{goal} ✗")
            }
        };
        self.row(cells.into_iter().chain([shown, verdict]));
    }

    /// Prints it, and says how many goals are missed.
    pub(super) fn print(self) -> usize {
        let mut table = comfy_table::Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.head.clone()).add_rows(self.rows);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        line(&format!("\n{}\n{table}", self.title));
        self.missed
    }
}

/// In microseconds.
pub(super) fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Microseconds as a person reads them.
pub(super) fn shown(microseconds: f64) -> String {
    match microseconds.abs() {
        small if small < 10.0 => format!("{microseconds:.3} µs"),
        medium if medium < 1_000.0 => format!("{microseconds:.1} µs"),
        large if large < 1e6 => format!("{:.2} ms", microseconds / 1e3),
        _ => format!("{:.2} s", microseconds / 1e6),
    }
}
