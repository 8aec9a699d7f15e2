//! Schedules against those of Celery: `fixtures/periodic.py` wrote what it says.

use std::time::{Duration, SystemTime};

use celery_scheduler::{Crontab, Every, Schedule, Zone, parse_timestamp};
use serde::Deserialize;

#[derive(Deserialize)]
struct Said {
    /// Crontab, zone, last run, next run.
    crontabs: Vec<(String, String, String, String)>,
    /// Seconds, `relative`, zone, last run, next run.
    intervals: Vec<(u64, bool, String, String, String)>,
    /// The field, its text, the numbers that it stands for.
    fields: Vec<(String, String, Option<Vec<u32>>)>,
}

fn said() -> Said {
    serde_json::from_str(include_str!("../fixtures/periodic.json")).expect("the fixture")
}

fn zone(name: &str) -> Zone {
    Zone::named(name).expect("a zone")
}

fn moment(text: &str) -> SystemTime {
    parse_timestamp(text).expect("a moment")
}

#[test]
fn crontabs_run_when_celerys_do() {
    let cases = said().crontabs;
    assert!(cases.len() >= 500);
    for (spec, name, last, next) in &cases {
        let crontab: Crontab = spec.parse::<Crontab>().unwrap().in_zone(zone(name));
        assert_eq!(crontab.next_after(moment(last)), Some(moment(next)), "{spec} in {name} after {last}");
    }
}

#[test]
fn intervals_pass_as_celerys_do() {
    let cases = said().intervals;
    assert!(cases.len() >= 100);
    for (seconds, relative, name, last, next) in &cases {
        let mut every = Every::new(Duration::from_secs(*seconds));
        if *relative {
            every = every.on_the_clock(zone(name));
        }
        assert_eq!(every.next_after(moment(last)), Some(moment(next)), "{every:?} in {name} after {last}");
    }
}

/// The numbers that a field stands for, by the first run of each.
fn numbers(field: &str, text: &str) -> Option<Vec<u32>> {
    let (crontab, starts): (_, Vec<String>) = match field {
        "minute" => {
            (Crontab::new().minute(text), (0..60).map(|at| format!("2023-12-31T23:{at:02}:00Z")).collect())
        }
        "hour" => {
            (Crontab::new().hour(text), (0..24).map(|at| format!("2024-01-01T{at:02}:30:00Z")).collect())
        }
        "day_of_month" => (
            Crontab::new().day_of_month(text),
            (1..=31).map(|at| format!("2024-01-{at:02}T12:00:00Z")).collect(),
        ),
        "month_of_year" => (
            Crontab::new().month_of_year(text),
            (1..=12).map(|at| format!("2024-{at:02}-15T12:00:00Z")).collect(),
        ),
        // 2023-12-31 was a Sunday.
        _ => (
            Crontab::new().day_of_week(text),
            (0..7)
                .map(|at| {
                    format!(
                        "{}T12:00:00Z",
                        [
                            "2023-12-31",
                            "2024-01-01",
                            "2024-01-02",
                            "2024-01-03",
                            "2024-01-04",
                            "2024-01-05",
                            "2024-01-06"
                        ][at]
                    )
                })
                .collect(),
        ),
    };
    let crontab = crontab.ok()?;
    let lowest = u32::from(field == "day_of_month" || field == "month_of_year");
    let minute = Duration::from_secs(60);
    let fits = |start: &String| crontab.next_after(moment(start) - minute) == Some(moment(start));
    Some((lowest..).zip(&starts).filter(|(_, start)| fits(start)).map(|(number, _)| number).collect())
}

#[test]
fn fields_stand_for_the_numbers_that_celery_says() {
    let mut stricter = Vec::new();
    for (field, text, wanted) in said().fields {
        let ours = numbers(&field, &text);
        // A name where numbers are meant, and what follows the end of a part.
        if ours.is_none() && wanted.is_some() {
            stricter.push(format!("{field} {text}"));
            continue;
        }
        assert_eq!(ours, wanted, "{field} {text:?}");
    }
    let named = |field: &str| field.chars().any(char::is_alphabetic);
    let odd: Vec<&String> = stricter
        .iter()
        .filter(|refused| !refused.split_once(' ').is_some_and(|(_, text)| named(text)))
        .collect();
    assert_eq!(odd, [""; 0]);
}
