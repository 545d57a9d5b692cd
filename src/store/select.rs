//! Choosing the artifact.

use super::Object;
use crate::check::Outcome;
use crate::report::evidence::Rejected;
use jiff::Timestamp;

/// The chosen artifact.
#[derive(Debug, Clone)]
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
    /// The artifact; none when nothing fits.
    pub artifact: Option<Artifact>,
    /// How many objects belong to the series.
    pub candidates: u64,
    /// Whether the whole series was listed.
    pub whole_series: bool,
    /// Objects that were not chosen, at most `MOST_REJECTED`.
    pub rejected: Vec<Rejected>,
    /// What the listing alone shows: age, size, cadence, retention, newer objects that were rejected.
    pub outcomes: Vec<Outcome>,
}
