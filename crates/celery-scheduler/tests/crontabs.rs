//! What holds for every crontab, against each minute looked at by itself; and when clocks are set.

use std::time::{Duration, SystemTime};

use celery_scheduler::{Crontab, Schedule, Zone, parse_timestamp};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const ZONES: [&str; 5] =
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"];
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

fn moment(text: &str) -> SystemTime {
    parse_timestamp(text).expect("a moment")
}

/// The runs of a crontab after a moment.
fn runs(crontab: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let zoned: Crontab =
        crontab.parse::<Crontab>().expect("a crontab").in_zone(Zone::named(zone).expect("a zone"));
    let next = |last: &SystemTime| zoned.next_after(*last);
    let runs = std::iter::successors(zoned.next_after(moment(after)), next).take(count);
    let zone = TimeZone::get(zone).expect("a zone");
    let local = |run: SystemTime| Timestamp::try_from(run).expect("a timestamp").to_zoned(zone.clone());
    runs.map(|run| local(run).strftime("%d %H:%M %z").to_string()).collect()
}

/// A field of single numbers and ranges, and the numbers that it stands for.
fn field(lowest: i8, highest: i8) -> impl Strategy<Value = (String, Vec<i8>)> {
    let all: Vec<i8> = (lowest..=highest).collect();
    let parts = prop::collection::vec((lowest..=highest, lowest..=highest, 1_usize..9), 1..3);
    prop_oneof![
        Just(("*".to_owned(), all)),
        (lowest..=highest).prop_map(|number| (number.to_string(), vec![number])),
        parts.prop_map(move |parts| {
            let text: Vec<String> =
                parts.iter().map(|(from, to, step)| format!("{from}-{to}/{step}")).collect();
            let numbers = parts.into_iter().flat_map(|(from, to, step)| {
                let length = if to < from { highest - lowest + 1 } else { 0 } + to - from;
                let wrapped =
                    move |number: i8| if number > highest { number - (highest - lowest + 1) } else { number };
                (0..=length).step_by(step).map(move |over| wrapped(from + over))
            });
            (text.join(","), numbers.collect())
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_run_is_the_first_time_that_fits(
        minute in field(0, 59), hour in field(0, 23), weekday in field(0, 6), day in field(1, 31),
        zone in 0..ZONES.len(),
        // Of 2025, down to the microsecond.
        last in 1_735_689_600_000_000_i64..1_767_225_600_000_000,
    ) {
        let spec = format!("{} {} {} * {}", minute.0, hour.0, day.0, weekday.0);
        let crontab = spec.parse::<Crontab>().unwrap().in_zone(Zone::named(ZONES[zone]).unwrap());
        let zone = TimeZone::get(ZONES[zone]).unwrap();
        let last = Timestamp::from_microsecond(last).unwrap();
        let next = Timestamp::try_from(crontab.next_after(last.into()).unwrap()).unwrap();
        prop_assert!(next > last);

        let fits = |shown: jiff::civil::DateTime| {
            minute.1.contains(&shown.minute()) && hour.1.contains(&shown.hour()) && day.1.contains(&shown.day())
                && weekday.1.contains(&shown.weekday().to_sunday_zero_offset())
        };
        // A time that is shown for the second time has run.
        let runs = |at: Timestamp| {
            let shown = zone.to_datetime(at);
            fits(shown) && zone.to_ambiguous_timestamp(shown).compatible().unwrap() == at
        };
        let skipped = |at: Timestamp| {
            // The clocks of the day before, which were not set yet.
            let before = zone.to_offset(at - SignedDuration::from_hours(2));
            let shown = before.to_datetime(at);
            fits(shown) && matches!(zone.to_ambiguous_timestamp(shown).offset(), AmbiguousOffset::Gap { .. })
        };
        prop_assert!(runs(next) || skipped(next), "{spec}: {next} does not fit");
        prop_assert_eq!(next.as_microsecond() % 60_000_000, 0);
        // Two weeks, minute by minute.
        let mut at = Timestamp::from_second(last.as_second().div_euclid(60) * 60).unwrap() + MINUTE;
        for _ in 0..20_160 {
            if at >= next {
                break;
            }
            prop_assert!(!runs(at), "{spec}: {at} fits, before {next}");
            at += MINUTE;
        }
    }

    #[test]
    fn anything_is_read_or_refused(text in "[0-9a-z*,/ -]{0,24}") {
        let Ok(crontab) = text.parse::<Crontab>() else { return Ok(()) };
        prop_assert_eq!(crontab.to_string().parse::<Crontab>(), Ok(crontab.clone()));
        prop_assert!(crontab.next_after(moment("2026-01-01T00:00:00Z")).is_some());
    }
}

#[test]
fn a_skipped_time_is_as_much_later() {
    let before = "2025-03-29T12:00:00Z";
    assert_eq!(runs("30 2 * * *", "Europe/Berlin", before, 2), ["30 03:30 +0200", "31 02:30 +0200"]);
    // Of several the first.
    assert_eq!(runs("*/15 2 * * *", "Europe/Berlin", before, 2), ["30 03:00 +0200", "31 02:00 +0200"]);
    assert_eq!(
        runs("30 1-3 * * *", "Europe/Berlin", before, 3),
        ["30 01:30 +0100", "30 03:30 +0200", "31 01:30 +0200"]
    );
    // None when another is before it.
    assert_eq!(
        runs("29,35 2 * * *", "Australia/Lord_Howe", "2025-10-04T12:00:00Z", 2),
        ["05 02:35 +1100", "06 02:29 +1100"]
    );
    // The day has no midnight.
    assert_eq!(
        runs("0 0 * * *", "Africa/Cairo", "2025-04-24T12:00:00Z", 2),
        ["25 01:00 +0300", "26 00:00 +0300"]
    );
}

#[test]
fn a_time_that_is_shown_twice_runs_once() {
    assert_eq!(
        runs("30 2 * * *", "Europe/Berlin", "2025-10-25T12:00:00Z", 2),
        ["26 02:30 +0200", "27 02:30 +0100"]
    );
    // The hour between is the one that is shown again.
    assert_eq!(
        runs("*/30 * * * *", "Europe/Berlin", "2025-10-26T00:00:00Z", 3),
        ["26 02:30 +0200", "26 03:00 +0100", "26 03:30 +0100"]
    );
    // Begun within it.
    assert_eq!(runs("*/30 * * * *", "Europe/Berlin", "2025-10-26T01:10:00Z", 1), ["26 03:00 +0100"]);
}

#[test]
fn a_day_that_a_zone_has_left_out_is_no_trouble() {
    // Samoa went from 29 to 31 December 2011.
    assert_eq!(
        runs("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", 3),
        ["29 12:00 -1000", "31 12:00 +1400", "01 12:00 +1400"]
    );
}

#[test]
fn rare_days_are_found_and_the_end_of_the_calendar_too() {
    // There is no 29 February in 2100.
    assert_eq!(runs("0 0 29 feb mon", "UTC", "2088-03-01T00:00:00Z", 1), ["29 00:00 +0000"]);
    let yearly: Crontab = "0 0 1 jan *".parse().unwrap();
    assert_eq!(yearly.next_after(moment("9999-06-01T00:00:00Z")), None);
}

#[test]
fn what_is_wrong_is_said() {
    for (spec, wanted) in [
        (
            "* * *",
            "\"* * *\" is no crontab: it has 3 fields instead of five, minute hour day_of_month month_of_year day_of_week",
        ),
        ("60 * * * *", "crontab: minute \"60\": \"60\" is not 0 to 59"),
        ("* * * * 7", "crontab: day_of_week \"7\": \"7\" is not 0 to 6 or sun to sat"),
        (
            "* * * january-mai *",
            "crontab: month_of_year \"january-mai\": \"mai\" is not 1 to 12 or jan to dec",
        ),
        ("5/15 * * * *", "crontab: minute \"5/15\": a step follows a range, as in 5-59/2, or *"),
        ("*/0 * * * *", "crontab: minute \"*/0\": a step is a number above 0"),
        ("1,,2 * * * *", "crontab: minute \"1,,2\": there is nothing before or after a comma"),
        ("* * 31 2,4,6,9,11 *", "crontab: day_of_month 31 never occurs in month_of_year 2,4,6,9,11"),
    ] {
        assert_eq!(spec.parse::<Crontab>().unwrap_err().to_string(), wanted);
    }
    assert!("* * 31 nov-jan *".parse::<Crontab>().is_ok());
    assert!(Crontab::new().minute(Duration::from_secs(1).as_secs()).is_ok());
}
