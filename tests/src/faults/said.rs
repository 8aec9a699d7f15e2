//! What a worker said more than once.

use std::collections::HashMap;

/// The lines of a log at the levels WARNING and above that are there more than once, their numbers apart.
pub(super) fn repeated(log: &str) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for line in log.lines() {
        let Some((_, text)) = line.split_once("MainProcess] ").filter(|(head, _)| is_loud(head)) else {
            continue;
        };
        *counts.entry(text.chars().filter(|character| !character.is_ascii_digit()).collect()).or_default() +=
            1;
    }
    let mut repeated: Vec<String> = counts
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(text, count)| format!("{count} x {text}"))
        .collect();
    repeated.sort();
    repeated
}

fn is_loud(head: &str) -> bool {
    ["WARNING", "ERROR", "CRITICAL"].iter().any(|level| head.contains(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_is_enough() {
        let line =
            |level: &str, text: &str| format!("[2026-11-25 08:43:09,418: {level}/MainProcess] {text}\n");
        let log = line("WARNING", "lost 1") + "more of it\n" + &line("INFO", "x") + &line("INFO", "x");
        assert!(repeated(&log).is_empty());
        assert_eq!(repeated(&(log + &line("WARNING", "lost 23"))), ["2 x lost "]);
    }
}
