//! `indexes`: the named indexes of a group came back. A collection without its unique index takes what it must not.

use super::{Outcome, Status};
use crate::census::Census;
use crate::report::text::counted;
use crate::scenario::IndexesCheck;

/// The name of this check in reports.
#[must_use]
pub fn name(check: &IndexesCheck) -> String {
    format!("indexes {}", check.of)
}

/// Looks for each index among those that the census names.
#[must_use]
pub fn judge(check: &IndexesCheck, census: &Census) -> Outcome {
    let there: Vec<&str> =
        census.inventory.iter().filter(|i| i.kind == "indexes").flat_map(|i| &i.members).map(String::as_str).collect();
    let has = |name: &&String| there.contains(&format!("{}.{name}", check.of).as_str());
    let missing: Vec<String> = check.names.iter().filter(|name| !has(name)).map(|name| format!("`{name}`")).collect();
    let (found, all) = (check.names.len() - missing.len(), check.names.len());
    let outcome = if missing.is_empty() {
        Outcome::new(name(check), Status::Pass, format!("{} came back", counted(all, "named index")))
    } else {
        let prefix = format!("{}.", check.of);
        let others = there.iter().filter_map(|member| member.strip_prefix(&prefix));
        let first = missing.first().map(|name| name.trim_matches('`')).unwrap_or_default();
        Outcome::new(name(check), Status::Fail, format!("{} did not come back with {}", missing.join(", "), check.of))
            .hint(super::did_you_mean(first, others))
    };
    outcome.values(found.to_string(), all.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::Inventory;
    use crate::check::tests::census;

    #[test]
    fn every_named_index_must_be_there() {
        let mut census = census(&[("shop.users", 3)]);
        let members = vec!["shop.users._id_".to_owned(), "shop.users.email_1".to_owned()];
        census.inventory = vec![Inventory { kind: "indexes".into(), count: 2, members, named_by: 0 }];
        let judged = |names: &[&str]| {
            judge(&IndexesCheck { of: "shop.users".into(), names: names.iter().map(ToString::to_string).collect() }, &census)
        };
        assert_eq!(judged(&["email_1", "_id_"]).status, Status::Pass);
        let lost = judged(&["email_1", "mail_1"]);
        assert_eq!((lost.status, lost.message.as_str()), (Status::Fail, "`mail_1` did not come back with shop.users"));
        assert!(lost.hint.is_some_and(|hint| hint.contains("`email_1`")));
    }
}
