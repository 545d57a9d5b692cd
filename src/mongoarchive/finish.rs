//! What a survey says in the end: damages in words, the oplog apart from the collections, what cannot be told.

use super::window::Stop;
use super::{Blind, Cause, Damage, Kind, MOST_DAMAGES, Oplog, Survey};

/// The collection that the oplog is dumped as; its database has no name.
const OPLOG: &str = "oplog";

/// So much of a name is shown.
const SHOWN: usize = 255;

impl Survey {
    /// Notes a damage.
    pub(super) fn damage(&mut self, at: u64, cause: Cause, namespace: Option<&str>, what: impl Into<String>) {
        if self.damages.len() < MOST_DAMAGES {
            self.damages.push(Damage { at, what: what.into(), cause, namespace: namespace.map(shown) });
        }
    }

    /// Notes a damage behind which nothing can be read.
    pub(super) fn lost(&mut self, at: u64, cause: Cause, namespace: Option<&str>, what: impl Into<String>) -> Result<(), Stop> {
        self.damage(at, cause, namespace, what);
        Err(Stop::Lost)
    }

    /// Sets the oplog apart and says what could not be told.
    pub(super) fn finish(&mut self) {
        if let Some(place) = self.namespaces.iter().position(|n| n.db.is_empty() && n.collection == OPLOG) {
            let log = self.namespaces.remove(place);
            self.oplog = Some(Oplog { entries: log.documents, bytes: log.bytes, until: log.newest, complete: log.complete });
        }
        if !self.namespaces.is_empty() {
            self.blind.insert(Blind::ChangedDefinition);
        }
        let untold = |n: &super::Namespace| matches!(n.kind, Kind::TimeSeries { .. }) && n.measurements.is_none();
        if self.namespaces.iter().any(untold) {
            self.blind.insert(Blind::Measurements);
        }
    }
}

/// Whether this is the oplog.
pub(super) fn is_oplog(namespace: &super::Namespace) -> bool {
    namespace.db.is_empty() && namespace.collection == OPLOG
}

/// A name as it may stand in a message: of bounded length, without control characters.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(SHOWN).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A few of these names, and how many more there are.
pub(super) fn some(names: &[String]) -> String {
    const FEW: usize = 3;
    let few = names.iter().take(FEW).map(|name| shown(name)).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(FEW) {
        0 => few,
        more => format!("{few} and {more} more"),
    }
}
