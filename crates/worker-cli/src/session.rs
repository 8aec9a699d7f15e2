//! What every command without an app needs: settings, a screen, the broker.

use std::env;

use celery_transport::{ConnectOptions, Transport};

use crate::app::{Answer, Question, ask};
use crate::failure::Failure;
use crate::options::{App, BrokerOptions};
use crate::output::Screen;
use crate::python::{Interpreter, NoInterpreter};
use crate::settings::Settings;

/// A command's surroundings.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    app: &'a App,
    python: Option<Interpreter>,
    pub(crate) screen: Screen,
}

/// What is known once the settings were looked for.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) settings: Settings,
    /// What the app said, if one is named.
    pub(crate) answer: Option<Answer>,
}

impl<'a> Session<'a> {
    /// `python` is the interpreter in which this program runs, if it does.
    pub(crate) fn new(app: &'a App, python: Option<Interpreter>) -> Result<Self, Failure> {
        if let Some(folder) = &app.workdir {
            env::set_current_dir(folder)
                .map_err(|error| Failure::Usage(format!("--workdir {folder}: {error}")))?;
        }
        Ok(Self { app, python, screen: Screen::new(app.no_color, app.quiet) })
    }

    /// The settings: those of the app, if one is named, and what goes before them.
    pub(crate) fn settings(&self, broker: &BrokerOptions, question: Question<'_>) -> Result<Known, Failure> {
        let answer = match self.app.app {
            Some(_) => Some(ask(self.python()?.path(), self.app, question).map_err(Failure::Usage)?),
            None => None,
        };
        let of_app = answer.as_ref().map(|answer| answer.settings.clone()).unwrap_or_default();
        let settings = Settings::gather(of_app, self.app, &broker.options).map_err(Failure::Usage)?;
        Ok(Known { settings, answer })
    }

    fn python(&self) -> Result<Interpreter, Failure> {
        let found = || Interpreter::find().and_then(Interpreter::with_wheel);
        let python = self.python.clone().map_or_else(found, Ok);
        python.map_err(|error: NoInterpreter| {
            let name = self.app.app.as_deref().unwrap_or_default();
            Failure::Usage(format!("-A {name} has to be asked where its broker is: {error}"))
        })
    }
}

impl Known {
    /// The broker. Nothing is connected yet.
    pub(crate) fn transport(&self) -> Result<Box<dyn Transport>, Failure> {
        let settings = &self.settings;
        let url = settings.broker().map_err(Failure::Usage)?;
        celery_transport::memory::refuse(url)?;
        Ok(celery_transport::connect(url, &self.connect_options())?)
    }

    /// What is said of the broker besides its URL.
    pub(crate) fn connect_options(&self) -> ConnectOptions {
        let settings = &self.settings;
        ConnectOptions::new(settings.broker_transport_options.clone(), client_name())
            .with_use_ssl(settings.broker_use_ssl.clone())
            .with_failover_strategy(settings.broker_failover_strategy.clone())
            .with_login_method(settings.broker_login_method.clone())
            .with_heartbeat(settings.broker_heartbeat.clone())
            .with_connection_timeout(settings.broker_connection_timeout.clone())
    }
}

/// What the broker's tools show.
pub(crate) fn client_name() -> String {
    format!("worker-cli:{}", std::process::id())
}
