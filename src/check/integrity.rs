//! `integrity`: is the restored database whole inside? Each aspect is a check of its own in the reports;
//! [`Subject::examine`](crate::subject::Subject::examine) looks, this judges.

use super::{Outcome, Status};
use crate::error::Result;
use crate::report::text::counted;
use crate::units::grouped;
use globset::GlobMatcher;
use std::time::Duration;

/// One aspect that is looked at. Its outcome is called `integrity <name>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aspect {
    /// Indexes that the server does not use.
    Indexes,
    /// Constraints that were never held against the rows.
    Constraints,
    /// Rows whose foreign key points to nothing.
    ForeignKeys,
    /// Sequences that give out numbers which are taken.
    Sequences,
    /// Triggers that do not fire.
    Triggers,
    /// Row security that hides everything, or nothing.
    RowSecurity,
    /// Sort orders of another version of their library.
    Collations,
    /// Pages and indexes, by the extension `amcheck`.
    Amcheck,
}

impl Aspect {
    /// All of them: the quick ones first, and the only one that writes at the end.
    pub const ALL: [Self; 8] = [
        Self::Indexes,
        Self::Constraints,
        Self::Triggers,
        Self::RowSecurity,
        Self::Collations,
        Self::Sequences,
        Self::ForeignKeys,
        Self::Amcheck,
    ];

    /// The word for it in the check's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Indexes => "indexes",
            Self::Constraints => "constraints",
            Self::ForeignKeys => "foreign keys",
            Self::Sequences => "sequences",
            Self::Triggers => "triggers",
            Self::RowSecurity => "row security",
            Self::Collations => "collations",
            Self::Amcheck => "amcheck",
        }
    }

    /// One of what is counted when nothing is wrong.
    const fn one(self) -> &'static str {
        match self {
            Self::Indexes => "index",
            Self::Constraints => "constraint",
            Self::ForeignKeys => "foreign key",
            Self::Sequences => "sequence",
            Self::Triggers => "trigger",
            Self::RowSecurity => "table with row security",
            Self::Collations => "collation",
            Self::Amcheck => "relation",
        }
    }

    const fn many(self) -> &'static str {
        match self {
            Self::Indexes => "indexes",
            Self::RowSecurity => "tables with row security",
            Self::Constraints => "constraints",
            Self::ForeignKeys => "foreign keys",
            Self::Sequences => "sequences",
            Self::Triggers => "triggers",
            Self::Collations => "collations",
            Self::Amcheck => "relations",
        }
    }

    /// What a finding means, and what to do about it.
    const fn hint(self) -> &'static str {
        match self {
            Self::Indexes => {
                "The server does not use such an index, and a unique one does not keep duplicates out. Drop it and make it anew in the \
                 source database, and look at how the backup was made."
            }
            Self::Constraints => {
                "NOT VALID means that the rows which were there before were never looked at. Run ALTER TABLE ... VALIDATE CONSTRAINT in \
                 the source database, or list it under `skip` if it is meant so."
            }
            Self::ForeignKeys => {
                "Rows point to rows that are not there: they were lost, or were let in by session_replication_role, a disabled trigger or \
                 a constraint that is NOT VALID. Look for them in the source database; list the constraint under `skip` if it is known."
            }
            Self::Sequences => {
                "Inserts will meet numbers that are taken. Set the sequence behind the column's greatest value with setval() after a \
                 restore, and look whether the source database has the same trouble."
            }
            Self::Triggers => {
                "What the trigger does, or the foreign key enforces, does not happen. Enable it if that is not meant."
            }
            Self::RowSecurity => "Look whether the policies are what they should be.",
            Self::Collations => {
                "Indexes that were sorted by another version can miss rows. REINDEX what uses the collation, then ALTER ... REFRESH \
                 COLLATION VERSION."
            }
            Self::Amcheck => "The files of the restored database are damaged: this database must not go into service.",
        }
    }
}

/// How much of `amcheck` is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Amcheck {
    /// Pages, and that every row is in every index.
    #[default]
    Auto,
    /// Also values stored out of line, and the order between the levels of an index.
    Full,
    /// Nothing.
    Off,
}

/// Which things are looked at, by their names in the reports.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only what one of these matches; everything when there is none.
    pub only: Vec<GlobMatcher>,
    /// Nothing that one of these matches.
    pub skip: Vec<GlobMatcher>,
}

impl Filter {
    /// Whether the thing of this name is looked at.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        let matches = |globs: &[GlobMatcher]| globs.iter().any(|glob| glob.is_match(name));
        (self.only.is_empty() || matches(&self.only)) && !matches(&self.skip)
    }
}

/// One aspect of `integrity: { amcheck, foreign_keys, only, skip, timeout }`.
#[derive(Debug, Clone)]
pub struct IntegrityCheck {
    /// What is looked at.
    pub aspect: Aspect,
    /// How much of `amcheck` is run.
    pub amcheck: Amcheck,
    /// Which things.
    pub filter: Filter,
    /// How long it may take; the scenario's own limit when absent.
    pub timeout: Option<Duration>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Worth knowing.
    Note,
    /// Its owner may have meant it.
    Doubtful,
    /// The data is wrong.
    Wrong,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub name: String,
    /// What is the matter with it, as a sentence fragment without any value.
    pub what: String,
    /// How bad that is.
    pub weight: Weight,
}

