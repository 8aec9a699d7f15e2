//! Scalars in each style (`yaml/emitter.py: write_plain`, `write_single_quoted`, `write_double_quoted`,
//! `write_literal`).

use super::emit::{Emitter, WIDTH};

impl Emitter {
    /// A text of printable ASCII without line breaks, folded at single spaces when `split`.
    pub(super) fn plain(&mut self, text: &str, split: bool) {
        if text.is_empty() {
            return;
        }
        if !self.whitespace {
            self.write(" ");
        }
        self.inside();
        let mut at = 0;
        for (run, spaces) in runs(text) {
            let last = at + run.len() == text.len();
            at += run.len();
            if spaces && run.len() == 1 && !last && split && self.column > WIDTH {
                self.write_indent();
                self.inside();
            } else {
                self.write(run);
            }
        }
    }

    /// A text of printable ASCII and line breaks between `'`, folded at single spaces when `split`.
    pub(super) fn single_quoted(&mut self, text: &str, split: bool) {
        self.indicator("'", true, false);
        let mut at = 0;
        for (run, spaces) in runs(text) {
            let (first, last) = (at == 0, at + run.len() == text.len());
            at += run.len();
            if spaces && run.len() == 1 && !first && !last && split && self.column > WIDTH {
                self.write_indent();
            } else if run.starts_with('\n') {
                // One more than there are: a single one would be read as a space.
                for _ in 0..=run.len() {
                    self.line_break();
                }
                self.write_indent();
            } else {
                self.write(&run.replace('\'', "''"));
            }
        }
        self.indicator("'", false, false);
    }

    /// Any text between `"`, all but printable ASCII escaped, folded at spaces and after escapes when `split`.
    pub(super) fn double_quoted(&mut self, text: &str, split: bool) {
        self.indicator("\"", true, false);
        // What is not written yet begins at `start`.
        let mut start = 0;
        for (end, character) in text.char_indices() {
            let next = end + character.len_utf8();
            let plain = matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
            if !plain {
                self.write(text.get(start..end).unwrap_or_default());
                self.escape(character);
                start = next;
            }
            let middle = end > 0 && next < text.len();
            // After an escape PyYAML counts one character less than there are.
            let column = if plain { self.column + (end - start) } else { self.column.saturating_sub(1) };
            if split && middle && (character == ' ' || !plain || start == end) && column > WIDTH {
                if plain {
                    self.write(text.get(start..end).unwrap_or_default());
                    start = end;
                }
                self.write("\\");
                self.write_indent();
                self.inside();
                if text.get(start..).is_some_and(|rest| rest.starts_with(' ')) {
                    self.write("\\");
                }
            }
        }
        self.write(text.get(start..).unwrap_or_default());
        self.indicator("\"", false, false);
    }

    fn escape(&mut self, character: char) {
        let short = match character {
            '\0' => '0',
            '\x07' => 'a',
            '\x08' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\x0b' => 'v',
            '\x0c' => 'f',
            '\r' => 'r',
            '\x1b' => 'e',
            '"' | '\\' => character,
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(character);
                let escaped = match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                self.write(&escaped);
                return;
            }
        };
        self.out.extend(['\\', short]);
        self.column += 2;
    }

    /// Lines of ASCII, each with its end, as a block.
    pub(super) fn literal(&mut self, text: &str) {
        self.indicator("|", true, false);
        self.line_break();
        for line in text.lines() {
            self.write_indent();
            // The block writer does not count columns.
            self.out.push_str(line);
            self.line_break();
        }
    }
}

/// The runs of a text: spaces, line breaks, and what is between; and whether they are spaces.
fn runs(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let kind = |byte: u8| match byte {
        b' ' => 1,
        b'\n' => 2,
        _ => 0,
    };
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = kind(*rest.as_bytes().first()?);
        let len = rest.bytes().position(|byte| kind(byte) != first).unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(len)?;
        rest = after;
        Some((run, first == 1))
    })
}
