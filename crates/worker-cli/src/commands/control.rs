//! `control`: have workers change what they do (`celery/bin/control.py: control`).

use crate::app::Question;
use crate::failure::Failure;
use crate::methods::{Kind, arguments, listing};
use crate::options::RemoteOptions;
use crate::remote;
use crate::replies;
use crate::session::Session;

pub(crate) async fn run(options: &RemoteOptions, session: &mut Session<'_>) -> Result<(), Failure> {
    let Some(method) = &options.method else {
        return Ok(session.screen.line(listing(Kind::Control).trim_end())?);
    };
    let arguments = arguments(Kind::Control, method, &options.arguments).map_err(Failure::Usage)?;
    let known = session.settings(&options.broker, Question::default())?;
    let answers = remote::ask(&known, &options.asking, method, arguments).await?;
    let screen = &mut session.screen;
    // A stock worker that shuts down does not answer (`celery/worker/control.py: shutdown`).
    let silent = answers.heard.map(|heard| heard.saturating_sub(answers.replies.len() as u64));
    if method == "shutdown" && silent != Some(0) {
        screen.note("shutdown was sent; stock workers end without an answer");
        if answers.replies.is_empty() {
            return if options.asking.json { Ok(screen.line("[]")?) } else { Ok(()) };
        }
    }
    let replies = remote::heard(screen, answers)?;
    if options.asking.json {
        screen.line(remote::one_by_one(&replies))?;
    } else {
        replies::show(screen, method, &replies)?;
    }
    remote::hint(screen, Kind::Control, method, &replies);
    Ok(())
}
