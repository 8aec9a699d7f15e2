//! Keeping the tables in docs/evidence.md.

use anyhow::{Context, Result, bail};
use celery_oxide_tests::paths;

use crate::campaign::report::Report;

/// Where the last table of each part is kept, between two marks.
const RECORD: &str = "docs/evidence.md";

/// Keeps the table of a part; `when` says when, and with which command.
pub(crate) fn keep(report: &Report, when: &str) -> Result<()> {
    let path = paths::workspace().join(RECORD);
    let text = match path.exists() {
        true => std::fs::read_to_string(&path).with_context(|| format!("cannot read {RECORD}"))?,
        false => "# Evidence\n".to_owned(),
    };
    let recorded = put(&text, report.part, &format!("{when}\n\n{}", report.table.text()))?;
    std::fs::write(&path, recorded).with_context(|| format!("cannot write {RECORD}"))
}

/// Puts `content` between the two marks of `part`, or at the end where there are none.
fn put(text: &str, part: &str, content: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- campaign {part}: begin -->"), format!("<!-- campaign {part}: end -->"));
    let marked = format!("{begin}\n\n{content}\n\n{end}");
    Ok(match (text.find(&begin), text.find(&end)) {
        (Some(start), Some(stop)) if start < stop => {
            format!("{}{marked}{}", &text[..start], &text[stop + end.len()..])
        }
        (None, None) => format!("{}\n\n{marked}\n", text.trim_end()),
        _ => bail!("{RECORD} has one of the marks {begin} and {end} without the other"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_place() -> Result<()> {
        let text = put("# Evidence\n", "a", "one")?;
        let text = put(&text, "b", "two")?;
        let text = put(&text, "a", "three")?;
        assert_eq!(
            text,
            "# Evidence\n\n<!-- campaign a: begin -->\n\nthree\n\n<!-- campaign a: end -->\n\n\
             <!-- campaign b: begin -->\n\ntwo\n\n<!-- campaign b: end -->\n"
        );
        assert!(put("<!-- campaign a: end -->", "a", "four").is_err());
        Ok(())
    }
}
