//! `matches artifact`: runs unasked. What came back is what the artifact's own bytes hold: every table with all its rows,
//! and every object by its name.
//!
//! Tables that the artifact holds no data for (`--schema-only`, `--exclude-table-data`) are fine as long as they are empty. Rows
//! in them, and more rows than the artifact holds, came from the dump's own triggers or statements: a warning, because nothing is lost.

use super::drift::UNCOUNTED;
use super::{Outcome, Status};
use crate::census::{Census, Difference, Inventory, compare};
use crate::scenario::MatchesCheck;
use crate::units::grouped;
use std::collections::{BTreeMap, BTreeSet};

/// The name of the check on the counts.
pub const ROWS: &str = "matches artifact";
/// The name of the check on the objects.
pub const OBJECTS: &str = "everything restored";
/// Counted after a restore, and never in an artifact: their rows are computed.
const COMPUTED: &str = "materialized_views";
/// So many findings are listed.
const MOST_LISTED: usize = 50;

/// Compares the counts of every group, by name.
#[must_use]
pub fn rows(check: &MatchesCheck, artifact: &Census, restored: &Census) -> Outcome {
    let takes_part = |name: &str| {
        !check.except.iter().any(|glob| glob.is_match(name))
            && ![UNCOUNTED, COMPUTED].iter().any(|kind| restored.has_member(kind, name))
    };
    let mut differ: Vec<Difference> = compare(artifact, restored);
    differ.retain(|difference| takes_part(&difference.name) && (difference.left.is_some() || difference.right != Some(0)));
    let mut findings = apart_by_tree(&differ, artifact, restored);
    findings.sort_by_key(|finding| (finding.0 != Status::Fail, std::cmp::Reverse(finding.1)));
    let compared = artifact.groups.iter().filter(|group| takes_part(&group.name));
    let (groups, members) = compared.fold((0, 0), |(groups, members), group| (groups + 1, members + group.count));
    let counted_in = &restored.counted_in;
    let expected = format!("{} {counted_in} in {} {}", grouped(members), grouped(groups), restored.groups_are);
    let measured = format!("{} of the {} {} differ", findings.len(), grouped(groups), restored.groups_are);
    let mut lines = findings.iter().map(|(_, _, text)| text.clone());
    let outcome = match (findings.first(), findings.len()) {
        (None, _) => {
            let message = format!("{expected} came back, as many as the artifact holds");
            Outcome::new(ROWS, Status::Pass, message)
        }
        (Some((status, _, text)), 1) => Outcome::new(ROWS, *status, text.clone()),
        (Some((status, _, text)), more) => {
            let listed: Vec<String> = lines.by_ref().take(MOST_LISTED).collect();
            Outcome::new(ROWS, *status, format!("{text} (and {} more)", more - 1)).evidence(listed)
        }
    };
    let outcome = if restored.counted_in == "rows" { hinted(outcome) } else { outcome };
    outcome.values(measured, expected)
}

fn hinted(outcome: Outcome) -> Outcome {
    match outcome.status {
        Status::Fail => outcome.hint(
            "The restore said nothing of it, so the tool or the dump loses rows. Where a trigger of the dump makes or removes rows, leave its \
             table out: `checks: [{ matches: { against: artifact, except: [...] } }]`.",
        ),
        Status::Warn => outcome.hint(
            "A trigger or a statement of the dump makes them. If it should, leave the table out: \
             `checks: [{ matches: { against: artifact, except: [...] } }]`.",
        ),
        _ => outcome,
    }
}

/// How bad, how much, and in words.
type Finding = (Status, u64, String);

/// What the differences mean. Rows may have changed places within a tree of partitions: with `--load-via-partition-root` they all
/// stand at its root. Where a tree holds as many rows in all, nothing is lost.
fn apart_by_tree(differ: &[Difference], artifact: &Census, restored: &Census) -> Vec<Finding> {
    let (left, right) = (sums(artifact, &artifact.partitions), sums(restored, &artifact.partitions));
    let sum = |sums: &BTreeMap<&str, u64>, root: &str| sums.get(root).copied().unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for difference in differ {
        let root = root(&difference.name, &artifact.partitions);
        let of_a_tree =
            artifact.partitions.contains_key(&difference.name) || artifact.partitions.values().any(|parent| parent == root);
        // What stands at the root says nothing of the single leaf.
        let by_leaf = !of_a_tree || artifact.group(root).is_none();
        let (left, right) = (sum(&left, root), sum(&right, root));
        if of_a_tree && left == right {
            continue;
        }
        if by_leaf {
            findings.push(finding(&difference.name, difference.left, difference.right, artifact));
        } else if seen.insert(root) {
            findings.push(finding(&format!("{root} with its partitions"), Some(left), Some(right), artifact));
        }
    }
    findings
}

