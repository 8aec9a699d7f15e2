//! CPU time and memory of a process and all below it, from /proc.

use std::collections::HashMap;

use anyhow::{Context, Result};

/// What a process tree has used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Seconds of CPU time, user and system, ended children included.
    pub(crate) cpu: f64,
    /// Resident memory in bytes; pages shared by two processes count twice.
    pub(crate) resident: u64,
}

/// What the tree below `root`, itself included, has used until now.
pub(crate) fn usage(root: u32) -> Result<Usage> {
    let processes = processes()?;
    let mut usage = Usage::default();
    for (&pid, process) in &processes {
        if is_below(pid, root, &processes) {
            usage.cpu += process.cpu;
            usage.resident += process.resident;
        }
    }
    Ok(usage)
}

#[derive(Debug)]
struct Process {
    parent: u32,
    cpu: f64,
    resident: u64,
}

fn is_below(mut pid: u32, root: u32, processes: &HashMap<u32, Process>) -> bool {
    loop {
        if pid == root {
            return true;
        }
        match processes.get(&pid) {
            Some(process) if process.parent > 0 => pid = process.parent,
            _ => return false,
        }
    }
}

fn processes() -> Result<HashMap<u32, Process>> {
    let mut found = HashMap::new();
    for entry in std::fs::read_dir("/proc").context("cannot read /proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end between the two steps.
        if let Some(process) = read(pid) {
            found.insert(pid, process);
        }
    }
    Ok(found)
}

/// Fields of `/proc/<pid>/stat` (proc_pid_stat(5)), counted after the name in parentheses, which may contain blanks.
fn read(pid: u32) -> Option<Process> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let ticks = field(14)? + field(15)? + field(16)? + field(17)?;
    Some(Process {
        parent: u32::try_from(field(4)?).ok()?,
        cpu: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
        resident: field(24)? * rustix::param::page_size() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory() {
        assert!(usage(std::process::id()).unwrap().resident > 0);
    }
}
