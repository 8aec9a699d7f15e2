//! The picture of a measurement, for the README.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::bench::report::Series;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 110.0;
const ROW: f64 = 34.0;
const TOP: f64 = 56.0;

/// Writes a bar for each worker, as SVG.
pub(crate) fn write(path: &Path, series: &[Series], python: &str) -> Result<()> {
    std::fs::write(path, svg(series, python)).with_context(|| format!("cannot write {}", path.display()))
}

fn svg(series: &[Series], python: &str) -> String {
    let most = series.iter().map(Series::rate).fold(1.0, f64::max);
    let rows: f64 = series.iter().map(|_| ROW).sum();
    let height = TOP + rows + 34.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"14\" role=\"img\">\n<title>No-op tasks with results, tasks per second</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\"/>\n\
         <text x=\"20\" y=\"32\" font-size=\"16\" font-weight=\"bold\" fill=\"#24292f\">\
         No-op tasks with results, tasks per second</text>\n"
    );
    let mut y = TOP;
    for one in series {
        let width = (WIDTH - LEFT - RIGHT) * one.rate() / most;
        let color = if one.stock { "#9aa4af" } else { "#c4501b" };
        let name = if one.stock { format!("Celery, {}", one.name) } else { String::from("celery-oxide") };
        let (text, end) = (y + 18.0, LEFT + width + 8.0);
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"{label}\" y=\"{text}\" text-anchor=\"end\" fill=\"#24292f\">{name}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"24\" rx=\"3\" fill=\"{color}\"/>\
             <text x=\"{end:.1}\" y=\"{text}\" fill=\"#24292f\">{rate:.0}</text>",
            label = LEFT - 10.0,
            rate = one.rate(),
        );
        y += ROW;
    }
    let _ = writeln!(
        svg,
        "<text x=\"20\" y=\"{}\" font-size=\"12\" fill=\"#57606a\">One worker on a machine of 2 cores that it shares \
         with Redis; CPython {python}; medians.</text>\n</svg>",
        height - 16.0
    );
    svg
}
