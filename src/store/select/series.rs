//! A series while it is listed: object by object, in any order, sixteen bytes for each.

use super::judge;
use super::rejects::Rejects;
use super::{Artifact, Selection, Want};
use crate::scenario::{ArtifactRule, StoreSpec};
use crate::store::Object;
use crate::units::{Span, utc};
use jiff::{SignedDuration, Timestamp};

/// Local time is up to 14 hours ahead of UTC: what is dated further ahead is not a matter of time zones.
const NO_TIME_ZONE: SignedDuration = SignedDuration::from_hours(14);
/// A file that changed so recently may still be written. An object in a bucket appears when it is whole.
const SETTLES: SignedDuration = SignedDuration::from_secs(10);

/// What was seen of a listing so far.
pub(super) struct Series<'a> {
    pub(super) rule: &'a ArtifactRule,
    pub(super) want: &'a Want,
    pub(super) now: Timestamp,
    /// Objects below the prefix.
    pub(super) seen: u64,
    /// Objects whose key matches.
    pub(super) matched: u64,
    /// Usable backups: second they were taken at, and size. Sorted by [`Series::finish`].
    pub(super) backups: Vec<(i64, u64)>,
    pub(super) best: Option<Artifact>,
    /// Files that may still be written.
    unsettled: Vec<Artifact>,
    /// The newest objects of the series that cannot be a backup, and why.
    pub(super) unusable: Vec<(Artifact, String)>,
    rejects: Rejects,
}

impl<'a> Series<'a> {
    pub(super) fn new(rule: &'a ArtifactRule, want: &'a Want, now: Timestamp) -> Self {
        let (backups, unsettled, unusable) = (Vec::new(), Vec::new(), Vec::new());
        Self { rule, want, now, seen: 0, matched: 0, backups, best: None, unsettled, unusable, rejects: Rejects::default() }
    }

    pub(super) fn visit(&mut self, object: Object) {
        // What consoles make when somebody creates a "folder".
        if object.key.ends_with('/') && object.size == 0 {
            return;
        }
        self.seen += 1;
        let Some(in_key) = self.rule.key.matches(&object.key) else {
            let reason = format!("its name does not match {}", self.rule.key);
            return self.rejects.push(false, object.modified, object.key, reason);
        };
        self.matched += 1;
        let taken = in_key.unwrap_or(object.modified);
        let candidate = Artifact { taken, taken_from_key: in_key.is_some(), object };
        if let Some(reason) = self.unusable_because(&candidate) {
            self.rejects.push(true, taken, candidate.object.key.clone(), reason.clone());
            keep_newest(&mut self.unusable, (candidate, reason), |(artifact, _)| artifact.taken);
            return;
        }
        self.backups.push((taken.as_second(), candidate.object.size));
        if matches!(self.want, Want::At(time) if taken > *time) {
            return;
        }
        if self.may_grow(&candidate.object) {
            keep_newest(&mut self.unsettled, candidate, |artifact| artifact.taken);
        } else if self.best.as_ref().is_none_or(|best| candidate.rank() > best.rank()) {
            self.best = Some(candidate);
        }
    }

    fn unusable_because(&self, candidate: &Artifact) -> Option<String> {
        let ahead = candidate.taken.duration_since(self.now);
        if candidate.object.size == 0 {
            Some("it is empty".to_owned())
        } else if ahead > NO_TIME_ZONE {
            Some(format!("it is dated {} in the future, {}", Span(ahead.unsigned_abs()), utc(candidate.taken)))
        } else {
            None
        }
    }

    fn may_grow(&self, object: &Object) -> bool {
        matches!(self.rule.store_spec, StoreSpec::Dir(_)) && self.now.duration_since(object.modified) < SETTLES
    }

    pub(super) const fn rejects(&self) -> &Rejects {
        &self.rejects
    }

    pub(super) fn finish(mut self, whole_series: bool) -> Selection {
        self.settle();
        self.backups.sort_unstable();
        let outcomes = judge::outcomes(&self);
        Selection { artifact: self.best, candidates: self.matched, whole_series, rejected: self.rejects.finish(), outcomes }
    }

    /// A file that changed just now gives way to an older one; when all did, the newest is taken: should it be written on,
    /// reading it will notice.
    fn settle(&mut self) {
        let mut unsettled = std::mem::take(&mut self.unsettled);
        unsettled.sort_by(|a, b| a.rank().cmp(&b.rank()));
        if self.best.is_none() {
            self.best = unsettled.pop();
        }
        for Artifact { object, taken, .. } in unsettled {
            if self.best.as_ref().is_some_and(|best| taken > best.taken) {
                let ago = Span(self.now.duration_since(object.modified).unsigned_abs());
                self.rejects.push(true, taken, object.key, format!("it changed {ago} ago and may still be written"));
            }
        }
    }
}

/// Enough for a report; the rest of a million must not fill the memory.
const MOST_KEPT: usize = 20;

/// Keeps at least the [`MOST_KEPT`] newest.
fn keep_newest<T>(kept: &mut Vec<T>, one: T, time: impl Fn(&T) -> Timestamp) {
    kept.push(one);
    if kept.len() >= 2 * MOST_KEPT {
        kept.sort_by_key(|one| std::cmp::Reverse(time(one)));
        kept.truncate(MOST_KEPT);
    }
}
