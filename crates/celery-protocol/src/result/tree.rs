//! A result and its relatives: what a task sent, what a group holds.

use crate::{Error, MAX_DEPTH, Value, json::write_string};

const OBJECT: &str = "result tree";

/// The names of a result, of those it came from and of those in it: `[["<id>", <parent>], <children>]`
/// (`celery/result.py: AsyncResult.as_tuple`, `GroupResult.as_tuple`, `result_from_tuple`).
///
/// Neither states nor values are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultTree {
    /// The id of the task or the group.
    pub id: String,
    /// The result that this one was linked to: of a step of a chain, the step before.
    pub parent: Option<Box<ResultTree>>,
    /// The results of a group; `None` for a task.
    pub children: Option<Vec<ResultTree>>,
}

impl ResultTree {
    /// The result of a task.
    pub fn task(id: impl Into<String>) -> Self {
        Self { id: id.into(), parent: None, children: None }
    }

    /// The result of a group.
    pub fn group(id: impl Into<String>, children: Vec<Self>) -> Self {
        Self { id: id.into(), parent: None, children: Some(children) }
    }

    /// The same result, come from `parent`.
    #[must_use]
    pub fn with_parent(self, parent: Self) -> Self {
        Self { parent: Some(Box::new(parent)), ..self }
    }

    /// Reads one result.
    ///
    /// A line of parents takes two levels each, so up to half of [`MAX_DEPTH`] are read.
    ///
    /// Memory: at most 64 bytes allocated for each byte read.
    ///
    /// # Errors
    ///
    /// Those of [`Value::from_json`] and [`ResultTree::from_value`].
    pub fn decode(text: &str) -> Result<Self, Error> {
        Self::from_value(&Value::from_json(text)?)
    }

    /// Reads what a task sent: [`StoredMeta::children`](crate::StoredMeta::children), an array of results or
    /// null.
    ///
    /// # Errors
    ///
    /// As [`ResultTree::decode`], and [`Error::InvalidField`] for anything else.
    pub fn decode_list(text: &str) -> Result<Vec<Self>, Error> {
        match Value::from_json(text)? {
            Value::Null => Ok(Vec::new()),
            Value::List(items) => items.iter().map(Self::from_value).collect(),
            _ => Err(invalid("children", "an array of results")),
        }
    }

    /// Writes what a task sent, for [`ResultMeta::children`](crate::ResultMeta::children).
    pub fn encode_list(results: &[Self]) -> String {
        let mut out = Vec::with_capacity(results.len() * 64 + 2);
        write_list(results, &mut out);
        text(out)
    }

    /// Reads a result in whichever serialiser it came. The id may stand for itself and a parent of null, and
    /// an empty parent is none, as `result_from_tuple` has it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidField`] for another shape, [`Error::TooDeep`] past [`MAX_DEPTH`].
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        Self::read(value, 0)
    }

    fn read(value: &Value, depth: usize) -> Result<Self, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep { object: OBJECT, limit: MAX_DEPTH });
        }
        let Some([names, nodes]) = value.as_list() else {
            return Err(invalid("result", "an array of its names and its children"));
        };
        let (id, parent) = match names {
            Value::List(pair) => match pair.as_slice() {
                [id, parent] => (id, Some(parent)),
                _ => return Err(invalid("result", "named by its id and its parent")),
            },
            id => (id, None),
        };
        let parent = match parent.filter(|parent| !parent.is_falsy()) {
            Some(parent) => Some(Box::new(Self::read(parent, depth + 2)?)),
            None => None,
        };
        let children = match nodes {
            Value::Null => None,
            Value::List(nodes) => {
                Some(nodes.iter().map(|node| Self::read(node, depth + 2)).collect::<Result<_, _>>()?)
            }
            _ => return Err(invalid("children", "an array of results or null")),
        };
        let id = id.as_str().ok_or(invalid("id", "a string"))?.to_owned();
        Ok(Self { id, parent, children })
    }

    /// The result for any serialiser.
    pub fn to_value(&self) -> Value {
        let parent = self.parent.as_deref().map(Self::to_value);
        let children =
            self.children.as_ref().map(|all| Value::List(all.iter().map(Self::to_value).collect()));
        let names = Value::List(vec![Value::from(&*self.id), parent.unwrap_or_default()]);
        Value::List(vec![names, children.unwrap_or_default()])
    }

    /// The result as Celery writes it.
    pub fn encode(&self) -> String {
        let mut out = Vec::with_capacity(64);
        self.write(&mut out);
        text(out)
    }

    /// Appends the result as Celery writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"[[");
        write_string(out, &self.id);
        out.extend_from_slice(b", ");
        match &self.parent {
            Some(parent) => parent.write(out),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"], ");
        match &self.children {
            Some(children) => write_list(children, out),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b']');
    }

    /// The ids of the tasks in it: its own, or those of the group in their order. Parents do not count.
    pub fn task_ids(&self) -> Vec<&str> {
        match &self.children {
            None => vec![&self.id],
            Some(children) => children.iter().flat_map(Self::task_ids).collect(),
        }
    }
}

