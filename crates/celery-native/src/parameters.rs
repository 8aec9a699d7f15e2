//! The parameters of a task, and how calls are bound to them: as Python binds them.

use celery_protocol::Value;
use celery_worker::Takes;

use crate::Exception;
use crate::shape::Shape;

/// One parameter that may be given by position.
#[derive(Debug, Clone, Default)]
struct Parameter {
    name: Option<String>,
    default: Option<Value>,
    /// Whether the type itself says what it is when it is missing: a field of a struct.
    lenient: bool,
}

/// What a task takes.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    positional: Vec<Parameter>,
    /// `*args`
    any_positional: bool,
    /// Whether the positional ones are the fields of a struct.
    as_struct: bool,
    keywords: Vec<String>,
    /// `**kwargs`
    any_keywords: bool,
    invalid: Option<String>,
}

/// What a call gives, each in its place.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    pub(crate) positional: Vec<Option<Value>>,
    /// What `*args` takes.
    pub(crate) rest: Vec<Value>,
    /// What only names have.
    pub(crate) keywords: Vec<(Value, Value)>,
}

impl Parameters {
    /// Adds the positional parameters that `T` is read from.
    pub(crate) fn add_positional(&mut self, shape: Shape) {
        match shape {
            Shape::Unit => {}
            Shape::Tuple(count) => {
                self.positional.extend((0..count).map(|_| Parameter::default()));
            }
            Shape::Struct(fields) => {
                self.as_struct = true;
                self.positional.extend(fields.iter().map(|field| Parameter {
                    name: Some((*field).to_owned()),
                    default: None,
                    lenient: true,
                }));
            }
            Shape::Sequence => self.any_positional = true,
            Shape::Map | Shape::Other => {
                self.invalid = Some("`Args` takes a tuple, a struct or a list".to_owned());
            }
        }
    }

    /// Adds the keyword parameters that `T` is read from.
    pub(crate) fn add_keywords(&mut self, shape: Shape) {
        match shape {
            Shape::Unit => {}
            Shape::Struct(fields) => self.keywords.extend(fields.iter().map(|field| (*field).to_owned())),
            Shape::Map => self.any_keywords = true,
            Shape::Tuple(_) | Shape::Sequence | Shape::Other => {
                self.invalid = Some("`Kwargs` takes a struct or a map".to_owned());
            }
        }
    }

    /// Names the positional parameters, from the first on.
    pub(crate) fn name(&mut self, names: Vec<String>) {
        if names.len() > self.positional.len() {
            self.invalid = Some(format!(
                "{} names are given for {} positional parameters",
                names.len(),
                self.positional.len()
            ));
        }
        for (parameter, name) in self.positional.iter_mut().zip(names) {
            parameter.name = Some(name);
        }
    }

    /// Gives a parameter a default.
    pub(crate) fn set_default(&mut self, name: &str, default: Value) {
        match self.positional.iter_mut().find(|parameter| parameter.name.as_deref() == Some(name)) {
            Some(parameter) => parameter.default = Some(default),
            None => self.invalid = Some(format!("there is no positional parameter named {name:?}")),
        }
    }

    /// What is wrong with the way the task was registered.
    pub(crate) fn invalid(&self) -> Option<String> {
        if self.invalid.is_some() {
            return self.invalid.clone();
        }
        let mut after_default = self.positional.iter().skip_while(|parameter| parameter.default.is_none());
        let without = after_default.find(|parameter| parameter.default.is_none() && !parameter.lenient)?;
        let named = without.name.as_deref().unwrap_or("?");
        Some(format!("parameter {named:?} has no default and follows one that has"))
    }

    pub(crate) fn is_struct(&self) -> bool {
        self.as_struct
    }

    /// The names of the fields of a struct, or of the elements of a tuple.
    pub(crate) fn names(&self) -> impl Iterator<Item = Option<&str>> {
        self.positional.iter().map(|parameter| parameter.name.as_deref())
    }

    /// The names of the keyword-only parameters.
    pub(crate) fn keyword_names(&self) -> impl Iterator<Item = &str> {
        self.keywords.iter().map(String::as_str)
    }

    /// What a caller in this worker is held to.
    pub(crate) fn takes(&self) -> Option<Takes> {
        let mut takes = Takes::default();
        for parameter in &self.positional {
            let optional = parameter.lenient || parameter.default.is_some();
            // Without a name it can be given by position only, which `Takes` says of the first ones.
            let Some(name) = &parameter.name else { return None };
            takes.positional.push((name.clone(), optional));
        }
        takes.any_positional = self.any_positional;
        takes.keywords = self.keywords.iter().map(|name| (name.clone(), true)).collect();
        takes.any_keywords = self.any_keywords;
        Some(takes)
    }

