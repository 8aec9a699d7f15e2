//! `cargo xtask`: the project's own commands.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::steps::Steps;

mod api;
mod bench;
mod broker;
mod campaign;
mod conformance;
mod counts;
mod demo;
mod fuzz;
mod neighbours;
mod prepare;
mod process;
mod record;
mod steps;
mod table;
mod test;
mod tidy;
mod venv;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The commands of the celery-oxide repository")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the worker at work: a private Redis, an ordinary producer, a table of what ran where.
    Demo(demo::Demo),
    /// Runs every check and test, and closes with the counts.
    Test(test::Test),
    /// Measures the worker against upstream's, and the codec.
    Bench(bench::Bench),
    /// Checks the repository itself.
    Tidy,
    /// Compares what the crates offer with docs/reference/api, and with the last release.
    Api(api::Api),
    /// Repeats the end-to-end tests over Pythons, Celery versions and seeds, and fuzzes the decoders.
    Campaign(campaign::Campaign),
    /// Runs Celery's own integration suite against the worker and against the stock one.
    Conformance(conformance::Conformance),
    /// Prepares the virtual environment with Celery and the wheel, and prints its folder.
    Venv(venv::Venv),
}

#[expect(clippy::print_stderr, reason = "the one place where an error leaves the program")]
fn main() -> ExitCode {
    let steps = Steps::new();
    let outcome = match Cli::parse().command {
        Command::Demo(command) => demo::run(&command, &steps),
        Command::Test(command) => test::run(&command, &steps),
        Command::Bench(command) => bench::run(&command, &steps),
        Command::Tidy => tidy::run(),
        Command::Api(command) => api::run(&command, &steps),
        Command::Campaign(command) => campaign::run(&command, &steps),
        Command::Conformance(command) => conformance::run(&command, &steps),
        Command::Venv(command) => venv::run(&command, &steps),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
