//! Standard output: results, coloured where somebody looks at them; standard error: messages.

use std::fmt::{self, Display};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use anstyle::{AnsiColor, Style};

use super::Table;

/// Where a command writes. What is written is flushed at the end of each thing.
#[derive(Debug)]
pub(crate) struct Screen {
    out: BufWriter<Stdout>,
    color: bool,
    /// The columns of the terminal; nothing where there is none, and nothing is cut.
    width: Option<usize>,
    quiet: bool,
}

/// What a colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Head,
    Node,
    Good,
    Bad,
    Faint,
}

impl Paint {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Head => Style::new().bold(),
            Self::Node => AnsiColor::Cyan.on_default(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

impl Screen {
    /// Colours are for terminals, and for those who want them (`NO_COLOR`, `-C`). `quiet` leaves out what is said besides
    /// the results.
    pub(crate) fn new(no_color: bool, quiet: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        // https://no-color.org: present and not empty.
        let no_color = no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = terminal.then(terminal_size::terminal_size).flatten().map(|(width, _)| width.0.into());
        Self { out: BufWriter::new(io::stdout()), color: terminal && !no_color, width, quiet }
    }

    /// The columns of the terminal.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Whether only results are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// `text` in its colour.
    pub(crate) fn painted<T: Display>(&self, paint: Paint, text: T) -> Painted<T> {
        Painted { style: if self.color { paint.style() } else { Style::new() }, text }
    }

    /// A line.
    pub(crate) fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// A table; nothing where it has no rows.
    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        for line in table.lines(self) {
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }

    /// A message, to standard error.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet {
            // Whoever does not listen misses nothing that matters.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// A text in a colour.
#[derive(Debug)]
pub(crate) struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { style, text } = self;
        write!(f, "{style}{text}{style:#}")
    }
}