fn write_list(results: &[ResultTree], out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, result) in results.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        result.write(out);
    }
    out.push(b']');
}

/// What is written is ASCII.
fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).unwrap_or_default()
}

fn invalid(field: &'static str, expected: &'static str) -> Error {
    Error::InvalidField { object: OBJECT, field, expected }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{StoredMeta, result::corpus};

    #[test]
    fn captured_children_come_back_byte_for_byte() {
        let stored = StoredMeta::decode(&corpus::payload("result", "children")).unwrap();
        let text = stored.children.unwrap();
        let children = ResultTree::decode_list(&text).unwrap();
        let expected = [
            ResultTree::task("child").with_parent(ResultTree::task("grandparent")),
            ResultTree::group("g", vec![ResultTree::task("b")]),
            ResultTree::task("c"),
        ];
        assert_eq!(children, expected);
        assert_eq!(ResultTree::encode_list(&children), text);
        assert_eq!(children[1].task_ids(), ["b"]);
    }

    #[test]
    fn what_celery_takes_is_taken() {
        for (text, written) in [
            (r#"["a", null]"#, r#"[["a", null], null]"#),
            (r#"[["a", []], []]"#, r#"[["a", null], []]"#),
            (r#"[["a", ["b", null]], null]"#, r#"[["a", [["b", null], null]], null]"#),
        ] {
            assert_eq!(ResultTree::decode(text).unwrap().encode(), written);
        }
        assert_eq!(ResultTree::decode_list("null").unwrap(), []);
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in [
            "{}",
            "[]",
            r#"["a"]"#,
            "[1, null]",
            r#"[["a"], null]"#,
            r#"[["a", null], 1]"#,
            r#"[["a", 1], null]"#,
        ] {
            assert!(matches!(ResultTree::decode(text), Err(Error::InvalidField { .. })), "{text}");
        }
        assert!(ResultTree::decode_list("{}").is_err());
        let deep = (0..MAX_DEPTH).fold(Value::Null, |parent, _| {
            Value::List(vec![Value::List(vec!["i".into(), parent]), Value::Null])
        });
        assert!(matches!(ResultTree::from_value(&deep), Err(Error::TooDeep { .. })));
    }

    pub(in crate::result) fn any_tree() -> impl Strategy<Value = ResultTree> {
        let leaf = any::<String>().prop_map(ResultTree::task);
        leaf.prop_recursive(4, 16, 3, |inner| {
            let children = proptest::option::of(proptest::collection::vec(inner.clone(), 0..3));
            (any::<String>(), proptest::option::of(inner), children)
                .prop_map(|(id, parent, children)| ResultTree { id, parent: parent.map(Box::new), children })
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(tree in any_tree()) {
            prop_assert_eq!(ResultTree::decode(&tree.encode()).unwrap(), tree.clone());
            prop_assert_eq!(tree.to_value().to_json().unwrap(), tree.encode());
        }

        #[test]
        fn arbitrary_text_never_panics(text: String, json in r#"[\[\]",a:nul{}0-9 ]{0,30}"#) {
            let _ = (ResultTree::decode(&text), ResultTree::decode(&json), ResultTree::decode_list(&json));
        }
    }
}
