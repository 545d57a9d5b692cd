//! `drift`: how far what came back is from another vantage: the last good run, or the live system. The left-hand side is
//! the other vantage, the right-hand side what came back.
//!
//! All members together and each group by itself are judged by tolerances; a group that is gone is a finding of its own.
//! Lists of names (tables, indexes, record types, keys) are judged by which names are gone and which are new.

mod names;
mod tolerance;

use super::{Outcome, Status};
use crate::census::{Census, compare};
use crate::scenario::{Against, DriftCheck, Tolerances, Vanished};
use crate::units::{Percent, grouped};
use globset::GlobMatcher;
use names::Names;
use std::collections::BTreeSet;
use tolerance::{allowed, share, status};

/// Groups that one side could not count, by kinds of the inventory: nothing can be said of them.
const NOT_COUNTED: [&str; 2] = [UNCOUNTED, UNREADABLE];
/// Groups that belong to something else (an extension, a foreign server) and are not counted.
pub const UNCOUNTED: &str = "uncounted_tables";
/// Groups that the live system's role may not read.
pub const UNREADABLE: &str = "unreadable_tables";
/// Groups that are on both sides and hold something else, as far as the side that looked can tell without showing it.
pub const CHANGED: &str = "changed";
/// So many findings are listed.
const MOST_LISTED: usize = 50;

/// The name of this check in reports.
#[must_use]
pub fn name(check: &DriftCheck) -> String {
    format!("drift {} {}", check.against.name(), check.of.as_deref().unwrap_or("all"))
}

/// Compares what came back (`right`) with another vantage (`left`), which `left_is` tells to people: `the live system`.
#[must_use]
pub fn judge(check: &DriftCheck, left: &Census, right: &Census, left_is: &str) -> Outcome {
    let of = check.of.as_deref().unwrap_or(&right.counted_in);
    let drift = Drift { check, left, right, left_is, findings: Vec::new(), told: Vec::new() };
    if of == right.counted_in {
        return drift.members();
    }
    if of == right.groups_are {
        return drift.names(&Names { of, left: group_names(left), right: group_names(right), named_by: 0 });
    }
    if left.group(of).is_some() || right.group(of).is_some() {
        return drift.group(of);
    }
    drift.kind(of)
}

/// There is no run yet that this one could be compared with. It warns: nothing was compared, so it is not green, and a first
/// run is no trouble of the backup's. Without a lasting history every run says it again, and that should be seen.
#[must_use]
pub fn nothing_yet(check: &DriftCheck) -> Outcome {
    Outcome::new(name(check), Status::Warn, "there is no good run in the history yet that this one could be compared with").hint(
        "The next run is compared with this one, if this one is good. Where every run says this, the history does not last.",
    )
}

fn group_names(census: &Census) -> BTreeSet<&str> {
    census.groups.iter().map(|group| group.name.as_str()).collect()
}

fn matches(globs: &[GlobMatcher], name: &str) -> bool {
    globs.iter().any(|glob| glob.is_match(name))
}

/// Something that is off, with how bad it is and how large.
struct Finding {
    status: Status,
    size: u64,
    text: String,
}

/// One comparison under way.
struct Drift<'a> {
    check: &'a DriftCheck,
    left: &'a Census,
    right: &'a Census,
    left_is: &'a str,
    findings: Vec<Finding>,
    /// What is no finding and still told.
    told: Vec<String>,
}