fn finding(name: &str, left: Option<u64>, right: Option<u64>, artifact: &Census) -> Finding {
    let what = &artifact.counted_in;
    let (left, right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        (Some(left), None) => {
            return (
                Status::Fail,
                u64::MAX,
                format!("{name} did not come back: the artifact holds {} {what} of it", grouped(left)),
            );
        }
        (None, right) => {
            let right = right.unwrap_or_default();
            let text = format!("{name} has {} {what}, and the artifact holds none of it", grouped(right));
            return (Status::Warn, right, text);
        }
    };
    let (more, word) = if right < left { (left - right, "fewer") } else { (right - left, "more") };
    let text = format!(
        "{name} came back with {} {what}, {} {word} than the {} in the artifact",
        grouped(right),
        grouped(more),
        grouped(left)
    );
    // Rows that a trigger of the dump adds are no loss; rows that stand there twice the dump's own keys refuse.
    let status = if right < left { Status::Fail } else { Status::Warn };
    (status, more, text)
}

/// The root of the tree that a group belongs to; itself when it is no partition. A loop, which no server makes, ends.
fn root<'a>(name: &'a str, parents: &'a BTreeMap<String, String>) -> &'a str {
    let mut at = name;
    for _ in 0..parents.len() {
        match parents.get(at) {
            Some(parent) => at = parent,
            None => break,
        }
    }
    at
}

fn sums<'a>(census: &'a Census, parents: &'a BTreeMap<String, String>) -> BTreeMap<&'a str, u64> {
    let mut sums = BTreeMap::new();
    for group in &census.groups {
        *sums.entry(root(&group.name, parents)).or_default() += group.count;
    }
    sums
}

/// Compares the objects that the artifact names, kind by kind, with those that came back.
#[must_use]
pub fn objects(artifact: &Census, restored: &Census) -> Outcome {
    let mut missing = Vec::new();
    let mut compared = 0;
    for kind in &artifact.inventory {
        let Some(there) = restored.kind(&kind.kind) else { continue };
        compared += kind.count;
        missing.extend(missing_of(kind, there));
    }
    let measured = format!("{} missing of {}", grouped(missing.len() as u64), grouped(compared));
    let outcome = match missing.as_slice() {
        [] => Outcome::new(OBJECTS, Status::Pass, format!("all {} objects that the artifact names came back", grouped(compared))),
        [one] => Outcome::new(OBJECTS, Status::Fail, format!("{one} did not come back")),
        [first, ..] => {
            let more = missing.len().saturating_sub(MOST_LISTED);
            let last = (more > 0).then(|| format!("and {more} more"));
            let message = format!("{first} did not come back (and {} more)", missing.len() - 1);
            Outcome::new(OBJECTS, Status::Fail, message).evidence(missing.iter().take(MOST_LISTED).cloned().chain(last))
        }
    };
    let outcome = outcome.values(measured, "all that the artifact names");
    match outcome.status {
        Status::Pass => outcome,
        _ => {
            outcome.hint("Look at what the restore complained of: what these objects need is missing, or the dump leaves it out.")
        }
    }
}

fn missing_of(kind: &Inventory, there: &Inventory) -> Vec<String> {
    if !(kind.is_named() && there.is_named()) {
        let fewer = kind.count.saturating_sub(there.count);
        return (fewer > 0).then(|| format!("{} of {} {}", grouped(fewer), grouped(kind.count), kind.kind)).into_iter().collect();
    }
    let there = there.names();
    let missing = kind.members.iter().filter(|name| !there.contains(name.as_str()));
    missing.map(|name| format!("{}: {name}", kind.kind)).collect()
}

