//! `cargo xtask venv`: the environment that the other commands use.

use anyhow::Result;
use clap::Args;

use crate::prepare::prepare;
use crate::prepare::wheel::Profile;
use crate::steps::Steps;

#[derive(Debug, Args)]
pub(crate) struct Venv {
    /// Compile the engine as users get it.
    #[arg(long)]
    release: bool,
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(crate) fn run(command: &Venv, steps: &Steps) -> Result<bool> {
    let prepared = prepare(steps, if command.release { Profile::Release } else { Profile::Light })?;
    println!("{}", prepared.venv.root().display());
    Ok(true)
}
