//! `list`: what the broker knows (`celery/bin/list.py`).

use celery_transport::Binding;
use serde_json::json;

use crate::app::Question;
use crate::failure::Failure;
use crate::options::{BindingsOptions, ListCommand};
use crate::output::{Paint, Table};
use crate::session::Session;

pub(crate) async fn run(command: &ListCommand, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        ListCommand::Bindings(options) => bindings(options, session).await,
    }
}

async fn bindings(options: &BindingsOptions, session: &mut Session<'_>) -> Result<(), Failure> {
    let known = session.settings(&options.broker, Question::default())?;
    let bindings = known.transport()?.bindings().await?;
    let screen = &mut session.screen;
    if options.json {
        let row = |Binding { queue, exchange, routing_key, .. }| json!({ "queue": queue, "exchange": exchange, "routing_key": routing_key });
        return Ok(screen.line(serde_json::Value::Array(bindings.into_iter().map(row).collect()))?);
    }
    let mut table = Table::new(&["QUEUE", "EXCHANGE", "ROUTING KEY"]);
    for Binding { queue, exchange, routing_key, .. } in bindings {
        table.row([queue, exchange, routing_key].map(|text| (Paint::Plain, text)));
    }
    if table.is_empty() {
        screen.note("no queue is bound to an exchange");
    }
    Ok(screen.table(&table)?)
}
