//! The runs of both workers, test by test.

use std::collections::BTreeMap;

use crate::conformance::exceptions::Exceptions;
use crate::conformance::outcome::Outcome;
use crate::conformance::run::Side;
use crate::table::Aligned;

/// What the runs of one side came to for one test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    runs: u32,
    passed: u32,
    failed: u32,
    seconds: f64,
    reason: Option<String>,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.passed += u32::from(outcome.passed());
        self.failed += u32::from(outcome.failed());
        self.seconds = self.seconds.max(outcome.seconds);
        if outcome.failed() || self.reason.is_none() {
            self.reason.clone_from(&outcome.reason);
        }
    }

    fn passes(&self) -> bool {
        self.runs > 0 && self.passed == self.runs
    }

    /// Whether it was never tried: skipped, or expected to fail.
    fn idle(&self) -> bool {
        self.passed + self.failed == 0
    }

    fn word(&self) -> String {
        match (self.passed, self.failed) {
            (0, 0) if self.runs == 0 => "not run".to_owned(),
            (0, 0) => "skipped".to_owned(),
            (_, 0) if self.passes() => "passed".to_owned(),
            (0, _) => "failed".to_owned(),
            (passed, _) => format!("{passed} of {}", self.runs),
        }
    }
}

/// Who passes a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Both,
    StockOnly,
    OursOnly,
    Neither,
    /// The suite skips it, or expects it to fail.
    Skipped,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Test {
    stock: Tally,
    ours: Tally,
    native: Tally,
}

impl Test {
    fn tally(&mut self, side: Side) -> &mut Tally {
        match side {
            Side::Stock => &mut self.stock,
            Side::Ours => &mut self.ours,
            Side::Native => &mut self.native,
        }
    }

    pub(crate) fn class(&self) -> Class {
        match (self.stock.passes(), self.ours.passes()) {
            _ if self.stock.idle() && self.ours.idle() => Class::Skipped,
            (true, true) => Class::Both,
            (true, false) => Class::StockOnly,
            (false, true) => Class::OursOnly,
            (false, false) => Class::Neither,
        }
    }
}

/// All tests, by id.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    tests: BTreeMap<String, Test>,
}

impl Comparison {
    pub(crate) fn add(&mut self, side: Side, outcomes: &[Outcome]) {
        for outcome in outcomes {
            self.tests.entry(outcome.id.clone()).or_default().tally(side).add(outcome);
        }
    }

    /// How many tests there are.
    pub(crate) fn len(&self) -> usize {
        self.tests.len()
    }

    /// How many tests are in a class.
    pub(crate) fn count(&self, class: Class) -> usize {
        self.tests.values().filter(|test| test.class() == class).count()
    }

    /// The tests that one side failed in some run, without those that it cannot pass.
    pub(crate) fn failures(&mut self, side: Side, exceptions: &Exceptions) -> (usize, Aligned) {
        let mut table = Aligned::new(&["test", side.name(), "why"], &[]);
        let mut count = 0;
        for (id, test) in &mut self.tests {
            let tally = test.tally(side);
            if tally.failed > 0 && exceptions.inside(id).is_none() {
                count += 1;
                let why = tally.reason.clone().unwrap_or_default();
                table.row(vec![short(id).to_owned(), tally.word(), why]);
            }
        }
        (count, table)
    }

    /// How many tests of each class the files and classes of the suite have.
    pub(crate) fn summary(&self) -> Aligned {
        let header = ["tests of", "tests", "both", "stock only", "ours only", "neither", "skipped"];
        let mut table = Aligned::new(&header, &[1, 2, 3, 4, 5, 6]);
        let mut groups: BTreeMap<&str, Vec<Class>> = BTreeMap::new();
        for (id, test) in &self.tests {
            groups.entry(group_of(id)).or_default().push(test.class());
        }
        let all = self.tests.values().map(Test::class).collect();
        for (name, classes) in groups.into_iter().chain([("all", all)]) {
            let count = |class| classes.iter().filter(|&&other| other == class).count().to_string();
            let each =
                [Class::Both, Class::StockOnly, Class::OursOnly, Class::Neither, Class::Skipped].map(count);
            table.row([vec![name.to_owned(), classes.len().to_string()], each.to_vec()].concat());
        }
        table
    }

    /// The tests that are not passed by both, each with a reason: why it cannot be passed, or else what was seen.
    pub(crate) fn rest(&self, exceptions: &Exceptions) -> Aligned {
        let mut table = Aligned::new(&["test", "stock", "ours", "why"], &[]);
        for (id, test) in self.tests.iter().filter(|(_, test)| test.class() != Class::Both) {
            let seen = || {
                let of_ours = (!test.ours.passes()).then_some(test.ours.reason.as_deref()).flatten();
                of_ours.or(test.stock.reason.as_deref()).unwrap_or_default()
            };
            let why = exceptions.inside(id).map_or_else(|| seen().replace('|', "\\|"), str::to_owned);
            table.row(vec![short(id).to_owned(), test.stock.word(), test.ours.word(), why]);
        }
        table
    }

    /// The tests that took longest with either worker, the slowest first.
    pub(crate) fn slowest(&self, count: usize) -> Vec<(f64, f64, &str)> {
        let mut all: Vec<_> =
            self.tests.iter().map(|(id, test)| (test.stock.seconds, test.ours.seconds, short(id))).collect();
        all.sort_by(|left, right| right.0.max(right.1).total_cmp(&left.0.max(left.1)));
        all.truncate(count);
        all
    }
}

/// `test_tasks.py::test_tasks` of `t/integration/test_tasks.py::test_tasks::test_eta`.
fn group_of(id: &str) -> &str {
    let name = id.split('[').next().unwrap_or(id);
    short(name.rsplit_once("::").map_or(name, |(group, _)| group))
}

/// An id without the folder that all have.
fn short(id: &str) -> &str {
    id.strip_prefix("t/integration/").unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::outcome::Kind;

    fn outcome(id: &str, outcome: Kind) -> Outcome {
        Outcome { id: id.to_owned(), outcome, seconds: 1.0, reason: None, worker: None }
    }

    #[test]
    fn a_test_passes_when_it_passes_in_every_run() {
        let mut comparison = Comparison::default();
        comparison.add(Side::Stock, &[outcome("a", Kind::Passed), outcome("b", Kind::Passed)]);
        comparison.add(Side::Stock, &[outcome("a", Kind::Xpassed), outcome("b", Kind::Failed)]);
        comparison.add(Side::Ours, &[outcome("a", Kind::Passed), outcome("b", Kind::Passed)]);
        assert_eq!((comparison.count(Class::Both), comparison.count(Class::OursOnly)), (1, 1));
        comparison.add(Side::Ours, &[outcome("a", Kind::Failed)]);
        assert_eq!((comparison.count(Class::StockOnly), comparison.count(Class::OursOnly)), (1, 1));
    }

    #[test]
    fn what_is_never_tried_is_skipped() {
        let mut comparison = Comparison::default();
        comparison.add(Side::Stock, &[outcome("a", Kind::Skipped)]);
        comparison.add(Side::Ours, &[outcome("a", Kind::Xfailed)]);
        assert_eq!(comparison.count(Class::Skipped), 1);
    }

    #[test]
    fn tests_are_grouped_by_file_and_class() {
        assert_eq!(group_of("t/integration/test_a.py::test_b::test_c[x::y]"), "test_a.py::test_b");
        assert_eq!(group_of("t/integration/test_a.py::test_c"), "test_a.py");
    }
}
