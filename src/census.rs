//! The census: what was counted. One type for every subject and every vantage, so that one comparison serves
//! `matches: artifact`, `drift: live` and `drift: last_good` alike. Names, counts and times; never values.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where a census was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vantage {
    /// Read out of the stored bytes, without a server.
    Artifact,
    /// Counted in the disposable server after the restore.
    Restored,
    /// Counted in the live system.
    Live,
    /// The restored census of the last good run.
    LastGood,
}

/// What was counted from one vantage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Census {
    /// Where it was taken.
    pub vantage: Vantage,
    /// What the counted groups are called, in the plural: `tables`, `collections`.
    pub groups_are: String,
    /// What is counted in them, in the plural: `rows`, `documents`.
    pub counted_in: String,
    /// The groups whose members were counted, in the order of their names.
    pub groups: Vec<Group>,
    /// What else is there, by kind (`indexes`, `sequences`, `extensions` ...), in the order of the kinds.
    pub inventory: Vec<Inventory>,
    /// The parent of each partition by its full name, where the artifact tells it: the members of a whole tree may stand at its root.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partitions: BTreeMap<String, String>,
}

/// One counted group: a table, a collection, a record type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// Its full name, as a check names it: `public.users`.
    pub name: String,
    /// How many members it has.
    pub count: u64,
    /// The newest time per time field that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub newest: Vec<Newest>,
}

/// The newest time in one field of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Newest {
    /// The field's name.
    pub field: String,
    /// The newest time in it; absent when the group has none.
    #[schemars(with = "Option<String>")]
    pub time: Option<Timestamp>,
}

/// Things of one kind that are there: counted and named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inventory {
    /// The kind, in the plural.
    pub kind: String,
    /// How many there are.
    pub count: u64,
    /// Their names.
    pub members: Vec<String>,
    /// So many words of a member name it, and the others are its content: two members of one name are one thing that was changed.
    /// Absent: all of it is its name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub named_by: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A group that two censuses do not agree on. An absent count: that side does not have the group at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The group's name.
    pub name: String,
    /// Its count on the left-hand side.
    pub left: Option<u64>,
    /// Its count on the right-hand side.
    pub right: Option<u64>,
}

/// Where two censuses differ, in the order of the names: the one comparison behind every check that sets one vantage against
/// another. What a difference means, and how large it may be, is the check's to say.
#[must_use]
pub fn compare(left: &Census, right: &Census) -> Vec<Difference> {
    let mut counts: BTreeMap<&str, (Option<u64>, Option<u64>)> = BTreeMap::new();
    for group in &left.groups {
        counts.entry(&group.name).or_default().0 = Some(group.count);
    }
    for group in &right.groups {
        counts.entry(&group.name).or_default().1 = Some(group.count);
    }
    let differ = counts.into_iter().filter(|(_, (left, right))| left != right);
    differ.map(|(name, (left, right))| Difference { name: name.to_owned(), left, right }).collect()
}

impl Inventory {
    /// The names, to be compared with others.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.members.iter().map(String::as_str).collect()
    }

    /// Whether every member that was counted has its name here.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.members.len() as u64 == self.count
    }
}

impl Census {
    /// The same census, every name beginning with that of its database.
    #[must_use]
    pub fn within(mut self, database: &str) -> Self {
        let names = self.groups.iter_mut().map(|group| &mut group.name);
        let members = self.inventory.iter_mut().flat_map(|kind| &mut kind.members);
        names.chain(members).for_each(|name| *name = format!("{database}.{name}"));
        let full = |name: String| format!("{database}.{name}");
        self.partitions = self.partitions.into_iter().map(|(child, parent)| (full(child), full(parent))).collect();
        self
    }

    /// Takes in another census of the same vantage; the order of the names is kept.
    pub fn join(&mut self, other: Self) {
        self.groups.extend(other.groups);
        self.partitions.extend(other.partitions);
        self.groups.sort_by(|a, b| a.name.cmp(&b.name));
        for more in other.inventory {
            match self.inventory.iter_mut().find(|kind| kind.kind == more.kind) {
                Some(kind) => {
                    kind.count += more.count;
                    kind.members.extend(more.members);
                    kind.members.sort();
                }
                None => self.inventory.push(more),
            }
        }
        self.inventory.sort_by(|a, b| a.kind.cmp(&b.kind));
    }

