//! `something restored`: runs unasked. A tool that ends well and restores nothing has proven nothing.

use super::{Outcome, Status};
use crate::census::Census;

/// The name of this check in reports.
pub const NAME: &str = "something restored";

/// Passes when at least one group holds at least one member, or when the scenario allows an empty backup.
#[must_use]
pub fn judge(census: &Census, allow_empty: bool) -> Outcome {
    let measured = census.summary();
    let expected = format!("some {}", census.counted_in);
    let outcome = if census.total() > 0 {
        Outcome::new(NAME, Status::Pass, format!("{measured} came back"))
    } else if allow_empty {
        Outcome::new(NAME, Status::Pass, "restore mechanics verified; the backup is empty, which this scenario allows")
    } else {
        Outcome::new(NAME, Status::Fail, format!("the restore ended well and brought back no {}", census.counted_in))
            .hint("If this database really is empty, say `allow_empty: true`.")
    };
    outcome.values(measured, expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::census;

    #[test]
    fn empty_tables_are_nothing() {
        assert_eq!(judge(&census(&[("a.b", 1)]), false).status, Status::Pass);
        assert_eq!(judge(&census(&[("a.b", 0)]), false).status, Status::Fail);
        assert_eq!(judge(&census(&[]), false).status, Status::Fail);
    }

    #[test]
    fn allowed_emptiness_passes_with_its_note() {
        let outcome = judge(&census(&[]), true);
        assert_eq!(outcome.status, Status::Pass);
        assert!(outcome.message.starts_with("restore mechanics verified"));
    }
}
