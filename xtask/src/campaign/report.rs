//! What a part of a campaign came to.

use serde_json::Value;

use crate::table::Aligned;

/// A table for people, and the same as JSON.
#[derive(Debug)]
pub(crate) struct Report {
    /// The name of the part.
    pub(crate) part: &'static str,
    pub(crate) table: Aligned,
    pub(crate) rows: Vec<Value>,
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Report {
    pub(crate) fn new(part: &'static str, table: Aligned) -> Self {
        Self { part, table, rows: Vec::new(), passed: 0, failed: 0 }
    }

    /// Adds a row that is one check.
    pub(crate) fn check(&mut self, cells: Vec<String>, row: Value, good: bool) {
        self.table.row(cells);
        self.rows.push(row);
        self.passed += u64::from(good);
        self.failed += u64::from(!good);
    }
}
