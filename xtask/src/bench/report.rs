//! The table and the JSON of a measurement.

use serde::Serialize;

use crate::bench::measure::Sample;
use crate::table::Aligned;

/// All runs of one worker.
#[derive(Debug, Serialize)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    /// Tasks in each run.
    pub(crate) tasks: usize,
    /// Whether this is upstream's worker.
    pub(crate) stock: bool,
    pub(crate) runs: Vec<Sample>,
}

impl Series {
    fn median(&self, value: impl Fn(&Sample) -> f64) -> f64 {
        median(self.runs.iter().map(value).collect())
    }

    pub(crate) fn rate(&self) -> f64 {
        self.median(|run| run.rate)
    }
}

/// The value in the middle, or between the two there.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

/// Our rate over the best of upstream's, when both were measured.
pub(crate) fn ratio(series: &[Series]) -> Option<f64> {
    let best =
        |stock: bool| series.iter().filter(|one| one.stock == stock).map(Series::rate).max_by(f64::total_cmp);
    Some(best(false)? / best(true)?)
}

/// Our rate as a part of `ceiling`, when there is one.
pub(crate) fn part_of(series: &[Series], ceiling: f64) -> Option<f64> {
    let ours = series.iter().find(|one| !one.stock)?.rate();
    ceiling.is_finite().then_some(ours / ceiling)
}

/// Prints the table.
#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn print(series: &[Series], python: &str) {
    let header = ["worker", "tasks", "runs", "tasks/s", "lowest", "highest", "CPU s/1,000", "peak RSS MB"];
    let mut table = Aligned::new(&header, &[1, 2, 3, 4, 5, 6, 7]);
    for one in series {
        let rates = || one.runs.iter().map(|run| run.rate);
        table.row(vec![
            one.name.to_owned(),
            one.tasks.to_string(),
            one.runs.len().to_string(),
            format!("{:.0}", one.rate()),
            format!("{:.0}", rates().fold(f64::INFINITY, f64::min)),
            format!("{:.0}", rates().fold(0.0, f64::max)),
            format!("{:.3}", one.median(|run| run.cpu)),
            format!("{:.0}", one.median(|run| run.peak)),
        ]);
    }
    table.print();
    println!(
        "CPython {python}; medians; from the first result in Redis to the last; memory and CPU of the process tree"
    );
    if let Some(ratio) = ratio(series) {
        println!("{ratio:.1} times the best of upstream's workers");
    }
}

/// Prints everything as JSON.
#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn print_json(series: &[Series], python: &str) {
    println!("{}", serde_json::json!({"python": python, "series": series, "ratio": ratio(series)}));
}
