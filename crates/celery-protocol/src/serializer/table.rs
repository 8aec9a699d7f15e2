//! Compares a serialiser with a table that `fixtures/capture_codecs.py` wrote.

use serde_json::{Value as Json, json};

use super::Serializer;
use crate::{MAX_MESSAGE_SIZE, Value, base64_text, compression, json::Typed};

/// Checks every line of a table, both ways, and says how many there are. The payloads in `different` are read
/// otherwise than by kombu.
pub(crate) fn check(serializer: Serializer, table: &str, different: &[&str]) -> usize {
    let mut failures = Vec::new();
    let mut seen = 0;
    for line in table.lines() {
        let row: Json = serde_json::from_str(line).unwrap();
        let text =
            payload(&row).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let known = row.get("value").is_none() && different.contains(&&*text);
        seen += usize::from(known);
        match check_row(serializer, &row) {
            Ok(()) if known => failures.push(format!("no longer different: {text:?}")),
            Err(failure) if !known => {
                let told: String = line.chars().take(600).collect();
                failures.push(format!("{failure}\n  of {told}\n  and {text:.600?}"));
            }
            _ => {}
        }
    }
    let count = failures.len();
    assert!(failures.is_empty(), "{count} rows fail:\n{}", failures.join("\n"));
    assert_eq!(seen, different.len());
    table.lines().count()
}

fn check_row(serializer: Serializer, row: &Json) -> Result<(), String> {
    let payload = payload(row);
    if let Some(value) = row.get("value").map(value_of) {
        match (serializer.encode(&value), &payload) {
            (Ok(ours), Some(theirs)) if ours == *theirs => {}
            (Err(_), None) => {}
            (Ok(ours), _) => return Err(format!("encoded as {:?}", String::from_utf8_lossy(&ours))),
            (Err(error), _) => return Err(format!("not encoded: {error}")),
        }
    }
    let Some(payload) = payload else { return Ok(()) };
    let expected = row.get("decoded").or(row.get("value")).filter(|_| row.get("refused").is_none());
    match (serializer.decode(&payload), expected.map(value_of)) {
        (Ok(ours), Some(theirs)) if describe(&ours) == describe(&theirs) => Ok(()),
        (Err(_), None) => Ok(()),
        (Ok(ours), _) => Err(format!("decoded as {}", ours.repr(600))),
        (Err(error), _) => Err(format!("not decoded: {error}")),
    }
}

fn payload(row: &Json) -> Option<Vec<u8>> {
    if let Some(text) = row.get("payload") {
        return Some(base64_text::decode("payload", text.as_str().unwrap()).unwrap());
    }
    let packed = base64_text::decode("payload", row.get("packed")?.as_str().unwrap()).unwrap();
    Some(compression::decompress(compression::ZLIB, &packed, MAX_MESSAGE_SIZE).unwrap())
}

/// The value that `describe` of the script told of.
fn value_of(told: &Json) -> Value {
    let Json::Object(object) = told else {
        return match told {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::String(text) => Value::Str(text.clone()),
            other => panic!("{other}"),
        };
    };
    let (kind, what) = object.iter().next().unwrap();
    let text = || what.as_str().unwrap().to_owned();
    let bytes = |told: &Json| base64_text::decode("bytes", told.as_str().unwrap()).unwrap();
    match kind.as_str() {
        "int" => text().parse().map_or_else(|_| Value::BigInt(text().into()), Value::Int),
        "float" if text() == "nan" => Value::Float(f64::NAN),
        "float" => Value::Float(f64::from_bits(u64::from_str_radix(&text(), 16).unwrap())),
        "list" => Value::List(what.as_array().unwrap().iter().map(value_of).collect()),
        "map" => {
            let entry = |pair: &Json| (value_of(&pair[0]), value_of(&pair[1]));
            Value::Map(what.as_array().unwrap().iter().map(entry).collect())
        }
        "extension" => {
            Value::Extension(i8::try_from(what[0].as_i64().unwrap()).unwrap(), bytes(&what[1]).into())
        }
        "bytes" => Value::Typed(Typed::Bytes(bytes(what))),
        "datetime" => Value::Typed(Typed::DateTime(text())),
        "date" => Value::Typed(Typed::Date(text())),
        "time" => Value::Typed(Typed::Time(text())),
        "decimal" => Value::Typed(Typed::Decimal(text())),
        "uuid" => Value::Typed(Typed::Uuid(u128::from_str_radix(&text(), 16).unwrap().to_be_bytes())),
        "repeat" => {
            let times = usize::try_from(what[1].as_u64().unwrap()).unwrap();
            match value_of(&what[0]) {
                Value::Str(text) => Value::Str(text.repeat(times)),
                Value::List(items) => Value::List(vec![items[0].clone(); times]),
                Value::Typed(Typed::Bytes(bytes)) => Value::Typed(Typed::Bytes(bytes.repeat(times))),
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{other}"),
    }
}

/// A value such that equal ones are the same: NaN is not equal to itself, `0.0` and `-0.0` are.
fn describe(value: &Value) -> Json {
    match value {
        Value::Float(value) if value.is_nan() => json!("nan"),
        Value::Float(value) => json!({ "float": value.to_bits() }),
        Value::List(items) => items.iter().map(describe).collect(),
        Value::Map(entries) => {
            let entries: Vec<_> = entries.iter().map(|(k, v)| json!([describe(k), describe(v)])).collect();
            json!({ "map": entries })
        }
        other => json!(format!("{other:?}")),
    }
}
