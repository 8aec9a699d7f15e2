//! Stock options that mean nothing here, and what this worker does instead.

use crate::WorkerOptions;

/// One line for each option that was given and is not honoured.
pub fn unsupported(options: &WorkerOptions) -> Vec<String> {
    let stock = options.stock();
    let given = [
        (
            stock.pool.is_some(),
            "-P",
            "async tasks run on event loops and the others on threads, in one process",
        ),
        (stock.optimization.is_some(), "-O", "every free slot takes the next task, as -O fair does"),
        (
            stock.detach,
            "-D",
            "the worker stays in the foreground; run it under systemd or another supervisor",
        ),
        (
            stock.autoscale.is_some(),
            "--autoscale",
            "slots cost next to nothing; set their number with \
          --loop-concurrency and --sync-workers",
        ),
        (
            stock.max_tasks_per_child.is_some(),
            "--max-tasks-per-child",
            "there are no child processes to recycle",
        ),
        (
            stock.max_memory_per_child.is_some(),
            "--max-memory-per-child",
            "there are no child processes to recycle",
        ),
        (
            stock.disable_prefetch,
            "--disable-prefetch",
            "use --prefetch-multiplier=1, which holds one message a slot",
        ),
        (stock.beat, "-B", "run `celery beat` beside the worker"),
        (stock.schedule_filename.is_some(), "-s", "run `celery beat` beside the worker"),
        (stock.scheduler.is_some(), "--scheduler", "run `celery beat` beside the worker"),
        (stock.uid.is_some(), "--uid", "start the worker as the user it is to run as"),
        (stock.gid.is_some(), "--gid", "start the worker as the group it is to run as"),
        (stock.umask.is_some(), "--umask", "set the mask in the shell or the supervisor"),
        (
            stock.executable.is_some(),
            "--executable",
            "the worker stays in the interpreter it was started with",
        ),
        (stock.pool_start_method.is_some(), "--pool-start-method", "there are no child processes to start"),
    ];
    given
        .into_iter()
        .filter(|(is_given, ..)| *is_given)
        .map(|(_, option, instead)| format!("{option} is accepted but has no effect: {instead}."))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::{Command, Parsed, parse};

    #[test]
    fn one_line_for_each_option_that_was_given() {
        let Parsed::Command(cli) = parse(["worker-cli", "worker", "-P", "prefork", "-B"]) else {
            panic!("not read")
        };
        let Command::Worker(options) = cli.command else { panic!("not a worker") };
        let lines = super::unsupported(&options);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("-P is accepted but has no effect: "), "{lines:?}");
    }
}