    /// All counted members together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.groups.iter().map(|g| g.count).sum()
    }

    /// The group of this name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|g| g.name == name)
    }

    /// The number behind what a check asks `of`: a group's name, the word for all groups (`tables`), the word for all
    /// members (`rows`), or a kind of the inventory (`indexes`). `None` when there is no such thing.
    #[must_use]
    pub fn count_of(&self, of: &str) -> Option<u64> {
        if of == self.groups_are {
            return Some(self.groups.len() as u64);
        }
        if of == self.counted_in {
            return Some(self.total());
        }
        let group = self.group(of).map(|g| g.count);
        group.or_else(|| self.kind(of).map(|kind| kind.count))
    }

    /// What is there of one kind.
    #[must_use]
    pub fn kind(&self, kind: &str) -> Option<&Inventory> {
        self.inventory.iter().find(|inventory| inventory.kind == kind)
    }

    /// Whether a kind of the inventory names this member.
    #[must_use]
    pub fn has_member(&self, kind: &str, name: &str) -> bool {
        self.kind(kind).is_some_and(|kind| kind.members.iter().any(|member| member == name))
    }

    /// Every name that [`Census::count_of`] knows, for "did you mean".
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [self.groups_are.as_str(), self.counted_in.as_str()]
            .into_iter()
            .chain(self.inventory.iter().map(|i| i.kind.as_str()))
            .chain(self.groups.iter().map(|g| g.name.as_str()))
    }

    /// One line for people: `12 tables, 34 567 rows`.
    #[must_use]
    pub fn summary(&self) -> String {
        let some = |count: u64, plural: &str| {
            let word = if count == 1 { plural.strip_suffix('s').unwrap_or(plural) } else { plural };
            format!("{} {word}", crate::units::grouped(count))
        };
        format!("{}, {}", some(self.groups.len() as u64, &self.groups_are), some(self.total(), &self.counted_in))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census() -> Census {
        let group = |name: &str, count| Group { name: name.into(), count, newest: Vec::new() };
        Census {
            vantage: Vantage::Restored,
            groups_are: "tables".into(),
            counted_in: "rows".into(),
            groups: vec![group("public.messages", 40), group("public.users", 2)],
            inventory: vec![Inventory {
                kind: "indexes".into(),
                count: 1,
                members: vec!["public.users_pkey".into()],
                named_by: 0,
            }],
            partitions: BTreeMap::new(),
        }
    }

    #[test]
    fn two_censuses_differ_by_counts_and_by_groups_that_one_lacks() {
        let restored = census();
        assert_eq!(compare(&restored, &restored), []);
        let mut artifact = Census { vantage: Vantage::Artifact, ..census() };
        artifact.groups[0].count = 41;
        artifact.groups[1].name = "public.tags".into();
        let difference = |name: &str, left, right| Difference { name: name.into(), left, right };
        assert_eq!(
            compare(&artifact, &restored),
            [
                difference("public.messages", Some(41), Some(40)),
                difference("public.tags", Some(2), None),
                difference("public.users", None, Some(2)),
            ]
        );
    }

    #[test]
    fn censuses_of_several_databases_are_one_with_full_names() {
        let mut both = census().within("shop");
        both.join(
            Census { groups: vec![Group { name: "public.zoo".into(), count: 3, newest: Vec::new() }], ..census() }.within("den"),
        );
        let names: Vec<&str> = both.groups.iter().map(|g| g.name.as_str()).collect();
        assert_eq!(names, ["den.public.zoo", "shop.public.messages", "shop.public.users"]);
        let indexes = ["den.public.users_pkey".to_owned(), "shop.public.users_pkey".to_owned()];
        assert_eq!((both.total(), both.inventory.len()), (45, 1));
        assert_eq!((both.inventory[0].count, both.inventory[0].members.as_slice()), (2, &indexes[..]));
    }

    #[test]
    fn a_check_finds_what_it_asks_of() {
        let census = census();
        for (of, count) in
            [("tables", Some(2)), ("rows", Some(42)), ("public.users", Some(2)), ("indexes", Some(1)), ("public.user", None)]
        {
            assert_eq!(census.count_of(of), count, "{of}");
        }
        assert_eq!(census.summary(), "2 tables, 42 rows");
    }
}
