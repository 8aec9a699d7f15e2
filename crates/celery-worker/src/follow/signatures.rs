//! What a message says that follows its task.

use celery_protocol::canvas::{OptionValue, Options, Signature, group};
use celery_protocol::{Embed, Value};

use super::{Following, Odd};

/// The links and the next step of a chain, as they are to be applied, each with its options.
///
/// One link is applied by itself; of several, groups are one by one and the others as one group; the chain in a message
/// is reversed (`celery/app/trace.py: build_tracer._dispatch_callbacks_and_chain`).
pub(super) fn following(
    known: &Following,
    embed: &Embed<'_>,
    options: &Options,
) -> Result<Vec<(Signature, Options)>, Odd> {
    let mut following = Vec::new();
    let links = signatures(known, embed.callbacks)?;
    if links.len() == 1 {
        following.extend(links.into_iter().map(|link| (link, options.clone())));
    } else {
        let (groups, others): (Vec<_>, Vec<_>) =
            links.into_iter().partition(|link| link.task() == "celery.group");
        following.extend(groups.into_iter().map(|link| (link, options.clone())));
        if !others.is_empty() {
            following.push((group(others), options.clone()));
        }
    }
    let mut chain = signatures(known, embed.chain)?;
    if let Some(next) = chain.pop() {
        let mut options = options.clone();
        options.set("chain", OptionValue::Signatures(chain));
        following.push((next, options));
    }
    Ok(following)
}

/// JSON in which every value is what it looks like: kombu writes others, a date say, as objects that name their type, and
/// Python makes them what they were before it sends them on (`kombu/utils/json.py: object_hook`).
pub(super) fn plain(known: &Following, text: &str) -> Result<Value, Odd> {
    if !known.alone && text.contains("\"__type__\"") {
        return Err(Odd("it holds values that JSON does not have".to_owned()));
    }
    Ok(Value::from_json(text)?)
}

/// The signatures of a JSON list; none of null.
fn signatures(known: &Following, text: Option<&str>) -> Result<Vec<Signature>, Odd> {
    match text.map(|text| plain(known, text)).transpose()? {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::List(items)) => {
            Ok(items.into_iter().map(Signature::from_value).collect::<Result<_, _>>()?)
        }
        Some(_) => Err(Odd("what follows is no list".to_owned())),
    }
}
