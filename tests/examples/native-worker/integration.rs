//! The tasks of Celery's integration suite (`t/integration/tasks.py`), by the same names.

use celery_native::Tasks;

pub(crate) fn tasks() -> Tasks {
    Tasks::new()
}
