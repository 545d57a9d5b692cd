//! Lists of names: which are gone, which are new, and which stand for something else.

use super::tolerance::{allowed, of_names, share};
use super::{CHANGED, Drift, Finding, shown, vanished};
use crate::check::Outcome;
use crate::scenario::Against;
use crate::units::grouped;
use std::collections::BTreeSet;

/// Names of one kind, from both sides.
pub(super) struct Names<'a> {
    pub of: &'a str,
    pub left: BTreeSet<&'a str>,
    pub right: BTreeSet<&'a str>,
    /// As in [`Inventory::named_by`](crate::census::Inventory::named_by).
    pub named_by: usize,
}

/// How two lists of names differ. What was changed is neither gone nor new: it counts once.
struct Apart {
    gone: Vec<String>,
    new: Vec<String>,
    changed: Vec<Changed>,
}

/// One name whose content is another.
struct Changed {
    name: String,
    /// Its contents to the left and to the right, where they may be told.
    contents: Option<(String, String)>,
}

impl Drift<'_> {
    /// Compares names. `drop` judges those that are gone, `growth` those that are new, `change` these and the changed ones together;
    /// without a tolerance each name that is gone or changed counts like a group that is gone.
    pub(super) fn names(mut self, names: &Names<'_>) -> Outcome {
        let of = names.of;
        let (before, after) = (self.compared(&names.left), self.compared(&names.right));
        let apart = self.apart(&before, &after, names.named_by);
        let Apart { gone, new, changed } = &apart;
        let count = |names: &[String]| names.len() as u64;
        let (fewer, more, other) = (count(gone), count(new), changed.len() as u64);
        let status = match self.check.tolerances {
            Some(tolerances) => of_names(before.len() as u64, fewer, more, other, tolerances),
            None if gone.is_empty() && changed.is_empty() => None,
            None => vanished(self.check.vanished),
        };
        let said = self.said(of, &apart);
        self.told.extend(told(&apart, self.words(), self.left_is));
        if let Some(status) = status {
            self.findings.push(Finding { status, size: fewer.max(more).max(other), text: said.clone() });
        }
        if of == self.right.groups_are {
            self.unreadable();
        }
        let all = fewer + more + other;
        let passed =
            if all == 0 { format!("the same {} {of} as in {}", grouped(after.len() as u64), self.left_is) } else { said };
        let (missing, extra) = self.words();
        let also = if other == 0 { String::new() } else { format!(", {other} changed") };
        let measured = format!("{fewer} {missing}, {more} {extra}{also} ({})", shown(share(all, before.len() as u64)));
        let expected = match self.check.tolerances {
            Some(tolerances) => allowed(tolerances),
            None => vanished(self.check.vanished).map(|_| format!("none {missing}")),
        };
        self.outcome(passed, &measured, expected)
    }

    fn compared<'n>(&self, names: &BTreeSet<&'n str>) -> BTreeSet<&'n str> {
        names.iter().filter(|name| self.takes_part(name)).copied().collect()
    }

    fn apart(&self, left: &BTreeSet<&str>, right: &BTreeSet<&str>, named_by: usize) -> Apart {
        let mut new: BTreeSet<(String, String)> = right.difference(left).map(|name| split(name, named_by)).collect();
        let (mut gone, mut changed) = (Vec::new(), Vec::new());
        for name in left.difference(right) {
            let (key, before) = split(name, named_by);
            let other =
                new.range((key.clone(), String::new())..).next().filter(|(other, _)| named_by > 0 && *other == key).cloned();
            match other.and_then(|other| new.take(&other)) {
                Some((name, after)) => changed.push(Changed { name, contents: Some((before, after)) }),
                None => gone.push((*name).to_owned()),
            }
        }
        let noted = self.left.kind(CHANGED).into_iter().flat_map(|kind| &kind.members);
        let noted = noted.filter(|name| left.contains(name.as_str()) && right.contains(name.as_str()));
        changed.extend(noted.map(|name| Changed { name: name.clone(), contents: None }));
        let new = new.into_iter().map(|(name, content)| if named_by == 0 { name } else { format!("{name} {content}") }).collect();
        Apart { gone, new, changed }
    }

    /// What is only to the left, and what is only to the right: the last good run was before, the live system is beside.
    const fn words(&self) -> (&'static str, &'static str) {
        match self.check.against {
            Against::LastGood => ("gone", "new"),
            Against::Live => ("missing", "extra"),
        }
    }

    /// `of the indexes, 2 are gone (a, b), 1 is new (c), beside the last good run`.
    fn said(&self, of: &str, apart: &Apart) -> String {
        let some = |names: Vec<&str>, word: &str| {
            let more = if names.len() > 3 { ", ..." } else { "" };
            let verb = if names.len() == 1 { "is" } else { "are" };
            let first: Vec<&str> = names.iter().take(3).copied().collect();
            (!names.is_empty()).then(|| format!("{} {verb} {word} ({}{more})", names.len(), first.join(", ")))
        };
        let (missing, extra) = self.words();
        let parts = [
            some(apart.gone.iter().map(String::as_str).collect(), missing),
            some(apart.new.iter().map(String::as_str).collect(), extra),
            some(apart.changed.iter().map(|changed| changed.name.as_str()).collect(), "changed"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!("of the {of}, {}, beside {}", parts.join(", "), self.left_is)
    }
}

/// One line for each name.
fn told(apart: &Apart, (missing, extra): (&str, &str), left_is: &str) -> Vec<String> {
    let gone = apart.gone.iter().map(|name| format!("{missing}: {name}"));
    let new = apart.new.iter().map(|name| format!("{extra}: {name}"));
    let changed = apart.changed.iter().map(|Changed { name, contents }| match contents {
        Some((left, right)) => format!("changed: {name}, {left} in {left_is}, {right} came back"),
        None => format!("changed: {name}"),
    });
    gone.chain(new).chain(changed).collect()
}

/// What names a member, and its content.
fn split(member: &str, named_by: usize) -> (String, String) {
    let mut at = member.match_indices(' ').map(|(at, _)| at);
    match named_by.checked_sub(1).and_then(|before| at.nth(before)) {
        Some(at) => (member[..at].to_owned(), member[at + 1..].to_owned()),
        None => (member.to_owned(), String::new()),
    }
}
