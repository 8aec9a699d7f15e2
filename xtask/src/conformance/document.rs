//! docs/compatibility.md: what the last whole comparison came to, for each version of Celery.

use std::process::Command;

use anyhow::Result;

use crate::conformance::comparison::Comparison;
use crate::conformance::exceptions::Exceptions;
use crate::conformance::suite::Suite;
use crate::prepare::interpreter::Interpreter;
use crate::record::Record;

const FILE: &str = "docs/compatibility.md";

/// Keeps the tables of one version.
pub(crate) fn record(
    suite: &Suite,
    interpreter: &Interpreter,
    runs: u32,
    comparison: &Comparison,
    exceptions: &Exceptions,
) -> Result<()> {
    let minor = suite.celery.rsplit_once('.').map_or(&*suite.celery, |(minor, _)| minor);
    let (summary, rest) = (comparison.summary().text(), comparison.rest(exceptions).text());
    let text = format!(
        "Celery {} with kombu {}, CPython {}, Redis as broker and result backend; each worker ran the suite {runs} times, \
         without reruns ({}).\n\n{summary}\n\nNot passed by both:\n\n{rest}",
        suite.celery,
        suite.kombu,
        interpreter.version(),
        today()?,
    );
    let heading = format!("Celery {minor}");
    Record { file: FILE, mark: &format!("conformance {minor}"), title: "Compatibility", heading: &heading }
        .keep(&text)?;
    let mut apart = String::from("| tests | why they are left out |\n|---|---|");
    for (id, why) in &exceptions.apart {
        apart.push_str(&format!("\n| {} | {why} |", id.trim_start_matches("t/integration/")));
    }
    Record { file: FILE, mark: "left out", title: "Compatibility", heading: "Left out" }.keep(&apart)
}

fn today() -> Result<String> {
    let output = Command::new("date").args(["-u", "+%F"]).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
