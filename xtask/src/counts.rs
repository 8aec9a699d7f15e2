//! Reading how many tests passed from what the test runners print.

/// Tests that passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// A check that is one thing.
    pub(crate) fn one(passed: bool) -> Self {
        Self { passed: u64::from(passed), failed: u64::from(!passed), skipped: 0 }
    }

    fn add(&mut self, number: u64, word: &str) {
        match word {
            "passed" => self.passed += number,
            "failed" | "timed" | "exec" | "error" | "errors" => self.failed += number,
            "skipped" | "ignored" | "deselected" | "xfailed" => self.skipped += number,
            _ => {}
        }
    }

    /// Adds every `<number> <word>` of `text`.
    fn add_all(&mut self, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        for pair in words.windows(2) {
            if let Ok(number) = pair[0].parse() {
                self.add(number, pair[1].trim_matches([',', ';', '.', '(', ')']));
            }
        }
    }
}

/// The sums of nextest's `Summary [ 1.2s] 3 tests run: 2 passed (1 slow), 1 failed, 0 skipped`.
pub(crate) fn of_nextest(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines().map(str::trim_start).filter(|line| line.starts_with("Summary [")) {
        if let Some((_, sums)) = line.split_once(" run: ") {
            counts.add_all(sums);
        }
    }
    counts
}

/// The sums of each binary's `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
pub(crate) fn of_cargo_test(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines().filter(|line| line.starts_with("test result: ")) {
        counts.add_all(line.split_once("filtered").map_or(line, |(sums, _)| sums));
    }
    counts
}

/// The sums of pytest's summary, `== 1 failed, 3 passed, 1 skipped in 0.1s ==`; an interpreter that ends may write below.
pub(crate) fn of_pytest(output: &str) -> Counts {
    let sums = output.lines().rev().filter(|line| line.contains(" in ")).map(|line| {
        let mut counts = Counts::default();
        counts.add_all(line);
        counts
    });
    sums.into_iter().find(|counts| counts.passed + counts.failed > 0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_summary() {
        let output = "   PASS [   0.004s] a b\n     Summary [   0.123s] 5 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 2 skipped\n";
        assert_eq!(of_nextest(output), Counts { passed: 3, failed: 2, skipped: 2 });
    }

    #[test]
    fn cargo_test_binaries_add_up() {
        let output = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        assert_eq!(of_cargo_test(output), Counts { passed: 4, failed: 2, skipped: 1 });
    }

    #[test]
    fn pytest_last_line() {
        let output = "E   1 in 2 cases\n=== 1 failed, 10 passed, 2 skipped, 1 error in 3.21s ===\n";
        assert_eq!(of_pytest(output), Counts { passed: 10, failed: 2, skipped: 2 });
        let trailing = "4 passed in 0.10s\nsomething in the way\n  warnings.warn(message)\n";
        assert_eq!(of_pytest(trailing), Counts { passed: 4, failed: 0, skipped: 0 });
        assert_eq!(of_pytest("....\n4 passed in 0.10s\n"), Counts { passed: 4, failed: 0, skipped: 0 });
    }
}
