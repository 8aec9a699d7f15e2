//! The command line of it.

use anyhow::{Result, bail};
use clap::Args;

use crate::broker::Broker;
use crate::conformance::comparison::{Class, Comparison};
use crate::conformance::document;
use crate::conformance::exceptions::Exceptions;
use crate::conformance::native;
use crate::conformance::run::{Runs, Side};
use crate::conformance::suite::Suite;
use crate::prepare::environment::{self, Purpose};
use crate::prepare::wheel::Profile;
use crate::prepare::{interpreter, packages};
use crate::steps::{self, Steps};

#[derive(Debug, Args)]
pub(crate) struct Conformance {
    /// The version of Celery: `5.6`, or `5.6.3`.
    #[arg(long, default_value = environment::CELERY)]
    celery: String,
    /// Where messages go.
    #[arg(long, value_enum, default_value_t = Broker::Redis)]
    broker: Broker,
    /// How many times each worker has to pass.
    #[arg(long, default_value_t = 1)]
    runs: u32,
    /// Run only the tests that this expression of pytest's -k matches.
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,
    /// Run only these tests: ids below t/integration, as in `test_tasks.py::test_tasks::test_eta`.
    #[arg(value_name = "TEST")]
    tests: Vec<String>,
    /// Run with only one of the workers, without a comparison; `native` is one without Python, which has the tasks of the
    /// suite in Rust.
    #[arg(long, value_enum)]
    only: Option<Side>,
    /// What a test may take at most.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u32,
    /// How many runs go on at the same time, each with a Redis and a worker of its own.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Build for release: what is recorded is of a release build.
    #[arg(long)]
    release: bool,
    /// Keep the tables in docs/compatibility.md.
    #[arg(long)]
    record: bool,
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn run(command: &Conformance, steps: &Steps) -> Result<bool> {
    if command.broker == Broker::Amqp {
        bail!("--broker amqp: the suite is not run on RabbitMQ yet; nothing was run");
    }
    let partial = command.filter.is_some() || !command.tests.is_empty() || command.only.is_some();
    if command.record && partial {
        bail!("--record keeps the whole suite with both workers: leave out --only, --filter and the tests");
    }
    packages::ensure(steps)?;
    let interpreter = interpreter::choose()?;
    let profile = if command.release { Profile::Release } else { Profile::Light };
    // The worker without Python leaves the wheel alone.
    let wheel = if command.only == Some(Side::Native) { Profile::Light } else { profile };
    let prepared = environment::prepare_for(steps, interpreter, &command.celery, Purpose::Suite, wheel)?;
    if command.only == Some(Side::Native) {
        native::build(steps, profile)?;
    }
    let suite = Suite::fetch(steps, &prepared)?;
    let exceptions = Exceptions::read()?;
    let selection = selection(command);
    let side_by_side = steps.side_by_side();
    let runs = Runs {
        steps: if command.jobs > 1 { &side_by_side } else { steps },
        prepared: &prepared,
        profile,
        suite: &suite,
        exceptions: &exceptions,
        selection: &selection,
        seconds: command.timeout,
    };

    let sides = command.only.map_or_else(|| Side::COMPARED.to_vec(), |only| vec![only]);
    let wanted = (1..=command.runs).flat_map(|number| sides.iter().map(move |&side| (side, number)));
    let mut comparison = Comparison::default();
    let mut refuted = Vec::new();
    for (side, outcomes) in runs.run_all(wanted.collect(), command.jobs)? {
        refuted.extend(exceptions.refuted(&outcomes));
        comparison.add(side, &outcomes);
    }

    let good = match command.only {
        Some(side) => {
            let (failed, table) = comparison.failures(side, &exceptions);
            table.at_most(2, 90).print();
            println!("{} tests, {failed} failed with the worker \"{}\"", comparison.len(), side.name());
            failed == 0
        }
        None => {
            comparison.summary().print();
            comparison.rest(&exceptions).at_most(3, 70).print();
            let (both, stock_only) = (comparison.count(Class::Both), comparison.count(Class::StockOnly));
            println!("{both} passed by both, {stock_only} by stock only");
            stock_only == 0
        }
    };
    println!("slowest (stock, ours):");
    for (stock, ours, id) in comparison.slowest(10) {
        println!("{stock:7.1} {ours:7.1}  {id}");
    }
    refuted.sort();
    refuted.dedup();
    for id in &refuted {
        println!("error: exceptions.toml says that {id} cannot pass, and it passed");
    }
    if command.record {
        document::record(&suite, &prepared.interpreter, command.runs, &comparison, &exceptions)?;
    }
    steps::note("logs of pytest and of the workers are below target/xtask");
    Ok(good && refuted.is_empty())
}

/// What pytest is told to run.
fn selection(command: &Conformance) -> Vec<String> {
    let mut words: Vec<String> =
        command.filter.iter().flat_map(|filter| ["-k".to_owned(), filter.clone()]).collect();
    words.extend(command.tests.iter().map(|test| format!("t/integration/{test}")));
    if command.tests.is_empty() {
        words.push("t/integration".to_owned());
    }
    words
}
