//! Aligned tables, in plain characters.

use comfy_table::{CellAlignment, ColumnConstraint, Table, Width, presets};

/// A table with `header`; columns named in `right` are aligned to the right.
#[derive(Debug)]
pub(crate) struct Aligned(Table);

impl Aligned {
    pub(crate) fn new(header: &[&str], right: &[usize]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN).set_header(header);
        for &index in right {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self(table)
    }

    /// Wraps a column at `width` characters.
    pub(crate) fn at_most(mut self, column: usize, width: u16) -> Self {
        if let Some(column) = self.0.column_mut(column) {
            column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(width)));
        }
        self
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.0.add_row(cells);
    }

    #[expect(clippy::print_stdout, reason = "the result of the command")]
    pub(crate) fn print(&self) {
        println!("\n{}\n", self.0.trim_fmt());
    }

    /// The table as text, for a Markdown file.
    pub(crate) fn text(&self) -> String {
        self.0.trim_fmt()
    }
}