/// What the look at one aspect showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// How many things were looked at.
    pub looked_at: u64,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// What could not be looked at, and why, for the list of what was not tested.
    pub not_tested: Vec<String>,
}

/// Findings that are listed one by one; their number is told anyway.
const SHOWN: usize = 100;

/// The name of this check in reports.
#[must_use]
pub fn name(check: &IntegrityCheck) -> String {
    format!("integrity {}", check.aspect.name())
}

/// Judges what the look at one aspect showed. An aspect that could not be looked at is never a pass.
#[must_use]
pub fn judge(check: &IntegrityCheck, examined: &Result<Examined>) -> Outcome {
    let (aspect, name) = (check.aspect, name(check));
    let examined = match examined {
        Ok(examined) => examined,
        Err(error) => return Outcome::from_error(name, error.clone()),
    };
    let mut findings: Vec<&Finding> = examined.findings.iter().collect();
    findings.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.name.cmp(&b.name)));
    let Some(worst) = findings.first() else { return nothing_found(aspect, name, examined) };
    let status = match worst.weight {
        Weight::Note => Status::Pass,
        Weight::Doubtful => Status::Warn,
        Weight::Wrong => Status::Fail,
    };
    let others = findings.len() - 1;
    let more = if others == 0 { String::new() } else { format!(" (and {} more)", grouped(others as u64)) };
    let lines = findings.iter().take(SHOWN).map(|finding| format!("{}: {}", finding.name, finding.what));
    let outcome = Outcome::new(name, status, format!("{}: {}{more}", worst.name, worst.what)).evidence(lines);
    let outcome = outcome.values(counted(findings.len(), "finding"), "none");
    if status == Status::Pass { outcome } else { outcome.hint(aspect.hint()) }
}

/// What cannot be looked at is no pass: its owner may say that it is left out.
fn nothing_found(aspect: Aspect, name: String, examined: &Examined) -> Outcome {
    match examined.not_tested.first() {
        Some(reason) if aspect == Aspect::Amcheck && examined.looked_at == 0 => {
            let hint =
                "Install the extension (on Debian it comes with the server's package), or leave it out with `amcheck: off`.";
            Outcome::new(name, Status::Warn, reason.clone()).hint(hint)
        }
        _ => {
            let things = if examined.looked_at == 1 { aspect.one() } else { aspect.many() };
            let looked_at = format!("{} {things} looked at, nothing found", grouped(examined.looked_at));
            Outcome::new(name, Status::Pass, looked_at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn check(aspect: Aspect) -> IntegrityCheck {
        IntegrityCheck { aspect, amcheck: Amcheck::Auto, filter: Filter::default(), timeout: None }
    }

    fn finding(name: &str, weight: Weight) -> Finding {
        Finding { name: name.into(), what: "is odd".into(), weight }
    }

    fn judged(findings: Vec<Finding>) -> Outcome {
        judge(&check(Aspect::Indexes), &Ok(Examined { looked_at: 7, findings, not_tested: Vec::new() }))
    }

    #[test]
    fn the_worst_finding_decides_and_all_are_named() {
        for (weights, status) in [
            (&[][..], Status::Pass),
            (&[Weight::Note], Status::Pass),
            (&[Weight::Note, Weight::Doubtful], Status::Warn),
            (&[Weight::Doubtful, Weight::Wrong, Weight::Note], Status::Fail),
        ] {
            let outcome = judged(weights.iter().enumerate().map(|(n, weight)| finding(&format!("a.b{n}"), *weight)).collect());
            assert_eq!(outcome.status, status, "{outcome:?}");
            assert_eq!(outcome.evidence.len(), weights.len(), "{outcome:?}");
            assert_eq!(outcome.hint.is_some(), status != Status::Pass, "{outcome:?}");
        }
        let outcome = judged(vec![finding("a.note", Weight::Note), finding("a.wrong", Weight::Wrong)]);
        assert_eq!(outcome.message, "a.wrong: is odd (and 1 more)");
        assert_eq!(judged(Vec::new()).message, "7 indexes looked at, nothing found");
        assert_eq!(outcome.check, "integrity indexes");
    }

    #[test]
    fn what_was_not_looked_at_is_not_green() {
        let amcheck = check(Aspect::Amcheck);
        let missing = Examined { not_tested: vec!["this server has no amcheck".into()], ..Examined::default() };
        let outcome = judge(&amcheck, &Ok(missing));
        assert_eq!((outcome.status, outcome.message.as_str()), (Status::Warn, "this server has no amcheck"));
        assert_eq!(judge(&amcheck, &Err(Error::harness("no answer"))).status, Status::Error);
    }

    #[test]
    fn names_choose_what_is_looked_at() {
        let globs =
            |texts: &[&str]| texts.iter().map(|text| globset::Glob::new(text).expect("a glob").compile_matcher()).collect();
        let filter = Filter { only: globs(&["shop.*"]), skip: globs(&["shop.audit.*", "shop.old"]) };
        for (name, taken) in [("shop.items", true), ("public.items", false), ("shop.audit.fk", false), ("shop.old", false)] {
            assert_eq!(filter.takes(name), taken, "{name}");
        }
        assert!(Filter::default().takes("anything"));
    }
}
