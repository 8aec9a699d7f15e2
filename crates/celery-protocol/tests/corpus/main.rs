//! Every wire object that Celery 5.4 to 5.7 write, in every serialiser and compression they have: read here,
//! and written again to the same bytes wherever Celery itself does.
//!
//! `fixtures/corpus.py` writes the objects. What is pickled stays what it is: it is refused by name, and
//! everything around it is read.

#![allow(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]
#![allow(clippy::print_stdout, reason = "what was checked is shown with `--nocapture`")]

mod control;
mod envelope;
mod event;
mod expected;
mod key;
mod line;
mod result;
mod same;
mod script;
mod task;

use std::panic;

use line::Line;

/// Checks every object of one version, and that none is missing. What fails is named all at once.
fn check(version: &'static str, text: &str) {
    let lines: Vec<Line> = text.lines().map(|line| Line::read(version, line)).collect();
    let failed: Vec<String> = lines
        .iter()
        .filter(|line| panic::catch_unwind(|| check_line(line)).is_err())
        .map(Line::to_string)
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    same::check(&lines);
    expected::check(version, &lines);
}

fn check_line(line: &Line) {
    match &*line.object {
        "task" => task::check(line),
        "task_v1" => task::check_v1(line),
        "task_hybrid" => task::check_hybrid(line),
        "task_restored" => task::check_restored(line),
        "message" => drop(envelope::check(line)),
        "result" => result::check(line),
        "group" => result::check_group(line),
        "chord_member" => result::check_member(line),
        "chord_script" => script::check(line),
        "key" => key::check(line),
        "event" => event::check(line),
        "event_multi" => event::check_batch(line),
        "control_request" => control::check_request(line),
        "control_reply" => control::check_reply(line),
        other => panic!("nothing checks a {other}"),
    }
}

#[test]
fn celery_5_4() {
    check("5.4", include_str!("../../fixtures/corpus/5.4.jsonl"));
}

#[test]
fn celery_5_5() {
    check("5.5", include_str!("../../fixtures/corpus/5.5.jsonl"));
}

#[test]
fn celery_5_6() {
    check("5.6", include_str!("../../fixtures/corpus/5.6.jsonl"));
}

#[test]
fn celery_5_7() {
    check("5.7", include_str!("../../fixtures/corpus/5.7.jsonl"));
}
