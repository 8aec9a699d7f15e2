//! `inspect`: what workers are and do (`celery/bin/control.py: inspect`).

use crate::app::Question;
use crate::failure::Failure;
use crate::methods::{Kind, arguments, listing};
use crate::options::RemoteOptions;
use crate::remote;
use crate::replies;
use crate::session::Session;

pub(crate) async fn run(options: &RemoteOptions, session: &mut Session<'_>) -> Result<(), Failure> {
    let Some(method) = &options.method else {
        return Ok(session.screen.line(listing(Kind::Inspect).trim_end())?);
    };
    let arguments = arguments(Kind::Inspect, method, &options.arguments).map_err(Failure::Usage)?;
    let known = session.settings(&options.broker, Question::default())?;
    let answers = remote::ask(&known, &options.asking, method, arguments).await?;
    let screen = &mut session.screen;
    let replies = remote::heard(screen, answers)?;
    if options.asking.json {
        screen.line(remote::by_node(&replies))?;
    } else {
        replies::show(screen, method, &replies)?;
    }
    remote::hint(screen, Kind::Inspect, method, &replies);
    Ok(())
}
