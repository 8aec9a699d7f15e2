//! How a scalar may be written (`yaml/emitter.py: analyze_scalar`, `choose_scalar_style`).

/// The styles that `safe_dump` uses; folded blocks it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// What a text allows outside of flow containers.
pub(super) struct Analysis {
    pub(super) empty: bool,
    pub(super) multiline: bool,
    plain: bool,
    single: bool,
    block: bool,
}

impl Analysis {
    pub(super) fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { empty: true, multiline: false, plain: true, single: true, block: false };
        }
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut line_breaks, mut special) = (false, false);
        let (mut break_space, mut space_break) = (false, false);
        let mut previous = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let space_follows = characters.peek().is_none_or(|next| is_space(*next));
            indicators |= match (previous, character) {
                (None, '?' | '-') | (_, ':') => space_follows,
                (None, first) => "#,[]{}&*!|>'\"%@`".contains(first),
                (Some(previous), '#') => is_space(previous),
                _ => false,
            };
            line_breaks |= is_break(character);
            // Without `allow_unicode` only ASCII is written as it is.
            special |= !matches!(character, '\n' | ' '..='~');
            break_space |= character == ' ' && previous.is_some_and(is_break);
            space_break |= is_break(character) && previous == Some(' ');
            previous = Some(character);
        }
        let leading = text.starts_with(|first| first == ' ' || is_break(first));
        let trailing = text.ends_with(|last| last == ' ' || is_break(last));
        let odd = space_break || special;
        Self {
            empty: false,
            multiline: line_breaks,
            plain: !(leading || trailing || break_space || odd || line_breaks || indicators),
            single: !(break_space || odd),
            block: !(text.ends_with(' ') || odd),
        }
    }

    /// The style of a text that is `implicit` when its tag is the one that it would resolve to. Only bytes ask for a
    /// literal block; keys before a `:` stay on their line.
    pub(super) fn choose(&self, implicit: bool, literal: bool, simple_key: bool) -> Style {
        if literal {
            return if self.block && !simple_key { Style::Literal } else { Style::Double };
        }
        if implicit && self.plain && !(simple_key && (self.empty || self.multiline)) {
            Style::Plain
        } else if self.single && !(simple_key && self.multiline) {
            Style::Single
        } else {
            Style::Double
        }
    }
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_space(character: char) -> bool {
    matches!(character, '\0' | ' ' | '\t' | '\r') || is_break(character)
}
