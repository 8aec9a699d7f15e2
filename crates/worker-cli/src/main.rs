//! The command line of a worker, as a binary: reads the options, then becomes the Python that has the app.

use std::io::Write;
use std::process::ExitCode;

use worker_cli::{Interpreter, Parsed, parse};

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
            ExitCode::from(u8::try_from(code).unwrap_or(1))
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
