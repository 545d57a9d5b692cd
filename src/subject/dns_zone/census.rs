//! What a zone holds: its types with their records, and the records by name.

use super::record::{Identity, ZoneRecord};
use crate::census::{Census, Group, Inventory, Vantage};
use std::collections::BTreeMap;

/// The kind of inventory that names every record.
const MEMBERS: &str = "members";
/// A record is named by its type and its owner; what follows is its content.
const NAMED_BY: usize = 2;

/// The census of some records. The same record twice counts once: on a server it is one.
pub(super) fn census<'r>(vantage: Vantage, records: impl IntoIterator<Item = &'r ZoneRecord>) -> Census {
    let labels: BTreeMap<Identity, String> = records.into_iter().map(|record| (record.identity(), record.label())).collect();
    let mut groups: Vec<Group> = Vec::new();
    // Identities are ordered by type.
    for identity in labels.keys() {
        match groups.last_mut().filter(|group| group.name == identity.kind) {
            Some(group) => group.count += 1,
            None => groups.push(Group { name: identity.kind.clone(), count: 1, newest: Vec::new() }),
        }
    }
    let mut members: Vec<String> = labels.into_values().collect();
    members.sort();
    let inventory = vec![Inventory { kind: MEMBERS.into(), count: members.len() as u64, members, named_by: NAMED_BY }];
    Census { vantage, groups_are: "types".into(), counted_in: "records".into(), groups, inventory, partitions: BTreeMap::new() }
}

/// `A 100, CNAME 20, MX 2`.
pub(super) fn by_type(census: &Census) -> String {
    census.groups.iter().map(|group| format!("{} {}", group.name, group.count)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_by_type_and_named() {
        let record = |kind: &str, word: &str| ZoneRecord::new("example.com", kind, 1, &[word.to_owned()]);
        let records = [record("TXT", "\"x\""), record("A", "192.0.2.2"), record("A", "192.0.2.1"), record("A", "192.0.2.1")];
        let census = census(Vantage::Live, &records);
        assert_eq!(by_type(&census), "A 2, TXT 1");
        assert_eq!(census.summary(), "2 types, 3 records");
        assert_eq!(census.inventory[0].members[..2], ["A example.com 192.0.2.1", "A example.com 192.0.2.2"]);
    }
}
