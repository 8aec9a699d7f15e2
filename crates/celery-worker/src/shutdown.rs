//! The stages of a shutdown, and the signals that ask for them.
//!
//! TERM or INT once is warm: no more is fetched, what has not started goes back, what runs may finish. TERM or INT
//! again, or QUIT, is cold: what runs is cancelled and given back if it is not acknowledged; before that it may run on
//! for `worker_soft_shutdown_timeout`, which one more signal cuts short. HUP is a warm shutdown after which the process
//! starts again, unless it has a terminal, which may just have been closed.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Where a worker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Connecting.
    Starting,
    /// Consuming.
    Ready,
    /// Finishing what runs.
    Warm,
    /// A cold shutdown was asked for: finishing what runs within `worker_soft_shutdown_timeout`.
    Soft,
    /// Cancelling what runs.
    Cold,
}

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything that ran has finished: exit code 0.
    Warm,
    /// Something was cancelled: exit code 1.
    Cold,
}

impl Exit {
    /// The exit code of the process (`celery/apps/worker.py`: 0 or `EX_FAILURE`).
    pub fn code(self) -> i32 {
        match self {
            Self::Warm => 0,
            Self::Cold => 1,
        }
    }
}

/// Asks a worker to end, and tells where it is. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<State>);

#[derive(Debug)]
struct State {
    phase: watch::Sender<Phase>,
    restart: AtomicBool,
}

impl Default for Shutdown {
    fn default() -> Self {
        let state = State { phase: watch::Sender::new(Phase::Starting), restart: AtomicBool::new(false) };
        Self(Arc::new(state))
    }
}

impl Shutdown {
    /// A handle for one worker.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a warm shutdown.
    pub fn warm(&self) {
        self.advance(Phase::Warm);
    }

    /// Asks for a warm shutdown after which the process starts again. Who runs the worker sees to that:
    /// [`wants_restart`](Self::wants_restart).
    pub fn restart(&self) {
        self.0.restart.store(true, Ordering::Release);
        self.warm();
    }

    /// Whether the process is to start again: not after a cold shutdown.
    pub fn wants_restart(&self) -> bool {
        self.0.restart.load(Ordering::Acquire) && self.phase() < Phase::Soft
    }

    /// Asks for a cold shutdown, soft first where that is configured. Asked again: at once.
    pub fn cold(&self) {
        self.advance(if self.phase() >= Phase::Soft { Phase::Cold } else { Phase::Soft });
    }

    /// The phases as they come.
    pub fn phases(&self) -> watch::Receiver<Phase> {
        self.0.phase.subscribe()
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.0.phase.borrow()
    }

    /// Goes on to a later phase; an earlier one is no news.
    pub(crate) fn advance(&self, to: Phase) {
        self.0.phase.send_if_modified(|phase| {
            let later = to > *phase;
            if later {
                *phase = to;
            }
            later
        });
    }

    /// Waits until the phase is at least `phase`.
    pub(crate) async fn reached(&self, phase: Phase) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.0.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    /// Turns the signals of this process into stages until the runtime ends. Call it on a tokio runtime.
    ///
    /// # Errors
    ///
    /// When a signal handler cannot be installed.
    pub fn on_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut quit = signal(SignalKind::quit())?;
        let mut hangup =
            if std::io::stdout().is_terminal() { None } else { Some(signal(SignalKind::hangup())?) };
        // billiard.common: REMAP_SIGTERM=SIGQUIT makes TERM as urgent as QUIT.
        let remapped = std::env::var("REMAP_SIGTERM").is_ok_and(|to| to == "SIGQUIT");
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                let (urgent, by_hand) = tokio::select! {
                    _ = terminate.recv() => (remapped, false),
                    _ = interrupt.recv() => (false, true),
                    _ = quit.recv() => (true, false),
                    () = received(&mut hangup) => {
                        tracing::warn!("Restarting celery worker ({})", command_line());
                        shutdown.restart();
                        continue;
                    }
                };
                let before = shutdown.phase();
                if urgent || before >= Phase::Warm {
                    shutdown.cold();
                } else {
                    shutdown.warm();
                }
                match shutdown.phase() {
                    Phase::Warm if by_hand => tracing::warn!(
                        "worker: Hitting Ctrl+C again will initiate cold shutdown, terminating all running tasks!"
                    ),
                    Phase::Soft => {
                        tracing::warn!("worker: Hitting Ctrl+C again will terminate all running tasks!");
                    }
                    Phase::Cold if before == Phase::Soft => {
                        tracing::warn!("Waiting gracefully for cold shutdown to complete...");
                    }
                    _ => {}
                }
            }
        });
        Ok(())
    }
}

/// Waits for the signal, or for ever.
async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

fn command_line() -> String {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
