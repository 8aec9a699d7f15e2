//! Whether a task is revoked.

use celery_protocol::TaskHeaders;
use celery_protocol::control::Stamps;
use celery_scheduler::Revoked;

use crate::python_repr;

/// Why a task is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Revocation {
    /// By its id.
    Id,
    /// By a stamp, which is here as the log shows it.
    Stamp(String),
}

/// Why a task is revoked, if it is (`celery/worker/request.py: Request.revoked`).
pub(crate) fn revocation(revoked: &Revoked, headers: &TaskHeaders) -> Option<Revocation> {
    if revoked.is_empty() {
        return None;
    }
    if revoked.contains(&headers.id) {
        return Some(Revocation::Id);
    }
    let mut names = headers.stamped_headers.iter().flatten();
    names.find_map(|name| {
        let values = stamp_values(headers, name);
        let stamp = || python_repr::dict([(name.as_str(), python_repr::list(&values))]);
        revoked.contains_stamp(name, &values).then(stamp).map(Revocation::Stamp)
    })
}

/// The values of a stamp: strings as they are, other values as JSON.
pub(crate) fn stamp_values(headers: &TaskHeaders, name: &str) -> Vec<String> {
    let json = headers.stamps.iter().find(|(stamp, _)| stamp == name).map(|(_, json)| json.get());
    let stamps = json.filter(|json| *json != "null").and_then(Stamps::from_json);
    let stamps = stamps.as_ref().map_or(&[][..], Stamps::as_slice);
    stamps.iter().map(|stamp| stamp.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use celery_protocol::json::RawJson;

    use super::*;

    fn stamped(stamps: &[(&str, &str)]) -> TaskHeaders {
        let mut headers = TaskHeaders::new("app.add", "id");
        headers.stamped_headers = Some(stamps.iter().map(|(name, _)| (*name).to_owned()).collect());
        headers.stamps = stamps
            .iter()
            .map(|(name, json)| ((*name).to_owned(), RawJson::new(*json).expect("JSON")))
            .collect();
        headers
    }

    #[test]
    fn by_id_and_by_stamp() {
        let mut revoked = Revoked::default();
        let headers = stamped(&[("shop", r#"["a", "b"]"#), ("till", r#""7""#), ("none", "null")]);
        assert_eq!(revocation(&revoked, &headers), None);
        revoked.add_stamp("shop", "c");
        assert_eq!(revocation(&revoked, &headers), None);
        revoked.add_stamp("till", "7");
        assert_eq!(revocation(&revoked, &headers), Some(Revocation::Stamp("{'till': ['7']}".to_owned())));
        revoked.add("id", std::time::SystemTime::UNIX_EPOCH);
        assert_eq!(revocation(&revoked, &headers), Some(Revocation::Id));
    }
}
