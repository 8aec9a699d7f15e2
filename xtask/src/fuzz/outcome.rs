//! Reading what libFuzzer prints.

/// What a run of one target came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// How many inputs were tried.
    pub(crate) executions: u64,
    /// How many of them took a path that none before had taken.
    pub(crate) new_paths: u64,
    /// The most memory it had, in MiB.
    pub(crate) resident: u64,
    /// The file with the input that broke it.
    pub(crate) crash: Option<String>,
}

/// Reads the figures of `-print_final_stats=1`, and where the input of a crash was kept.
pub(crate) fn read(output: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in output.lines() {
        let figure = |name: &str| line.strip_prefix(name)?.trim().parse().ok();
        if let Some(count) = figure("stat::number_of_executed_units:") {
            outcome.executions = count;
        } else if let Some(count) = figure("stat::new_units_added:") {
            outcome.new_paths = count;
        } else if let Some(size) = figure("stat::peak_rss_mb:") {
            outcome.resident = size;
        } else if let Some((_, file)) = line.split_once("Test unit written to ") {
            outcome.crash = Some(file.trim().to_owned());
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATS: &str = "Done 8740 runs in 3 second(s)\nstat::number_of_executed_units: 8740\n\
                         stat::average_exec_per_sec:     2913\nstat::new_units_added:          4\n\
                         stat::slowest_unit_time_sec:    0\nstat::peak_rss_mb:              27\n";

    #[test]
    fn the_figures_are_read() {
        let expected = Outcome { executions: 8740, new_paths: 4, resident: 27, crash: None };
        assert_eq!(read(STATS), expected);
    }

    #[test]
    fn a_crash_names_its_input() {
        let output =
            format!("artifact_prefix='x/'; Test unit written to x/crash-6941\nBase64: Rlo=\n{STATS}");
        assert_eq!(read(&output).crash.as_deref(), Some("x/crash-6941"));
    }
}
