//! Tables that a command keeps in a document.

use anyhow::{Context, Result, bail};
use celery_oxide_tests::paths;

/// A part of a document that a command writes: between `<!-- MARK: begin -->` and `<!-- MARK: end -->`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// The document, from the root of the workspace.
    pub(crate) file: &'a str,
    pub(crate) mark: &'a str,
    /// The title of a document that is not there yet.
    pub(crate) title: &'a str,
    /// The heading of a part that is not there yet.
    pub(crate) heading: &'a str,
}

impl Record<'_> {
    /// Puts `text` between the marks, or at the end where there are none.
    pub(crate) fn keep(&self, text: &str) -> Result<()> {
        let path = paths::workspace().join(self.file);
        let document = match path.exists() {
            true => std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", self.file))?,
            false => format!("# {}\n", self.title),
        };
        let document = self.put(&document, text)?;
        std::fs::write(&path, document).with_context(|| format!("cannot write {}", self.file))
    }

    fn put(&self, document: &str, text: &str) -> Result<String> {
        let (begin, end) = (format!("<!-- {}: begin -->", self.mark), format!("<!-- {}: end -->", self.mark));
        let marked = format!("{begin}\n\n{text}\n\n{end}");
        match (document.find(&begin), document.find(&end)) {
            (Some(from), Some(to)) if from < to => {
                Ok(format!("{}{marked}{}", &document[..from], &document[to + end.len()..]))
            }
            (None, None) => Ok(format!("{}\n\n## {}\n\n{marked}\n", document.trim_end(), self.heading)),
            _ => bail!("{} has one of the marks {begin} and {end} without the other", self.file),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: Record<'_> = Record { file: "x.md", mark: "m", title: "Title", heading: "Part" };

    #[test]
    fn a_part_is_added_once_and_then_replaced() -> Result<()> {
        let first = RECORD.put("# Title\n\nSaid by hand.\n", "one")?;
        assert_eq!(
            first,
            "# Title\n\nSaid by hand.\n\n## Part\n\n<!-- m: begin -->\n\none\n\n<!-- m: end -->\n"
        );
        assert_eq!(RECORD.put(&first, "two")?, first.replace("one", "two"));
        assert!(RECORD.put("<!-- m: begin -->", "x").is_err());
        Ok(())
    }
}
