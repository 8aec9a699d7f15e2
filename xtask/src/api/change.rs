//! What a change of the public API means for those who build on it.

use std::collections::BTreeSet;

/// The lines that came and went.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change<'a> {
    pub(super) added: Vec<&'a str>,
    /// Removed, or changed: whoever uses it has to change something.
    pub(super) removed: Vec<&'a str>,
}

impl<'a> Change<'a> {
    pub(super) fn between(before: &'a str, after: &'a str) -> Self {
        let lines = |text: &'a str| text.lines().collect::<BTreeSet<_>>();
        let (before, after) = (lines(before), lines(after));
        Self {
            added: after.difference(&before).copied().collect(),
            removed: before.difference(&after).copied().collect(),
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// Whether the step from one version to the next may break those who build on it: the major number rises, or before 1.0
/// the minor one (semver, and Cargo's reading of it).
pub(super) fn may_break(before: &str, after: &str) -> bool {
    let compatible = |version: &str| {
        let mut parts = version.trim_start_matches('v').split('.').map(|part| part.parse().unwrap_or(0));
        let (major, minor): (u64, u64) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if major == 0 { (major, minor) } else { (major, 0) }
    };
    compatible(before) != compatible(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_a_removed_one() {
        let change = Change::between("pub fn a()\npub fn b()\n", "pub fn a()\npub fn b(u8)\npub fn c()\n");
        assert_eq!(change.removed, ["pub fn b()"]);
        assert_eq!(change.added, ["pub fn b(u8)", "pub fn c()"]);
        assert!(Change::between("pub fn a()", "pub fn a()\n").is_none());
    }

    #[test]
    fn versions_that_may_break() {
        assert!(may_break("v0.1.3", "0.2.0"));
        assert!(!may_break("v0.1.3", "0.1.4"));
        assert!(may_break("1.9.0", "2.0.0"));
        assert!(!may_break("1.9.0", "1.10.0"));
    }
}
