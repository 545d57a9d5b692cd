//! A survey as a census: what a restored server must be found to hold.

use super::{Kind, Namespace, Survey};
use crate::census::{Census, Group, Inventory, Newest, Vantage};

impl Survey {
    /// The census of the artifact. Groups are `db.collection`, in the order of their names: ordinary and capped collections with
    /// their documents, time series with their measurements (their buckets, when these do not tell). Views are no groups. What is the
    /// server's own ([`Namespace::is_internal`]) and the oplog are left out: a restore makes no collections of them.
    ///
    /// The inventory names views, capped collections and time series by `db.collection`, indexes by `db.collection.index`, and under
    /// `validators` the collections that have one. The index on `_id` is among the indexes.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut there: Vec<_> = self.namespaces.iter().filter(|n| !n.is_internal()).collect();
        there.sort_by_key(|n| n.name());
        let groups = there.iter().filter(|n| !matches!(n.kind, Kind::View { .. })).map(|n| group(n)).collect();
        let named = |kind: &str, is: &dyn Fn(&Namespace) -> bool| {
            inventory(kind, there.iter().filter(|n| is(n)).map(|n| n.name()).collect())
        };
        let indexes = there.iter().flat_map(|n| n.indexes.iter().map(|index| format!("{}.{}", n.name(), index.name))).collect();
        Census {
            vantage: Vantage::Artifact,
            groups_are: "collections".to_owned(),
            counted_in: "documents".to_owned(),
            groups,
            inventory: vec![
                named("capped", &|n| n.kind == Kind::Capped),
                inventory("indexes", indexes),
                named("timeseries", &|n| matches!(n.kind, Kind::TimeSeries { .. })),
                named("validators", &|n| n.options.contains("validator")),
                named("views", &|n| matches!(n.kind, Kind::View { .. })),
            ],
            partitions: std::collections::BTreeMap::new(),
        }
    }
}

fn group(namespace: &Namespace) -> Group {
    let newest = namespace.newest.map(|time| Newest { field: "_id".to_owned(), time: Some(time) });
    Group {
        name: namespace.name(),
        count: namespace.measurements.unwrap_or(namespace.documents),
        newest: newest.into_iter().collect(),
    }
}

fn inventory(kind: &str, mut members: Vec<String>) -> Inventory {
    members.sort();
    members.dedup();
    Inventory { kind: kind.to_owned(), count: members.len() as u64, members, named_by: 0 }
}
