//! Columns that stand below each other.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Paint, Screen};

/// Between two columns.
const GAP: &str = "  ";
/// A column is not cut below this width, whatever the terminal's.
const NARROWEST: usize = 12;

/// A table with a head.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<(Paint, String)>>,
}

impl Table {
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// A row; the first cell is a node's name, as in all tables of replies. A cell that is left out is empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = (Paint, String)>) {
        self.rows.push(cells.into_iter().map(|(paint, text)| (paint, on_one_line(text))).collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines. On a terminal the last column is cut to its width; elsewhere nothing is.
    pub(super) fn lines(&self, screen: &Screen) -> Vec<String> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let widths: Vec<usize> = (0..self.head.len()).map(|column| self.width(column)).collect();
        let head: Vec<_> = self.head.iter().map(|name| (Paint::Head, (*name).to_owned())).collect();
        let rows = std::iter::once(&head).filter(|_| !screen.is_quiet()).chain(&self.rows);
        rows.map(|cells| line(cells, &widths, screen)).collect()
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|(_, text)| text.width());
        cells.chain([self.head.get(column).map_or(0, |name| name.width())]).max().unwrap_or(0)
    }
}

fn line(cells: &[(Paint, String)], widths: &[usize], screen: &Screen) -> String {
    let mut line = String::new();
    let mut used = 0;
    // Spaces at the end of a line are for nobody.
    let last = cells.iter().rposition(|(_, text)| !text.is_empty()).unwrap_or(0);
    for (column, (paint, text)) in cells.iter().enumerate().take(last + 1) {
        let width = widths.get(column).copied().unwrap_or(0);
        if column == last {
            let left = screen.width().map(|all| all.saturating_sub(used).max(NARROWEST));
            line.push_str(&screen.painted(*paint, cut(text, left)).to_string());
        } else {
            line.push_str(&screen.painted(*paint, text).to_string());
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(text.width())));
            line.push_str(GAP);
        }
        used += width + GAP.len();
    }
    line
}

/// The text within `width` columns, with an ellipsis for what does not fit.
fn cut(text: &str, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| text.width() > *width) else { return text.to_owned() };
    let mut kept = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

/// A cell is one line, and no text in it moves the cursor.
fn on_one_line(text: String) -> String {
    if !text.chars().any(char::is_control) {
        return text;
    }
    let mut line = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(cells: &[&str]) -> Vec<(Paint, String)> {
        cells.iter().map(|&text| (Paint::Plain, text.to_owned())).collect()
    }

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new(&["NODE", "TASK", "ARGS"]);
        table.row(plain(&["w1@h", "tasks.add", "[1, 2]"]));
        table.row(plain(&["worker@host", "é", "line\nbreak\u{1b}[2J"]));
        table.row(plain(&["w3@h"]));
        let lines = table.lines(&Screen::new(true, false));
        assert_eq!(
            lines,
            [
                "NODE         TASK       ARGS",
                "w1@h         tasks.add  [1, 2]",
                "worker@host  é          line\\nbreak\\u{1b}[2J",
                "w3@h",
            ]
        );
        assert_eq!(table.lines(&Screen::new(true, true)).len(), 3);
        assert!(Table::new(&["NODE"]).lines(&Screen::new(true, false)).is_empty());
    }

    #[test]
    fn long_cells_are_cut_at_whole_characters() {
        assert_eq!(cut("abcdef", Some(4)), "abc…");
        assert_eq!(cut("日本語", Some(4)), "日…");
        assert_eq!(cut("日本語", Some(6)), "日本語");
        assert_eq!(cut("abcdef", None), "abcdef");
    }
}
