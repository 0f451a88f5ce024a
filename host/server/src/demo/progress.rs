//! What the person who waits is told: lines, and a bar where they are seen on a terminal.

use super::tally::Tally;
use crate::cli::output::{Output, note};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// How often a bar is drawn.
const REFRESH: Duration = Duration::from_millis(100);

/// Tells what happens.
#[derive(Clone, Copy)]
pub(super) struct Progress {
    says: bool,
}

impl Progress {
    /// Nothing is said beside JSON.
    pub(super) fn new(output: Output) -> Self {
        Self { says: !output.is_json() }
    }

    /// Says what happens now.
    pub(super) fn line(self, text: &str) {
        if self.says {
            note(text);
        }
    }

    /// Something that takes so many commands.
    pub(super) fn phase(self, total: u64) -> Phase {
        let style =
            ProgressStyle::with_template("{bar:30} {percent:>3}%  {human_pos} of {human_len}  {elapsed}");
        // Nothing is drawn when standard error is no terminal.
        let bar = ProgressBar::new(total).with_style(style.expect("the template is a constant"));
        Phase { progress: self, bar }
    }
}

/// A bar, while it is drawn.
pub(super) struct Phase {
    progress: Progress,
    bar: ProgressBar,
}

impl Phase {
    /// Says what happened.
    pub(super) fn line(&self, text: &str) {
        self.bar.suspend(|| self.progress.line(text));
    }

    /// Draws how far it is, for ever.
    pub(super) async fn draw(&self, tally: &Tally) {
        let mut decided = tally.watch_decided();
        loop {
            let now = *decided.borrow_and_update();
            self.bar.set_position(now);
            tokio::time::sleep(REFRESH).await;
        }
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
