//! What a command shows while it works: one line a step with its time, a spinner where there is a terminal.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// How often a step that says nothing shows on a plain output that it still runs.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// The steps of one command. They are written to standard error; results go to standard output.
#[derive(Debug)]
pub(crate) struct Steps {
    terminal: bool,
    colour: bool,
}

impl Steps {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        // https://no-color.org: present and not empty.
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { terminal, colour }
    }

    /// Steps of which several run at a time: one line each, also on a terminal.
    pub(crate) fn side_by_side(&self) -> Self {
        Self { terminal: false, colour: self.colour }
    }

    /// Runs one step under `label`.
    pub(crate) fn run<T>(&self, label: &str, work: impl FnOnce(&Step) -> Result<T>) -> Result<T> {
        let step = Step::new(label, self);
        let outcome = work(&step);
        step.finish(outcome.is_ok());
        outcome
    }

    /// Runs a step that is `total` things long.
    pub(crate) fn count<T>(
        &self,
        label: &str,
        total: u64,
        work: impl FnOnce(&Step) -> Result<T>,
    ) -> Result<T> {
        let step = Step::new(label, self);
        if let Some(bar) = &step.bar {
            bar.set_length(total);
            bar.set_style(style("{spinner} {prefix} [{bar:30}] {pos}/{len} {elapsed} {wide_msg}"));
        }
        let outcome = work(&step);
        step.finish(outcome.is_ok());
        outcome
    }
}

/// A line of its own, between steps.
#[expect(clippy::print_stderr, reason = "progress is for the person at the terminal")]
pub(crate) fn note(text: &str) {
    eprintln!("  {text}");
}

/// A step that runs.
#[derive(Debug)]
pub(crate) struct Step {
    label: String,
    bar: Option<ProgressBar>,
    colour: bool,
    started: Instant,
    alive: Cell<Instant>,
    spoiled: Cell<bool>,
}

impl Step {
    #[expect(clippy::print_stderr, reason = "progress is for the person at the terminal")]
    fn new(label: &str, steps: &Steps) -> Self {
        let bar = steps.terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(style("{spinner} {prefix} {elapsed} {wide_msg}"));
            bar.set_prefix(label.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        if bar.is_none() {
            eprintln!("... {label}");
        }
        let now = Instant::now();
        Self {
            label: label.to_owned(),
            bar,
            colour: steps.colour,
            started: now,
            alive: Cell::new(now),
            spoiled: Cell::new(false),
        }
    }

    /// Shows what the step is at: on a terminal beside the spinner, elsewhere now and then as a sign of life.
    #[expect(clippy::print_stderr, reason = "progress is for the person at the terminal")]
    pub(crate) fn at(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.trim().to_owned()),
            None if self.alive.get().elapsed() >= SIGN_OF_LIFE => {
                self.alive.set(Instant::now());
                eprintln!(
                    "... {} {:.0} s: {}",
                    self.label,
                    self.started.elapsed().as_secs_f64(),
                    text.trim()
                );
            }
            None => {}
        }
    }

    /// Marks that what the step found is bad, though it came to its end.
    pub(crate) fn spoil(&self) {
        self.spoiled.set(true);
    }

    /// Moves the bar of a counted step.
    pub(crate) fn position(&self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }

    /// A line that stays, above the spinner.
    #[expect(clippy::print_stderr, reason = "progress is for the person at the terminal")]
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(format!("    {text}")),
            None => eprintln!("    {text}"),
        }
    }

    #[expect(clippy::print_stderr, reason = "progress is for the person at the terminal")]
    fn finish(self, good: bool) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let mark = match (good && !self.spoiled.get(), self.colour) {
            (true, true) => "\u{1b}[32mok \u{1b}[0m",
            (false, true) => "\u{1b}[31mbad\u{1b}[0m",
            (true, false) => "ok ",
            (false, false) => "bad",
        };
        eprintln!("{mark} {} ({:.1} s)", self.label, self.started.elapsed().as_secs_f64());
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
