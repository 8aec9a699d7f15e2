//! Which arguments a task takes: sending it with others is an error of the sender (`celery/app/task.py:
//! Task.apply_async`, `typing`).

use std::collections::HashSet;

/// The parameters of a task, `self` apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Takes {
    /// Those that may be given by position, in order, and whether each has a default.
    pub positional: Vec<(String, bool)>,
    /// How many of them, from the first, may only be given by position.
    pub positional_only: usize,
    /// Whether there is `*args`.
    pub any_positional: bool,
    /// Those that may only be given by name, and whether each has a default.
    pub keywords: Vec<(String, bool)>,
    /// Whether there is `**kwargs`.
    pub any_keywords: bool,
}

impl Takes {
    /// Whether a call with so many positional arguments and these keywords is taken, as `inspect.Signature.bind` says.
    pub fn accepts<'a>(&self, count: usize, given: impl IntoIterator<Item = &'a str>) -> bool {
        if count > self.positional.len() && !self.any_positional {
            return false;
        }
        let mut named: HashSet<&str> = HashSet::new();
        for name in given {
            let place = self.positional.iter().position(|(parameter, _)| parameter == name);
            let known = match place {
                Some(at) if at >= self.positional_only => {
                    if at < count {
                        return false;
                    }
                    true
                }
                _ => self.keywords.iter().any(|(parameter, _)| parameter == name),
            };
            if !known && !self.any_keywords {
                return false;
            }
            if known {
                named.insert(name);
            }
        }
        let by_position = self.positional.iter().enumerate().skip(count);
        let missing = |name: &str, has_default: bool| !has_default && !named.contains(name);
        !by_position
            .clone()
            .any(|(at, (name, default))| !default && (at < self.positional_only || missing(name, *default)))
            && !self.keywords.iter().any(|(name, default)| missing(name, *default))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(names: &[(&str, bool)]) -> Vec<(String, bool)> {
        names.iter().map(|(name, default)| ((*name).to_owned(), *default)).collect()
    }

    /// `def f(a, b=1, *, k, m=2)`
    #[test]
    fn as_python_binds() {
        let takes = Takes {
            positional: parameters(&[("a", false), ("b", true)]),
            keywords: parameters(&[("k", false), ("m", true)]),
            ..Takes::default()
        };
        assert!(takes.accepts(1, ["k"]) && takes.accepts(2, ["k", "m"]) && takes.accepts(0, ["a", "k"]));
        assert!(!takes.accepts(0, ["k"]), "a is missing");
        assert!(!takes.accepts(1, []), "k is missing");
        assert!(!takes.accepts(3, ["k"]), "too many");
        assert!(!takes.accepts(1, ["a", "k"]), "a is given twice");
        assert!(!takes.accepts(1, ["k", "other"]), "nobody knows the other");
    }

    /// `def f(a, /, *args, **kwargs)`
    #[test]
    fn anything_else_goes() {
        let takes = Takes {
            positional: parameters(&[("a", false)]),
            positional_only: 1,
            any_positional: true,
            any_keywords: true,
            ..Takes::default()
        };
        assert!(takes.accepts(1, ["a"]) && takes.accepts(5, ["x"]));
        assert!(!takes.accepts(0, ["a"]), "a is taken by position only");
    }
}
