//! Tables of AMQP and objects of JSON.
//!
//! Source: `amqp/serialization.py: _write_item`, `_read_item`.

use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString};
use serde_json::{Map, Number, Value};

/// The table with the types that py-amqp gives the same values. An error says what AMQP cannot carry.
pub(super) fn to_table(object: &Map<String, Value>) -> Result<FieldTable, String> {
    let mut table = FieldTable::default();
    for (name, value) in object {
        let key = ShortString::try_new(name.as_str())
            .map_err(|_| format!("the name {name:?} is longer than the 255 bytes that AMQP allows"))?;
        table.insert(key, to_value(value)?);
    }
    Ok(table)
}

fn to_value(value: &Value) -> Result<AMQPValue, String> {
    Ok(match value {
        Value::Null => AMQPValue::Void,
        Value::Bool(flag) => AMQPValue::Boolean(*flag),
        Value::String(text) => AMQPValue::LongString(LongString::from(text.as_bytes())),
        Value::Array(items) => {
            let items = items.iter().map(to_value).collect::<Result<Vec<_>, _>>()?;
            AMQPValue::FieldArray(FieldArray::from(items))
        }
        Value::Object(object) => AMQPValue::FieldTable(to_table(object)?),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            // py-amqp writes what fits as `I`, but for the lowest number.
            (Some(whole), _) => match i32::try_from(whole) {
                Ok(short) if short != i32::MIN => AMQPValue::LongInt(short),
                _ => AMQPValue::LongLongInt(whole),
            },
            (None, Some(float)) => AMQPValue::Double(float),
            (None, None) => return Err(format!("the number {number} is too large for AMQP")),
        },
    })
}

/// The table as a JSON object. Bytes that are no text become text as far as they can; times are seconds since the epoch.
pub(super) fn to_object(table: &FieldTable) -> Map<String, Value> {
    table.into_iter().map(|(name, value)| (name.to_string(), to_json(value))).collect()
}

fn to_json(value: &AMQPValue) -> Value {
    let float = |float: f64| Number::from_f64(float).map_or(Value::Null, Value::Number);
    match value {
        AMQPValue::Void => Value::Null,
        AMQPValue::Boolean(flag) => Value::from(*flag),
        AMQPValue::ShortShortInt(number) => Value::from(*number),
        AMQPValue::ShortShortUInt(number) => Value::from(*number),
        AMQPValue::ShortInt(number) => Value::from(*number),
        AMQPValue::ShortUInt(number) => Value::from(*number),
        AMQPValue::LongInt(number) => Value::from(*number),
        AMQPValue::LongUInt(number) => Value::from(*number),
        AMQPValue::LongLongInt(number) => Value::from(*number),
        AMQPValue::Timestamp(seconds) => Value::from(*seconds),
        AMQPValue::Float(number) => float(f64::from(*number)),
        AMQPValue::Double(number) => float(*number),
        AMQPValue::DecimalValue(decimal) => {
            float(f64::from(decimal.value) / 10f64.powi(i32::from(decimal.scale)))
        }
        AMQPValue::ShortString(text) => Value::from(text.as_str()),
        AMQPValue::LongString(text) => Value::from(String::from_utf8_lossy(text.as_bytes())),
        AMQPValue::ByteArray(bytes) => Value::from(String::from_utf8_lossy(bytes.as_slice())),
        AMQPValue::FieldArray(items) => items.as_slice().iter().map(to_json).collect(),
        AMQPValue::FieldTable(table) => Value::Object(to_object(table)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("an object is needed") };
        object
    }

    #[test]
    fn headers_of_a_task_come_back() {
        let headers = object(json!({
            "argsrepr": "(1, 'é')", "eta": null, "ignore_result": false, "retries": 0, "clock": 5_000_000_000_i64,
            "expires": 1.5, "timelimit": [null, 3], "stamps": {"a": ["b"]},
        }));
        assert_eq!(Value::Object(to_object(&to_table(&headers).unwrap())), Value::Object(headers));
    }

    #[test]
    fn numbers_have_the_types_of_py_amqp() {
        let table =
            to_table(&object(json!({"a": 2_147_483_647, "b": -2_147_483_648_i64, "c": 0.5}))).unwrap();
        let of = |name: &str| table.inner()[name].get_type().get_id();
        assert_eq!([of("a"), of("b"), of("c")], ['I', 'l', 'd']);
    }

    #[test]
    fn a_name_that_is_too_long_is_named() {
        let error = to_table(&object(json!({ "x".repeat(256): 1 }))).unwrap_err();
        assert!(error.contains("255 bytes"), "{error}");
    }
}
