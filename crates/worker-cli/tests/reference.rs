//! The reference page is made from the options themselves. After a change of an option:
//! `WRITE_REFERENCE=1 cargo test -p worker-cli --test reference`.

use std::fmt::Write;
use std::path::Path;

use clap::{Arg, CommandFactory};
use worker_cli::Cli;

fn row(argument: &Arg) -> String {
    let short = argument.get_short().map(|short| format!("`-{short}` "));
    let long = argument.get_long().map(|long| format!("`--{long}`"));
    let value = argument.get_value_names().filter(|_| argument.get_action().takes_values());
    let value = value.map_or(String::new(), |names| format!(" `{}`", names[0]));
    let environment =
        argument.get_env().map_or(String::new(), |name| format!(" (`{}`)", name.to_string_lossy()));
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
    let name = if argument.is_positional() { String::from("arguments") } else { long.unwrap_or_default() };
    format!("| {}{name}{value} | {help}{environment} |\n", short.unwrap_or_default())
}

fn page() -> String {
    let mut page = String::from(
        "# Options of the worker\n\n\
         Made from the code by `WRITE_REFERENCE=1 cargo test -p worker-cli --test reference`. The spelling is upstream \
         Celery's.\n\n`worker-cli [OPTIONS] worker [OPTIONS] [SETTING=VALUE ...]`\n",
    );
    let command = Cli::command();
    let worker = command.find_subcommand("worker").expect("the worker command");
    let mut headings: Vec<(String, Vec<&Arg>)> = Vec::new();
    let global = command.get_arguments().map(|argument| ("Before or after the command", argument));
    let own =
        worker.get_arguments().map(|argument| (argument.get_help_heading().unwrap_or("Arguments"), argument));
    for (heading, argument) in global.chain(own).filter(|(_, argument)| !argument.is_hide_set()) {
        match headings.iter_mut().find(|(name, _)| name == heading) {
            Some((_, arguments)) => arguments.push(argument),
            None => headings.push((heading.to_owned(), vec![argument])),
        }
    }
    for (heading, arguments) in headings {
        let rows: String = arguments.into_iter().map(row).collect();
        write!(page, "\n## {heading}\n\n| option | |\n|---|---|\n{rows}").expect("writing to a string");
    }
    page
}

#[test]
fn the_reference_page_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/worker-cli.md");
    let page = page();
    if std::env::var_os("WRITE_REFERENCE").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).expect("the page is there");
    assert!(written == page, "{} is stale: see the head of this test", path.display());
}
