//! Carries out the commands that need no app.

use std::io::Write;

use crate::commands::{call, control, events, inspect, list, purge, result, status};
use crate::failure::Failure;
use crate::options::{Cli, Command};
use crate::python::Interpreter;
use crate::session::Session;

/// Carries out every command but `worker`, and gives the exit code. `python` is the interpreter in which this program
/// runs, if it does: it is asked about an app that is named.
pub fn run(cli: &Cli, python: Option<Interpreter>) -> i32 {
    crate::log::init_messages();
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start the runtime: {error}")))
        .and_then(|runtime| runtime.block_on(carry_out(cli, python)));
    match done {
        Ok(()) => 0,
        Err(failure) => {
            if let Some(message) = failure.message() {
                // Whoever does not listen sees the exit code.
                let _ = writeln!(std::io::stderr(), "error: {message}");
            }
            failure.code()
        }
    }
}

async fn carry_out(cli: &Cli, python: Option<Interpreter>) -> Result<(), Failure> {
    let mut session = Session::new(&cli.app, python)?;
    match &cli.command {
        Command::Worker(_) => {
            Err(Failure::Usage(String::from("a worker needs the interpreter that has its app")))
        }
        Command::Status(options) => status::run(options, &mut session).await,
        Command::Inspect(options) => inspect::run(options, &mut session).await,
        Command::Control(options) => control::run(options, &mut session).await,
        Command::Events(options) => events::run(options, &mut session).await,
        Command::Call(options) => call::run(options, &mut session).await,
        Command::Result(options) => result::run(options, &mut session).await,
        Command::Purge(options) => purge::run(options, &mut session).await,
        Command::List(command) => list::run(command, &mut session).await,
    }
}