/// The artifact's census was asked for and cannot be had. Never green.
#[must_use]
pub fn not_compared() -> Outcome {
    Outcome::new(ROWS, Status::Skipped, "skipped, because the artifact's own bytes do not tell what it holds")
        .hint("Leave `matches` out: it is checked unasked wherever it can be.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::Vantage;
    use crate::check::tests::census;

    fn judged(artifact: &[(&str, u64)], restored: &[(&str, u64)]) -> Outcome {
        let artifact = Census { vantage: Vantage::Artifact, ..census(artifact) };
        rows(&MatchesCheck::default(), &artifact, &census(restored))
    }

    fn kind(kind: &str, members: &[&str]) -> Inventory {
        let members: Vec<String> = members.iter().map(|name| (*name).to_owned()).collect();
        Inventory { kind: kind.into(), count: members.len() as u64, members, named_by: 0 }
    }

    #[test]
    fn every_row_counts_in_both_directions() {
        let held = [("public.a", 3), ("public.b", 0)];
        assert_eq!(judged(&held, &held).status, Status::Pass);
        let fewer = judged(&held, &[("public.a", 2), ("public.b", 0)]);
        assert_eq!(fewer.status, Status::Fail);
        assert_eq!(fewer.message, "public.a came back with 2 rows, 1 fewer than the 3 in the artifact");
        let more = judged(&held, &[("public.a", 3), ("public.b", 1)]);
        assert_eq!((more.status, more.evidence.len()), (Status::Warn, 0));
        let gone = judged(&held, &[("public.a", 1)]);
        assert_eq!(gone.message, "public.b did not come back: the artifact holds 0 rows of it (and 1 more)");
        assert_eq!(gone.evidence.len(), 2);
    }

    #[test]
    fn tables_without_data_in_the_dump_may_be_empty_and_rows_in_them_warn() {
        let held = [("public.a", 3)];
        assert_eq!(judged(&held, &[("public.a", 3), ("public.log", 0)]).status, Status::Pass);
        let made = judged(&held, &[("public.a", 3), ("public.log", 2)]);
        assert_eq!(made.status, Status::Warn);
        assert_eq!(made.message, "public.log has 2 rows, and the artifact holds none of it");
    }

    #[test]
    fn what_is_computed_or_belongs_to_others_takes_no_part() {
        let artifact = Census { vantage: Vantage::Artifact, ..census(&[("public.a", 3), ("x.config", 1), ("public.busy", 1)]) };
        let mut restored = census(&[("public.a", 3), ("public.totals", 7), ("public.busy", 2)]);
        restored.inventory = vec![kind("materialized_views", &["public.totals"]), kind(UNCOUNTED, &["x.config"])];
        assert_eq!(rows(&MatchesCheck::default(), &artifact, &restored).status, Status::Warn);
        let except = vec![globset::Glob::new("public.bu*").expect("glob").compile_matcher()];
        assert_eq!(rows(&MatchesCheck { except }, &artifact, &restored).status, Status::Pass);
    }

    #[test]
    fn a_tree_of_partitions_is_compared_by_its_sum() {
        let tree = |groups: &[(&str, u64)]| {
            let mut census = Census { vantage: Vantage::Artifact, ..census(groups) };
            for (child, parent) in [("p.m1", "p.year"), ("p.m2", "p.year"), ("p.year", "p.all")] {
                census.partitions.insert(child.into(), parent.into());
            }
            census
        };
        let judge = |artifact: &Census, restored: &[(&str, u64)]| rows(&MatchesCheck::default(), artifact, &census(restored));
        let at_root = tree(&[("p.all", 5)]);
        assert_eq!(judge(&at_root, &[("p.m1", 2), ("p.m2", 3)]).status, Status::Pass);
        let lost = judge(&at_root, &[("p.m1", 2), ("p.m2", 2)]);
        assert_eq!(lost.message, "p.all with its partitions came back with 4 rows, 1 fewer than the 5 in the artifact");
        let by_leaf = tree(&[("p.m1", 2), ("p.m2", 3)]);
        assert_eq!(judge(&by_leaf, &[("p.m1", 3), ("p.m2", 2)]).status, Status::Pass);
        assert!(judge(&by_leaf, &[("p.m1", 2), ("p.m2", 2)]).message.starts_with("p.m2 came back with 2 rows, 1 fewer"));
        let mut loop_of_parents = tree(&[("p.m1", 2)]);
        loop_of_parents.partitions.insert("p.all".into(), "p.m1".into());
        assert_eq!(judge(&loop_of_parents, &[("p.m1", 1)]).status, Status::Fail);
    }

    #[test]
    fn objects_that_did_not_come_back_are_named_by_kind() {
        let mut artifact = census(&[]);
        artifact.inventory = vec![
            kind("extensions", &["hstore", "postgis"]),
            kind("indexes", &["public.a_idx", "public.b_idx"]),
            Inventory { kind: "large_objects".into(), count: 3, members: Vec::new(), named_by: 0 },
            kind("rules", &["public.r"]),
        ];
        let mut restored = census(&[]);
        restored.inventory = vec![
            kind("extensions", &["hstore"]),
            kind("indexes", &["public.a_idx", "public.b_idx", "public.c_idx"]),
            Inventory { kind: "large_objects".into(), count: 3, members: Vec::new(), named_by: 0 },
        ];
        assert_eq!(objects(&artifact, &restored).message, "extensions: postgis did not come back");
        restored.inventory[0] = kind("extensions", &["hstore", "postgis"]);
        assert_eq!(objects(&artifact, &restored).message, "all 7 objects that the artifact names came back");
        restored.inventory[1] = kind("indexes", &["public.a_idx"]);
        restored.inventory[2].count = 1;
        let outcome = objects(&artifact, &restored);
        assert_eq!(outcome.message, "indexes: public.b_idx did not come back (and 1 more)");
        assert_eq!(outcome.evidence, ["indexes: public.b_idx", "2 of 3 large_objects"]);
    }
}
