//! Lists of names: which are gone, which are new.

use super::tolerance::{allowed, of_names, share};
use super::{Drift, Finding, shown, vanished};
use crate::check::Outcome;
use crate::units::grouped;
use std::collections::BTreeSet;

impl Drift<'_> {
    /// Compares names. `drop` judges those that are gone, `growth` those that are new, `change` both together; without a
    /// tolerance each name that is gone counts like a group that is.
    pub(super) fn names(mut self, of: &str, left: &BTreeSet<&str>, right: &BTreeSet<&str>) -> Outcome {
        let compared = |names: &BTreeSet<&str>| -> BTreeSet<String> {
            names.iter().filter(|name| self.takes_part(name)).map(|name| (*name).to_owned()).collect()
        };
        let (left, right) = (compared(left), compared(right));
        let gone: Vec<&String> = left.difference(&right).collect();
        let new: Vec<&String> = right.difference(&left).collect();
        let count = |names: &[&String]| names.len() as u64;
        let status = match self.check.tolerances {
            Some(tolerances) => of_names(left.len() as u64, count(&gone), count(&new), tolerances),
            None if gone.is_empty() => None,
            None => vanished(self.check.vanished),
        };
        let said = said(of, &gone, &new, self.left_is);
        self.told.extend(gone.iter().map(|name| format!("gone: {name}")));
        self.told.extend(new.iter().map(|name| format!("new: {name}")));
        if let Some(status) = status {
            self.findings.push(Finding { status, size: count(&gone).max(count(&new)), text: said.clone() });
        }
        if of == self.right.groups_are {
            self.unreadable();
        }
        let passed = if gone.is_empty() && new.is_empty() {
            format!("the same {} {of} as in {}", grouped(right.len() as u64), self.left_is)
        } else {
            said
        };
        let measured =
            format!("{} gone, {} new ({})", gone.len(), new.len(), shown(share(count(&gone) + count(&new), left.len() as u64)));
        let expected = match self.check.tolerances {
            Some(tolerances) => allowed(tolerances),
            None => vanished(self.check.vanished).map(|_| "none gone".to_owned()),
        };
        self.outcome(passed, &measured, expected)
    }
}

/// `2 of the indexes in the live system are gone (a, b), 1 is new (c)`.
fn said(of: &str, gone: &[&String], new: &[&String], left_is: &str) -> String {
    let some = |names: &[&String], word: &str| {
        let named: Vec<&str> = names.iter().take(3).map(|name| name.as_str()).collect();
        let more = if names.len() > 3 { ", ..." } else { "" };
        let verb = if names.len() == 1 { "is" } else { "are" };
        (!names.is_empty()).then(|| format!("{} {verb} {word} ({}{more})", names.len(), named.join(", ")))
    };
    let parts: Vec<String> = [some(gone, "gone"), some(new, "new")].into_iter().flatten().collect();
    format!("of the {of}, {}, beside {left_is}", parts.join(", "))
}