impl Drift<'_> {
    fn usual(&self) -> Tolerances {
        self.check.tolerances.unwrap_or_else(|| tolerance::usual(self.check.against))
    }

    /// The tolerances of one group.
    fn of_group(&self, name: &str) -> Tolerances {
        let own = self.check.groups.iter().find(|(glob, _)| glob.is_match(name));
        own.map_or_else(|| self.usual(), |(_, tolerances)| *tolerances)
    }

    /// Whether a group takes part: it is not ignored, and both sides can have counted it.
    fn takes_part(&self, name: &str) -> bool {
        !matches(&self.check.ignore, name) && !self.not_counted(name)
    }

    fn not_counted(&self, name: &str) -> bool {
        [self.left, self.right].iter().any(|census| NOT_COUNTED.iter().any(|kind| census.has_member(kind, name)))
    }

    /// All members together, and each group by itself.
    fn members(mut self) -> Outcome {
        let total = |census: &Census| -> u64 {
            census.groups.iter().filter(|group| self.takes_part(&group.name)).map(|group| group.count).sum()
        };
        let (left, right) = (total(self.left), total(self.right));
        let counted_in = self.right.counted_in.clone();
        self.count(&format!("all {counted_in}"), left, right, self.usual());
        for difference in compare(self.left, self.right) {
            if self.takes_part(&difference.name) {
                self.difference(&difference.name, difference.left, difference.right);
            }
        }
        self.unreadable();
        let passed = format!("{} {counted_in} came back, {} {}", grouped(right), beside(left, right), self.left_is);
        let expected = allowed(self.usual());
        self.outcome(passed, &signed(left, right), expected)
    }

    fn group(mut self, of: &str) -> Outcome {
        let count = |census: &Census| census.group(of).map(|group| group.count);
        let (left, right) = (count(self.left), count(self.right));
        if self.not_counted(of) {
            let message = format!("{of} could not be counted on both sides");
            return Outcome::new(name(self.check), Status::Error, message);
        }
        self.difference(of, left, right);
        let (left, right) = (left.unwrap_or_default(), right.unwrap_or_default());
        let passed =
            format!("{} {} of {of} came back, {} {}", grouped(right), self.right.counted_in, beside(left, right), self.left_is);
        let expected = allowed(self.usual());
        self.outcome(passed, &signed(left, right), expected)
    }

    /// A kind of the inventory: by names where both sides have them, else by counts.
    fn kind(mut self, of: &str) -> Outcome {
        let (left, right) = (self.left, self.right);
        match (left.kind(of), right.kind(of)) {
            (Some(left), Some(right)) if left.is_named() && right.is_named() => {
                self.names(&Names { of, left: left.names(), right: right.names(), named_by: right.named_by })
            }
            (Some(left), Some(right)) => {
                self.count(of, left.count, right.count, self.usual());
                let beside = beside(left.count, right.count);
                let passed = format!("{} {of} came back, {beside} {}", grouped(right.count), self.left_is);
                let expected = allowed(self.usual());
                self.outcome(passed, &signed(left.count, right.count), expected)
            }
            (None, Some(_)) => Outcome::new(name(self.check), Status::Error, format!("{of} are not known of {}", self.left_is))
                .hint(format!(
                    "Compare `{}` or `{}`, or wait for the next good run.",
                    self.right.counted_in, self.right.groups_are
                )),
            (_, None) => Outcome::new(name(self.check), Status::Error, format!("there is nothing called {of} on either side"))
                .hint(super::did_you_mean(of, self.right.names().chain(self.left.names()))),
        }
    }

    /// One group that differs.
    fn difference(&mut self, group: &str, left: Option<u64>, right: Option<u64>) {
        match (left, right) {
            (Some(left), Some(right)) => self.count(group, left, right, self.of_group(group)),
            (Some(left), None) => {
                let text = format!("{group} is gone: it had {} {} in {}", grouped(left), self.left.counted_in, self.left_is);
                match vanished(self.check.vanished) {
                    Some(status) => self.findings.push(Finding { status, size: u64::MAX, text }),
                    None => self.told.push(text),
                }
            }
            (None, Some(right)) => {
                self.told.push(format!("{group} is new, with {} {}", grouped(right), self.right.counted_in));
            }
            (None, None) => {}
        }
    }

    fn count(&mut self, what: &str, left: u64, right: u64, tolerances: Tolerances) {
        let Some(status) = status(left, right, tolerances, self.check.at_least) else { return };
        let text = format!("{what}: {}, {} {}", grouped(right), beside(left, right), self.left_is);
        self.findings.push(Finding { status, size: left.abs_diff(right), text });
    }

    /// Groups that the live system does not show are not compared, and that is not green.
    fn unreadable(&mut self) {
        let members = self.left.inventory.iter().filter(|kind| kind.kind == UNREADABLE).flat_map(|kind| &kind.members);
        let names: Vec<&str> = members.map(String::as_str).filter(|group| !matches(&self.check.ignore, group)).collect();
        if let Some(first) = names.first() {
            let more = if names.len() > 1 { format!(" and {} more", names.len() - 1) } else { String::new() };
            let text = format!("not compared, because its role may not read them all: {first}{more}");
            self.findings.push(Finding { status: Status::Warn, size: 0, text });
            self.told.extend(names.iter().map(|name| format!("{name} may not be read there")));
        }
    }

    /// What all findings come to; the worst and largest one is the message.
    fn outcome(mut self, passed: String, measured: &str, expected: Option<String>) -> Outcome {
        self.findings.sort_by_key(|finding| (finding.status != Status::Fail, std::cmp::Reverse(finding.size)));
        let status = self.findings.first().map_or(Status::Pass, |finding| finding.status);
        let message = match self.findings.as_slice() {
            [] => passed,
            [one] => one.text.clone(),
            [first, more @ ..] => format!("{} (and {} more)", first.text, more.len()),
        };
        let lines: Vec<String> = match self.findings.len() {
            0 | 1 => self.told,
            _ => self.findings.into_iter().map(|finding| finding.text).chain(self.told).collect(),
        };
        let more = lines.len().saturating_sub(MOST_LISTED);
        let listed = lines.into_iter().take(MOST_LISTED).chain((more > 0).then(|| format!("and {more} more")));
        let mut outcome = Outcome::new(name(self.check), status, message).evidence(listed);
        outcome.measured = Some(measured.to_owned());
        outcome.expected = expected;
        match status {
            Status::Pass => outcome,
            _ => outcome.hint(hint(self.check.against, &self.right.counted_in)),
        }
    }
}

