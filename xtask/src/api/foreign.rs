//! Types of other libraries in the public API of crates that should not show them.

/// The crates that know no broker, no Python and no runtime.
const PURE: [&str; 3] = ["celery-protocol", "celery-scheduler", "celery-executor"];

/// The libraries that nobody sees who uses them.
const HIDDEN: [&str; 5] = ["fred", "lapin", "pyo3", "tokio", "redis"];

/// The lines of a listing that name a library which the crate should hide.
pub(super) fn foreign<'a>(name: &str, listing: &'a str) -> Vec<&'a str> {
    if !PURE.contains(&name) {
        return Vec::new();
    }
    let names = |line: &str| HIDDEN.iter().any(|library| line.contains(&format!("{library}::")));
    listing.lines().filter(|line| names(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_seen() {
        let listing = "pub fn a()\npub b::at: tokio::time::instant::Instant\n";
        assert_eq!(foreign("celery-executor", listing).len(), 1);
        assert_eq!(foreign("celery-worker", listing).len(), 0);
    }
}
