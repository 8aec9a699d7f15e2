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
    if method == "shutdown" && answers.replies.is_empty() && answers.heard != Some(0) {
        if options.asking.json {
            screen.line("[]")?;
        }
        screen.note("shutdown was sent; workers that end do not answer");
        return Ok(());
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
