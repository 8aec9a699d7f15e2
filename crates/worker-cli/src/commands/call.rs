//! `call`: send a task (`celery/bin/call.py`).

use celery_client::protocol::serializer::Serializer;
use celery_client::protocol::{Value, iso8601};
use celery_client::{Client, Signature};
use serde_json::{Map, Value as Json};

use crate::app::{Question, Route, RouteQuestion};
use crate::failure::Failure;
use crate::options::{CallOptions, Expires};
use crate::session::{Known, Session};

pub(crate) async fn run(options: &CallOptions, session: &mut Session<'_>) -> Result<(), Failure> {
    let (args, kwargs) = (array(&options.args)?, object(&options.kwargs)?);
    let signature = signature(options, args, kwargs)?;
    let known = ask(options, session)?;
    let signature =
        routed(signature, options, known.answer.as_ref().and_then(|answer| answer.route.as_ref()));
    let client = client(&known).await?;
    let handle = client.send(signature).await?;
    Ok(session.screen.line(handle.id())?)
}

/// The settings, and where the task goes if there is an app.
fn ask(options: &CallOptions, session: &Session<'_>) -> Result<Known, Failure> {
    // The app's routers are Python: what they are shown need not be exact.
    let (args, kwargs) = (serde_json::from_str(&options.args), serde_json::from_str(&options.kwargs));
    let (args, kwargs) = (args.unwrap_or(Json::Null), kwargs.unwrap_or(Json::Null));
    let given =
        [("queue", &options.queue), ("exchange", &options.exchange), ("routing_key", &options.routing_key)];
    let given: Map<_, _> = given
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Json::from(value.clone()?))))
        .collect();
    let route = RouteQuestion { name: &options.name, args: &args, kwargs: &kwargs, options: given };
    session.settings(&options.broker, Question { route: Some(route), ..Question::default() })
}

fn array(text: &str) -> Result<Vec<Value>, Failure> {
    match Value::from_json(text) {
        Ok(Value::List(items)) => Ok(items),
        Ok(_) => Err(Failure::Usage(format!("--args: a JSON array is needed, not {text}"))),
        Err(error) => Err(Failure::Usage(format!("--args: {error}"))),
    }
}

fn object(text: &str) -> Result<Vec<(Value, Value)>, Failure> {
    match Value::from_json(text) {
        Ok(Value::Map(entries)) => Ok(entries),
        Ok(_) => Err(Failure::Usage(format!("--kwargs: a JSON object is needed, not {text}"))),
        Err(error) => Err(Failure::Usage(format!("--kwargs: {error}"))),
    }
}

fn signature(
    options: &CallOptions,
    args: Vec<Value>,
    kwargs: Vec<(Value, Value)>,
) -> Result<Signature, Failure> {
    Serializer::named(&options.serializer)
        .and_then(|serializer| serializer.encode(&Value::Null))
        .map_err(|error| Failure::Usage(format!("--serializer {}: {error}", options.serializer)))?;
    let mut signature = Signature::new(&*options.name).serializer(&options.serializer);
    for value in args {
        signature = signature.arg(value);
    }
    for (name, value) in kwargs {
        signature = signature.kwarg(name.as_str().unwrap_or_default(), value);
    }
    if let Some(eta) = options.eta {
        signature = signature.option("eta", iso8601(eta.into()));
    }
    if let Some(countdown) = options.countdown {
        signature = signature.countdown(countdown);
    }
    match options.expires {
        Some(Expires::In(seconds)) => signature = signature.expires_in(seconds),
        Some(Expires::At(moment)) => signature = signature.expires_at(moment.into()),
        None => {}
    }
    Ok(signature)
}

/// Where the app sends it, or without one where the options do (`celery/app/amqp.py: send_task_message`).
fn routed(mut signature: Signature, options: &CallOptions, route: Option<&Route>) -> Signature {
    let Some(route) = route else {
        if let Some(queue) = &options.queue {
            signature = signature.queue(&**queue);
        }
        // Without a name it is the default exchange, whose routing keys are queues.
        let exchange = options.exchange.as_ref().filter(|exchange| !exchange.is_empty());
        return match (exchange, &options.routing_key) {
            (Some(exchange), key) => {
                signature.route(&**exchange, key.as_deref().or(options.queue.as_deref()).unwrap_or_default())
            }
            (None, Some(key)) if options.queue.is_none() => signature.queue(&**key),
            (None, _) => signature,
        };
    };
    for (name, value) in &route.options {
        match value {
            Json::Bool(value) => signature = signature.option(name, *value),
            Json::Number(number) => {
                let value =
                    number.as_i64().map_or_else(|| number.as_f64().unwrap_or_default().into(), Value::Int);
                signature = signature.option(name, value);
            }
            Json::String(text) => signature = signature.option(name, &**text),
            _ => {}
        }
    }
    if route.exchange.is_empty() {
        signature.queue(&*route.routing_key)
    } else {
        signature.route(&*route.exchange, &*route.routing_key).option("exchange_type", &*route.exchange_type)
    }
}

async fn client(known: &Known) -> Result<Client, Failure> {
    let settings = &known.settings;
    let builder = Client::builder(settings.broker().map_err(Failure::Usage)?)
        .without_results()
        .connect_options(known.connect_options())
        .queue(&*settings.task_default_queue)
        .name(origin());
    Ok(builder.connect().await?)
}

/// Who sends: `gen<pid>@<host>` (`celery/utils/nodenames.py: anon_nodename`).
fn origin() -> String {
    let host = rustix::system::uname();
    format!("gen{}@{}", std::process::id(), host.nodename().to_string_lossy())
}
