//! The reference page is made from the options themselves. After a change of an option:
//! `WRITE_REFERENCE=1 cargo test -p worker-cli --test reference`.

use std::fmt::Write;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};
use worker_cli::{Cli, METHODS};

/// The options that every command but `worker` has: shown once.
const BROKER: &str = "Broker";

fn row(argument: &Arg) -> String {
    let short = argument.get_short().map(|short| format!("`-{short}` "));
    let long = argument.get_long().map(|long| format!("`--{long}`"));
    let value = argument.get_value_names().filter(|_| argument.get_action().takes_values());
    let value = value.map_or(String::new(), |names| format!(" `{}`", names[0].replace('|', "\\|")));
    let environment =
        argument.get_env().map_or(String::new(), |name| format!(" (`{}`)", name.to_string_lossy()));
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
    let defaults = argument.get_default_values().iter().map(|value| value.to_string_lossy());
    let defaults: Vec<_> = defaults.filter(|_| argument.get_action().takes_values()).collect();
    let default =
        if defaults.is_empty() { String::new() } else { format!("; default `{}`", defaults.join(",")) };
    let name = long.unwrap_or_default();
    format!(
        "| {}{name}{} | {help}{default}{environment} |\n",
        short.unwrap_or_default(),
        if name.is_empty() { value.trim_start() } else { &value }
    )
}

/// The tables of options, one for each heading.
fn tables<'a>(page: &mut String, level: &str, arguments: impl Iterator<Item = (&'a str, &'a Arg)>) {
    let mut headings: Vec<(&str, Vec<&Arg>)> = Vec::new();
    for (heading, argument) in arguments.filter(|(_, argument)| !argument.is_hide_set()) {
        match headings.iter_mut().find(|(name, _)| *name == heading) {
            Some((_, arguments)) => arguments.push(argument),
            None => headings.push((heading, vec![argument])),
        }
    }
    for (heading, arguments) in headings {
        let rows: String = arguments.into_iter().map(row).collect();
        write!(page, "\n{level} {heading}\n\n| option | |\n|---|---|\n{rows}").expect("writing to a string");
    }
}

fn methods(page: &mut String, name: &str) {
    let of = METHODS.iter().filter(|method| method.kind.name() == name);
    let rows: Vec<String> =
        of.map(|method| format!("| `{}` | {} |\n", method.usage(), method.help)).collect();
    if !rows.is_empty() {
        write!(page, "\n### Methods\n\n| method | |\n|---|---|\n{}", rows.concat())
            .expect("writing to a string");
    }
}

fn section(page: &mut String, command: &Command, path: &str) {
    let inner: Vec<&Command> = command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
    if !inner.is_empty() {
        for inner in inner {
            section(page, inner, &format!("{path} {}", inner.get_name()));
        }
        return;
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").split_once(command.get_name());
    let usage = usage.map_or(String::new(), |(_, arguments)| arguments.to_owned());
    write!(page, "\n## {path}\n\n{about}.\n\n`worker-cli {path}{usage}`\n").expect("writing to a string");
    methods(page, path);
    let own = command
        .get_arguments()
        .filter(|argument| argument.get_id() != "help" && argument.get_help_heading() != Some(BROKER));
    tables(page, "###", own.map(|argument| (argument.get_help_heading().unwrap_or("Arguments"), argument)));
}

fn page() -> String {
    let mut page = String::from(
        "# The command line\n\n\
         Made from the code by `WRITE_REFERENCE=1 cargo test -p worker-cli --test reference`. The spelling is upstream \
         Celery's. How to see and steer workers with it: [operating](../guides/operating.md).\n\n\
         `worker-cli [OPTIONS] COMMAND [OPTIONS]`\n",
    );
    let command = Cli::command();
    let global = command.get_arguments().map(|argument| ("Before or after the command", argument));
    tables(&mut page, "##", global);
    let status = command.find_subcommand("status").expect("a command without an app");
    let broker = status.get_arguments().filter(|argument| argument.get_help_heading() == Some(BROKER));
    tables(&mut page, "##", broker.map(|argument| ("After every command but `worker`", argument)));
    for inner in command.get_subcommands() {
        section(&mut page, inner, inner.get_name());
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
