//! The command line, as a binary: what needs an app becomes the Python that has it, the rest is done here.

use std::io::Write;
use std::process::ExitCode;

use worker_cli::{Command, Interpreter, Parsed, parse};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    match parse(arguments.clone()) {
        Parsed::Say { text, code } => {
            let shown = if code == 0 {
                std::io::stdout().write_all(text.as_bytes())
            } else {
                std::io::stderr().write_all(text.as_bytes())
            };
            // A reader that went away has seen enough.
            drop(shown);
            exit_code(code)
        }
        Parsed::Command(cli) if !matches!(cli.command, Command::Worker(_)) => {
            exit_code(worker_cli::run(&cli, None))
        }
        Parsed::Command(_) => {
            let error = match Interpreter::find() {
                Ok(python) => python.become_worker(arguments.into_iter().skip(1).collect()),
                Err(error) => error,
            };
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
