//! How far an import is, on standard error: a bar on a terminal, a line now and then elsewhere if it is asked for.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar is drawn.
const TICK: Duration = Duration::from_millis(200);
/// How often a line is written.
const INTERVAL: Duration = Duration::from_secs(5);

/// What is shown of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Bar,
    Lines,
    Nothing,
}

impl Shown {
    /// What is shown where nothing else is said: a bar, if a person sees it.
    pub(super) fn of(is_quiet: bool, is_asked_for: bool) -> Self {
        match (is_quiet, stderr().is_terminal(), is_asked_for) {
            (true, ..) | (false, false, false) => Self::Nothing,
            (false, true, _) => Self::Bar,
            (false, false, true) => Self::Lines,
        }
    }
}

/// How far one input is.
#[derive(Debug)]
pub(super) struct Progress {
    state: Arc<State>,
    bar: Option<ProgressBar>,
}

#[derive(Debug)]
struct State {
    name: String,
    /// Bytes of the input.
    total: Option<u64>,
    read: Arc<AtomicU64>,
    /// Records that were refused, as far as the server has said.
    refused: AtomicU64,
    has_receipt: AtomicBool,
    is_ended: AtomicBool,
}

impl Progress {
    /// Begins to show how much of an input was read.
    pub(super) fn begin(shown: Shown, name: &str, total: Option<u64>, read: &Arc<AtomicU64>) -> Self {
        let state = Arc::new(State {
            name: name.to_owned(),
            total,
            read: Arc::clone(read),
            refused: AtomicU64::new(0),
            has_receipt: AtomicBool::new(false),
            is_ended: AtomicBool::new(false),
        });
        let bar = (shown == Shown::Bar).then(|| bar_of(&state));
        if shown != Shown::Nothing {
            let (state, bar) = (Arc::clone(&state), bar.clone());
            // Without the thread the import is as good.
            let _ = thread::Builder::new().name("progress".to_owned()).spawn(move || state.show(bar.as_ref()));
        }
        Self { state, bar }
    }

    /// Writes something else while the bar is away.
    pub(super) fn suspended<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes note of what a receipt says.
    pub(super) fn receipt(&self, refused: u64) {
        self.state.refused.fetch_add(refused, Ordering::Relaxed);
        self.state.has_receipt.store(true, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.state.is_ended.store(true, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar_of(state: &State) -> ProgressBar {
    let (bar, template) = match state.total {
        Some(total) => {
            (ProgressBar::new(total), "{prefix} {bar:24} {bytes}/{total_bytes} {binary_bytes_per_sec}, {eta} left{msg}")
        }
        None => (ProgressBar::new_spinner(), "{prefix} {spinner} {bytes} {binary_bytes_per_sec}{msg}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    // The template is a constant, and a test draws it.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(state.name.clone());
    bar
}

impl State {
    fn show(&self, bar: Option<&ProgressBar>) {
        let started = Instant::now();
        let mut said = started;
        while !self.is_ended.load(Ordering::Relaxed) {
            if let Some(bar) = bar {
                bar.set_position(self.read.load(Ordering::Relaxed));
                bar.set_message(self.refused());
                bar.tick();
            } else if said.elapsed() >= INTERVAL {
                said = Instant::now();
                // Nothing is left to do when standard error is closed.
                let _ = writeln!(stderr(), "{}", self.line(started.elapsed()));
            }
            thread::sleep(TICK);
        }
    }

    /// What is known of refused records. One call says it at its end; of several, each does.
    fn refused(&self) -> String {
        match (self.has_receipt.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed)) {
            (false, _) => String::new(),
            (true, refused) => format!(", {refused} refused so far"),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    fn line(&self, elapsed: Duration) -> String {
        let read = self.read.load(Ordering::Relaxed);
        let rate = read as f64 / elapsed.as_secs_f64().max(0.001);
        let (name, refused) = (&self.name, self.refused());
        let rated = format!("{}/s", HumanBytes(rate as u64));
        match self.total {
            Some(total) => {
                let left = Duration::from_secs_f64(total.saturating_sub(read) as f64 / rate.max(1.0));
                let (read, total) = (HumanBytes(read), HumanBytes(total));
                format!("{name}: {read} of {total}, {rated}, {} left{refused}", HumanDuration(left))
            }
            None => format!("{name}: {}, {rated}{refused}", HumanBytes(read)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let state = |total| State {
            name: "a.csv".to_owned(),
            total,
            read: Arc::new(AtomicU64::new(1 << 20)),
            refused: AtomicU64::new(3),
            has_receipt: AtomicBool::new(true),
            is_ended: AtomicBool::new(false),
        };
        let second = Duration::from_secs(1);
        let line = state(Some(4 << 20)).line(second);
        assert_eq!(line, "a.csv: 1.00 MiB of 4.00 MiB, 1.00 MiB/s, 3 seconds left, 3 refused so far");
        assert_eq!(state(None).line(second), "a.csv: 1.00 MiB, 1.00 MiB/s, 3 refused so far");
    }

    #[test]
    fn the_templates_of_bars_are_valid() {
        let read = Arc::new(AtomicU64::new(0));
        for total in [Some(1), None] {
            let progress = Progress::begin(Shown::Bar, "a", total, &read);
            progress.receipt(1);
            assert!(progress.bar.is_some());
        }
    }
}
