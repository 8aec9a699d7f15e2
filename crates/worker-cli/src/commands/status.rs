//! `status`: which workers are online (`celery/bin/control.py: status`).

use celery_protocol::control::reply::Answer;
use serde_json::Map;

use crate::app::Question;
use crate::failure::Failure;
use crate::options::StatusOptions;
use crate::output::{Paint, Table};
use crate::remote;
use crate::session::Session;

pub(crate) async fn run(options: &StatusOptions, session: &mut Session<'_>) -> Result<(), Failure> {
    let known = session.settings(&options.broker, Question::default())?;
    let answers = remote::ask(&known, &options.asking, "ping", Map::new()).await?;
    let screen = &mut session.screen;
    let replies = remote::heard(screen, answers)?;
    if options.asking.json {
        return Ok(screen.line(remote::by_node(&replies))?);
    }
    let mut table = Table::new(&["NODE", "STATUS"]);
    for reply in &replies {
        let (paint, status) = match Answer::decode(&reply.value) {
            Answer::Error(reason) => (Paint::Bad, reason),
            _ => (Paint::Good, String::from("OK")),
        };
        table.row([(Paint::Node, reply.node.clone()), (paint, status)]);
    }
    screen.table(&table)?;
    if !screen.is_quiet() {
        let nodes = if replies.len() == 1 { "node" } else { "nodes" };
        screen.line(format_args!("\n{} {nodes} online.", replies.len()))?;
    }
    Ok(())
}
