//! The execution options of a signature.

use super::Signature;
use crate::{Error, Value};

/// The options of a signature, as Celery's dictionary has them: what `apply_async` takes, and the ids that freezing
/// adds. They keep their order and everything unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options(Vec<(String, OptionValue)>);

/// The value of one option.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum OptionValue {
    /// Anything but signatures.
    Value(Value),
    /// One signature: `chord`, a single `link`.
    Signature(Box<Signature>),
    /// Signatures: `link`, `link_error`, `chain`.
    Signatures(Vec<Signature>),
}

/// The options that hold signatures (`celery/canvas.py`, `celery/app/amqp.py: as_task_v2`).
const OF_SIGNATURES: [&str; 4] = ["link", "link_error", "chain", "chord"];

/// More options than this are read by nobody: each is looked for among the others.
const MOST_OPTIONS: usize = 1024;

impl Options {
    /// What is set under `key`.
    pub fn get(&self, key: &str) -> Option<&OptionValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value under `key`, unless it holds signatures.
    pub fn value(&self, key: &str) -> Option<&Value> {
        match self.get(key) {
            Some(OptionValue::Value(value)) => Some(value),
            _ => None,
        }
    }

    /// The text under `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.value(key)?.as_str()
    }

    /// The signatures under `key`: none, one or more.
    pub fn signatures(&self, key: &str) -> &[Signature] {
        match self.get(key) {
            Some(OptionValue::Signature(signature)) => std::slice::from_ref(signature),
            Some(OptionValue::Signatures(signatures)) => signatures,
            _ => &[],
        }
    }

    /// Whether there is something under `key`, null included.
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets `key`; it keeps its place when it is there already.
    pub fn set(&mut self, key: &str, value: impl Into<OptionValue>) {
        let value = value.into();
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// Sets `key` unless it is there.
    pub fn set_default(&mut self, key: &str, value: impl Into<OptionValue>) {
        if !self.contains(key) {
            self.set(key, value);
        }
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<OptionValue> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(at).1)
    }

    /// The options in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &OptionValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps those that `keep` says.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&str, &OptionValue) -> bool) {
        self.0.retain(|(key, value)| keep(key, value));
    }

    /// Sets all of `others` (`dict.update`).
    pub(super) fn update(&mut self, others: Self) {
        for (key, value) in others.0 {
            self.set(&key, value);
        }
    }

    /// The names in `stamped_headers`.
    pub fn stamped_headers(&self) -> impl Iterator<Item = &str> {
        self.value("stamped_headers")
            .and_then(Value::as_list)
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_str)
    }

    /// These options under those of a call: the group, and stamps that are there, are not replaced
    /// (`celery/canvas.py: Signature._merge`).
    pub(super) fn merged(&self, call: Self) -> Self {
        let mut merged = self.clone();
        for (key, value) in call.0 {
            let immutable = key == "group_id"
                || key == "stamped_headers"
                || (self.contains("stamped_headers") && self.stamped_headers().any(|name| name == key));
            if !(immutable && self.contains(&key)) {
                merged.set(&key, value);
            }
        }
        merged
    }

    /// Appends a signature to a list of them, unless it is there (`Signature.append_to_list_option`).
    pub(super) fn append(&mut self, key: &str, signature: Signature) {
        if !self.signatures(key).contains(&signature) {
            self.extend(key, vec![signature]);
        }
    }

    /// Appends signatures to a list of them, which a single one becomes (`Signature.extend_list_option`).
    pub(super) fn extend(&mut self, key: &str, more: Vec<Signature>) {
        self.set_default(key, Value::Null);
        let slot = self.0.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value);
        if let Some(slot) = slot {
            let mut signatures = match std::mem::replace(slot, OptionValue::Value(Value::Null)) {
                OptionValue::Signature(signature) => vec![*signature],
                OptionValue::Signatures(signatures) => signatures,
                OptionValue::Value(_) => Vec::new(),
            };
            signatures.extend(more);
            *slot = OptionValue::Signatures(signatures);
        }
    }

    /// Takes the signatures under `key` out.
    pub(super) fn take_signatures(&mut self, key: &str) -> Vec<Signature> {
        match self.remove(key) {
            Some(OptionValue::Signature(signature)) => vec![*signature],
            Some(OptionValue::Signatures(signatures)) => signatures,
            _ => Vec::new(),
        }
    }

    /// The signatures anywhere in it, for a walk over a whole canvas.
    pub(super) fn signatures_mut(&mut self, key: &str) -> &mut [Signature] {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, OptionValue::Signature(signature))) => std::slice::from_mut(signature),
            Some((_, OptionValue::Signatures(signatures))) => signatures,
            _ => &mut [],
        }
    }

    /// Reads the dictionary. Of a repeated key the last value counts.
    pub(super) fn from_entries(entries: Vec<(Value, Value)>) -> Result<Self, Error> {
        if entries.len() > MOST_OPTIONS {
            return Err(super::wire::invalid("options", "a dict of at most 1024 entries"));
        }
        let mut options = Self::default();
        for (key, value) in entries {
            let Value::Str(key) = key else {
                return Err(super::wire::invalid("options", "a dict with string keys"));
            };
            let value = if OF_SIGNATURES.contains(&&*key) { OptionValue::read(value)? } else { value.into() };
            options.set(&key, value);
        }
        Ok(options)
    }

    /// The dictionary.
    pub(super) fn to_value(&self) -> Value {
        Value::Map(self.0.iter().map(|(key, value)| (key.as_str().into(), value.to_value())).collect())
    }
}

impl OptionValue {
    fn read(value: Value) -> Result<Self, Error> {
        match value {
            Value::Map(_) => Ok(Self::Signature(Box::new(Signature::from_value(value)?))),
            Value::List(items) if items.iter().all(|item| matches!(item, Value::Map(_))) => {
                Ok(Self::Signatures(items.into_iter().map(Signature::from_value).collect::<Result<_, _>>()?))
            }
            other => Ok(Self::Value(other)),
        }
    }

    /// The value on the wire.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::Signature(signature) => signature.to_value(),
            Self::Signatures(signatures) => Value::List(signatures.iter().map(Signature::to_value).collect()),
        }
    }

    /// Whether it is `None`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Value(Value::Null))
    }
}

impl<T: Into<Value>> From<T> for OptionValue {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

impl From<Signature> for OptionValue {
    fn from(signature: Signature) -> Self {
        Self::Signature(Box::new(signature))
    }
}
