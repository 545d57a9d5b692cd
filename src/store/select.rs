//! Choosing the artifact: the newest of its series by the time in the key (else `LastModified`), over all pages of the
//! listing, never "the last row". What the listing alone shows of the series is judged along the way.

mod judge;
mod rejects;
mod series;

use super::{Object, Store};
use crate::check::{Outcome, age, size};
use crate::error::{Error, Result};
use crate::report::evidence::Rejected;
use crate::scenario::ArtifactRule;
use jiff::{SignedDuration, Timestamp};
use series::Series;

/// The chosen artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The object.
    pub object: Object,
    /// When the backup was taken.
    pub taken: Timestamp,
    /// Whether that is from the key (else from `LastModified`).
    pub taken_from_key: bool,
}

/// What a listing came to.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The artifact; none when nothing fits: then `outcomes` holds the failed check `artifact`, which says why.
    pub artifact: Option<Artifact>,
    /// How many objects belong to the series.
    pub candidates: u64,
    /// Whether the whole series was listed.
    pub whole_series: bool,
    /// Objects that were not chosen, at most `MOST_REJECTED`; when there are more, the last entry counts them.
    pub rejected: Vec<Rejected>,
    /// What the listing alone shows: age, size, cadence, retention, newer objects that were rejected.
    pub outcomes: Vec<Outcome>,
}

/// Which artifact is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// The newest of the series.
    Newest,
    /// This very key, whether or not it belongs to the series (`--artifact KEY`).
    Key(String),
    /// The newest that was taken at this time or before (`--at TIME`).
    At(Timestamp),
}

/// How far behind the age limit the short listing begins, beyond the limit itself: keys in local time are up to 14 hours
/// off, and predecessors are wanted for comparing sizes.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// Lists the store and chooses.
///
/// Where the keys sort by time and nothing needs the whole series, only its newest part is listed, so that the cost does
/// not depend on how much history there is; the whole when that part shows no artifact.
///
/// # Errors
/// What the listing says; scenario: the wanted key is not there.
pub async fn find(store: &dyn Store, rule: &ArtifactRule, want: &Want, now: Timestamp) -> Result<Selection> {
    if let Want::Key(key) = want {
        return by_key(store, rule, key, now).await;
    }
    let prefix = rule.key.prefix();
    if let Some(after) = shortcut(rule, want, now) {
        let mut series = Series::new(rule, want, now);
        store.list(prefix, Some(&after), &mut |object| series.visit(object)).await?;
        let selection = series.finish(false);
        if selection.artifact.is_some() {
            return Ok(selection);
        }
    }
    let mut series = Series::new(rule, want, now);
    store.list(prefix, None, &mut |object| series.visit(object)).await?;
    Ok(series.finish(true))
}

/// Chooses among the objects of a whole listing, in whatever order they come. [`Want::Key`] is not for a series: it
/// chooses as [`Want::Newest`] does.
pub fn select(rule: &ArtifactRule, objects: impl IntoIterator<Item = Object>, now: Timestamp, want: &Want) -> Selection {
    let mut series = Series::new(rule, want, now);
    objects.into_iter().for_each(|object| series.visit(object));
    series.finish(true)
}

/// The key that a listing of the newest part starts after.
fn shortcut(rule: &ArtifactRule, want: &Want, now: Timestamp) -> Option<String> {
    let drop = rule.size.drop;
    let whole = rule.cadence.is_some() || rule.retention.is_some() || drop.warn.is_some() || drop.fail.is_some();
    if whole || *want != Want::Newest {
        return None;
    }
    let limit = rule.age.warn.max(rule.age.fail)?;
    let reach = SignedDuration::try_from(limit).ok()?.checked_mul(2)?.checked_add(SLACK)?;
    rule.key.start_after(now.checked_sub(reach).ok()?)
}

/// One object by its key. Its series is not listed, so only the object itself is judged.
async fn by_key(store: &dyn Store, rule: &ArtifactRule, key: &str, now: Timestamp) -> Result<Selection> {
    let mut found = None;
    store
        .list(key, None, &mut |object| {
            if object.key == key {
                found = Some(object);
            }
        })
        .await?;
    let object = found.ok_or_else(|| {
        Error::scenario(format!("there is no object {key} in {}", store.location()))
            .hint("Write the key without the store's own prefix, as `assay list` shows it.")
    })?;
    let taken = rule.key.matches(key).flatten();
    let artifact = Artifact { taken: taken.unwrap_or(object.modified), taken_from_key: taken.is_some(), object };
    let outcomes = vec![age::tell(artifact.times(), now), size::judge(artifact.object.size, &[], &rule.size)];
    Ok(Selection { artifact: Some(artifact), candidates: 1, whole_series: false, rejected: Vec::new(), outcomes })
}

impl Artifact {
    fn times(&self) -> age::Times {
        age::Times { taken: self.taken, from_key: self.taken_from_key, modified: self.object.modified }
    }

    /// What "newest" means: the time of the backup, then that of the upload, then the key.
    fn rank(&self) -> (Timestamp, Timestamp, &str) {
        (self.taken, self.object.modified, &self.object.key)
    }
}

#[cfg(test)]
mod tests;
