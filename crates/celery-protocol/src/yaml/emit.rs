//! The text under construction (`yaml/emitter.py: Emitter`, its writers).

/// Beyond this column lines are folded.
pub(super) const WIDTH: usize = 80;

/// How far each level is indented.
const INDENT: usize = 2;

/// The state of the emitter, as PyYAML keeps it.
pub(super) struct Emitter {
    pub(super) out: String,
    /// Characters since the last line break.
    pub(super) column: usize,
    /// Whether the last character was white space.
    pub(super) whitespace: bool,
    /// Whether the line so far is indentation: spaces, `-`, `?` and `:`.
    pub(super) indention: bool,
    /// Whether the document needs `...` to end.
    pub(super) open_ended: bool,
    indent: Option<usize>,
}

impl Emitter {
    pub(super) fn new() -> Self {
        Self {
            out: String::with_capacity(64),
            column: 0,
            whitespace: true,
            indention: true,
            open_ended: false,
            indent: None,
        }
    }

    /// Goes one level deeper, and gives what [`Emitter::dedent`] takes back.
    pub(super) fn increase_indent(&mut self, flow: bool, indentless: bool) -> Option<usize> {
        let before = self.indent;
        self.indent = match before {
            None => Some(if flow { INDENT } else { 0 }),
            Some(indent) if indentless => Some(indent),
            Some(indent) => Some(indent + INDENT),
        };
        before
    }

    pub(super) fn dedent(&mut self, before: Option<usize>) {
        self.indent = before;
    }

    /// Writes ASCII that is no line break.
    pub(super) fn write(&mut self, text: &str) {
        self.column += text.len();
        self.out.push_str(text);
    }

    /// Writes an indicator, after a space where one is needed. `indention` says that it counts as indentation.
    pub(super) fn indicator(&mut self, text: &str, need_whitespace: bool, indention: bool) {
        if need_whitespace && !self.whitespace {
            self.write(" ");
        }
        self.whitespace = false;
        self.indention = self.indention && indention;
        self.open_ended = false;
        self.write(text);
    }

    /// Begins a new line where needed, and indents it.
    pub(super) fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break();
        }
        if self.column < indent {
            self.whitespace = true;
            self.out.extend(std::iter::repeat_n(' ', indent - self.column));
            self.column = indent;
        }
    }

    pub(super) fn line_break(&mut self) {
        self.whitespace = true;
        self.indention = true;
        self.column = 0;
        self.out.push('\n');
    }

    /// What follows is neither white space nor indentation.
    pub(super) fn inside(&mut self) {
        self.whitespace = false;
        self.indention = false;
    }
}
