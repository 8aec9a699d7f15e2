//! Periodic tasks: schedules, and a timetable of entries that are run by them.
//!
//! | file | what it knows |
//! |---|---|
//! | `schedule.rs` | what a schedule is |
//! | `every.rs` | intervals |
//! | `crontab.rs` | times of the day, on days of the week and of the month, in a time zone |
//! | `field.rs` | the grammar of one field of a crontab |
//! | `timetable.rs` | entries, and which of them is due |

mod crontab;
mod every;
mod field;
mod schedule;
mod timetable;

pub use crontab::Crontab;
pub use every::Every;
pub use schedule::Schedule;
pub use timetable::{Due, Entry, Timetable};