    /// Puts each argument of a call in its place; the errors are worded as Python words them
    /// (`Python/ceval.c: initialize_locals`).
    pub(crate) fn bind(
        &self,
        function: &str,
        args: Vec<Value>,
        kwargs: Vec<(Value, Value)>,
    ) -> Result<Bound, Exception> {
        let error = |text: String| Err(Exception::type_error(format!("{function}() {text}")));
        let given = args.len();
        let mut args = args.into_iter();
        let mut positional: Vec<Option<Value>> = self.positional.iter().map(|_| args.next()).collect();
        let rest: Vec<Value> = args.collect();
        let mut keywords = Vec::new();
        for (key, value) in kwargs {
            let name = key.as_str().unwrap_or_default().to_owned();
            let place = self.positional.iter().position(|parameter| parameter.name.as_ref() == Some(&name));
            match place {
                Some(at) if positional[at].is_some() => {
                    return error(format!("got multiple values for argument '{name}'"));
                }
                Some(at) => positional[at] = Some(value),
                None if self.any_keywords || self.keywords.contains(&name) => keywords.push((key, value)),
                None => return error(format!("got an unexpected keyword argument '{name}'")),
            }
        }
        if !rest.is_empty() && !self.any_positional {
            return error(self.too_many(given));
        }
        let mut missing = Vec::new();
        for (at, (parameter, value)) in self.positional.iter().zip(&mut positional).enumerate() {
            if value.is_none() {
                value.clone_from(&parameter.default);
            }
            if value.is_none() && !parameter.lenient {
                missing.push(parameter.name.clone().unwrap_or_else(|| format!("argument {}", at + 1)));
            }
        }
        if !missing.is_empty() {
            return error(missing_text("positional", &missing));
        }
        Ok(Bound { positional, rest, keywords })
    }

    fn too_many(&self, given: usize) -> String {
        let most = self.positional.len();
        let optional = |parameter: &&Parameter| parameter.default.is_some() || parameter.lenient;
        let least = most - self.positional.iter().filter(optional).count();
        let (range, plural) = match least == most {
            true => (most.to_string(), most != 1),
            false => (format!("from {least} to {most}"), true),
        };
        let (arguments, were) =
            (if plural { "arguments" } else { "argument" }, if given == 1 { "was" } else { "were" });
        format!("takes {range} positional {arguments} but {given} {were} given")
    }
}

/// `missing 2 required positional arguments: 'x' and 'y'`
pub(crate) fn missing_text(kind: &str, names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    let list = match &*quoted {
        [one] => one.clone(),
        [first, second] => format!("{first} and {second}"),
        [first @ .., last] => format!("{}, and {last}", first.join(", ")),
        [] => String::new(),
    };
    let arguments = if names.len() == 1 { "argument" } else { "arguments" };
    format!("missing {} required {kind} {arguments}: {list}", names.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Parameters {
        let mut parameters = Parameters::default();
        parameters.add_positional(Shape::Tuple(names.len()));
        parameters.name(names.iter().map(|name| (*name).to_owned()).collect());
        parameters
    }

    fn said(parameters: &Parameters, args: &[i64], kwargs: &[(&str, i64)]) -> String {
        let args = args.iter().map(|arg| Value::from(*arg)).collect();
        let kwargs = kwargs.iter().map(|(name, value)| (Value::from(*name), Value::from(*value))).collect();
        match parameters.bind("add", args, kwargs) {
            Ok(bound) => format!("{:?}", bound.positional.iter().flatten().collect::<Vec<_>>()),
            Err(exception) => exception.args()[0].as_str().unwrap().to_owned(),
        }
    }

    /// From CPython 3.13: `def add(x, y): …`
    #[test]
    fn errors_are_worded_as_pythons() {
        let add = named(&["x", "y"]);
        assert_eq!(said(&add, &[1], &[]), "add() missing 1 required positional argument: 'y'");
        assert_eq!(said(&add, &[], &[]), "add() missing 2 required positional arguments: 'x' and 'y'");
        let three = named(&["a", "b", "c"]);
        let missing = "add() missing 3 required positional arguments: 'a', 'b', and 'c'";
        assert_eq!(said(&three, &[], &[]), missing);
        assert_eq!(said(&add, &[1, 2, 3], &[]), "add() takes 2 positional arguments but 3 were given");
        assert_eq!(said(&named(&[]), &[1], &[]), "add() takes 0 positional arguments but 1 was given");
        assert_eq!(said(&named(&["x"]), &[1, 2], &[]), "add() takes 1 positional argument but 2 were given");
        assert_eq!(said(&add, &[1], &[("x", 2)]), "add() got multiple values for argument 'x'");
        assert_eq!(said(&add, &[1, 2], &[("z", 2)]), "add() got an unexpected keyword argument 'z'");
        let mut optional = add;
        optional.set_default("y", Value::from(5));
        assert_eq!(
            said(&optional, &[1, 2, 3], &[]),
            "add() takes from 1 to 2 positional arguments but 3 were given"
        );
    }

    #[test]
    fn names_and_defaults() {
        let mut add = named(&["x", "y"]);
        assert_eq!(said(&add, &[1], &[("y", 2)]), "[Int(1), Int(2)]");
        assert_eq!(said(&add, &[], &[("y", 2), ("x", 1)]), "[Int(1), Int(2)]");
        add.set_default("y", Value::from(5));
        assert_eq!(said(&add, &[1], &[]), "[Int(1), Int(5)]");
        add.set_default("z", Value::from(5));
        assert_eq!(add.invalid().unwrap(), "there is no positional parameter named \"z\"");
        let mut first = named(&["x", "y"]);
        first.set_default("x", Value::from(5));
        assert_eq!(first.invalid().unwrap(), "parameter \"y\" has no default and follows one that has");
    }
}