/// How the right count stands to the left one, for a sentence that goes on with who is left.
fn beside(left: u64, right: u64) -> String {
    let (apart, word) = match left.cmp(&right) {
        std::cmp::Ordering::Equal => return "as many as in".to_owned(),
        std::cmp::Ordering::Greater => (left - right, "fewer"),
        std::cmp::Ordering::Less => (right - left, "more"),
    };
    format!("{} ({}) {word} than the {} in", grouped(apart), shown(share(apart, left)), grouped(left))
}

const fn vanished(vanished: Vanished) -> Option<Status> {
    match vanished {
        Vanished::Fail => Some(Status::Fail),
        Vanished::Warn => Some(Status::Warn),
        Vanished::Ignore => None,
    }
}

fn hint(against: Against, counted_in: &str) -> &'static str {
    match against {
        Against::LastGood => {
            "Look whether somebody removed them on purpose, or the dump has left them out. If it is right so, widen the tolerance for one \
             run: the next one is compared with that."
        }
        Against::Live if counted_in != "rows" => {
            "Look whether the export leaves something out, or the live system has changed that much since: then a new backup is due."
        }
        Against::Live => {
            "Look whether the dump leaves something out, or the live system has changed that much since: `older_than_backup` leaves new \
             rows out, `tables` and `ignore` make room for busy tables."
        }
    }
}

/// `-50%`, `+0.2%`.
fn signed(left: u64, right: u64) -> String {
    let sign = match left.cmp(&right) {
        std::cmp::Ordering::Equal => "",
        std::cmp::Ordering::Greater => "-",
        std::cmp::Ordering::Less => "+",
    };
    format!("{sign}{}", shown(share(left.abs_diff(right), left)))
}

/// With a decimal, and never as nothing what is something.
fn shown(share: f64) -> String {
    if share > 0.0 && share < 0.1 { "less than 0.1%".to_owned() } else { Percent(share).to_string() }
}

#[cfg(test)]
mod tests;
