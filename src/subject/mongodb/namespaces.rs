//! Which namespaces are restored, and what they are called then: `--nsInclude`, `--nsExclude`, `--nsFrom` and `--nsTo` as mongorestore
//! reads them (`mongorestore/ns/ns.go`), so that the archive's census can be set beside the restored one.

use super::MongodbSpec;
use crate::census::{Census, Group, Inventory};
use regex::Regex;
use std::fmt::Write as _;

/// What namespaces are called in the archive and after the restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    /// A pattern over `database.collection`, with `*` or `$name$` for anything.
    pub from: String,
    /// What becomes of it.
    pub to: String,
}

/// Why a pattern is none: as a sentence fragment.
pub type PatternError = String;

/// Checks patterns of `ns_include` and `ns_exclude`.
///
/// # Errors
/// A pattern that mongorestore would refuse.
pub fn check_patterns<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<(), PatternError> {
    patterns.into_iter().try_for_each(|pattern| matcher(pattern).map(|_| ()))
}

impl Renaming {
    /// Checks it.
    ///
    /// # Errors
    /// mongorestore would refuse it.
    pub fn check(&self) -> Result<(), PatternError> {
        self.rule().map(|_| ())
    }

    /// A regular expression and its replacement.
    fn rule(&self) -> Result<(Regex, String), PatternError> {
        let (from, to) = if self.from.contains('$') {
            (self.from.clone(), self.to.clone())
        } else {
            if wildcards(&self.from) != wildcards(&self.to) {
                return Err(format!("`{}` and `{}` have different numbers of `*`", self.from, self.to));
            }
            (named(&self.from), named(&self.to))
        };
        let (mut pattern, mut names) = (String::new(), Vec::new());
        for piece in pieces(&from)? {
            match piece {
                Piece::Text(text) => pattern.push_str(&regex::escape(text)),
                Piece::Variable(name) if names.contains(&name) => return Err(format!("`${name}$` is there twice in `{from}`")),
                Piece::Variable(name) => {
                    pattern.push_str("(.*?)");
                    names.push(name);
                }
            }
        }
        let mut replacement = String::new();
        for piece in pieces(&to)? {
            match piece {
                Piece::Text(text) => replacement.push_str(text),
                Piece::Variable(name) => {
                    let known = names.iter().position(|known| *known == name);
                    let known = known.ok_or_else(|| format!("`${name}$` is not in `{}`", self.from))?;
                    let _ = write!(replacement, "${{{}}}", known + 1);
                }
            }
        }
        let pattern = Regex::new(&format!("(?s)^{pattern}$")).map_err(|_| format!("`{}` is too large", self.from))?;
        Ok((pattern, replacement))
    }
}

enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// The texts and `$variables$` of a pattern.
fn pieces(pattern: &str) -> Result<Vec<Piece<'_>>, PatternError> {
    let parts: Vec<&str> = pattern.split('$').collect();
    if parts.len().is_multiple_of(2) {
        return Err(format!("`{pattern}` has an odd number of `$`"));
    }
    let piece = |(number, part)| if number % 2 == 0 { Piece::Text(part) } else { Piece::Variable(part) };
    Ok(parts.into_iter().enumerate().map(piece).collect())
}

/// How many `*` are no plain ones.
fn wildcards(pattern: &str) -> usize {
    pattern.matches('*').count() - pattern.matches("\\*").count()
}

/// With a name in the place of each `*`, and without the escapes. The last one is called 1, as mongorestore counts them.
fn named(pattern: &str) -> String {
    let (mut text, mut left, mut escaped) = (String::new(), wildcards(pattern), false);
    for c in pattern.chars() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '*' if !escaped => {
                // A String takes whatever is written to it.
                let _ = write!(text, "${left}$");
                left = left.saturating_sub(1);
            }
            other => text.push(other),
        }
        escaped = false;
    }
    text
}

fn matcher(pattern: &str) -> Result<Regex, PatternError> {
    if pattern.contains('$') {
        return Err(format!("`{pattern}` has a `$`, which only `ns_from` and `ns_to` know"));
    }
    Renaming { from: pattern.to_owned(), to: pattern.to_owned() }.rule().map(|(pattern, _)| pattern)
}

/// Which namespaces of an archive come back, and as what.
pub struct Namespaces {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    /// The last one first: it wins.
    renamings: Vec<(Regex, String)>,
}

impl Namespaces {
    /// Of a scenario. Its patterns were checked when it was read; one that is wrong matches nothing.
    pub fn of(spec: &MongodbSpec) -> Self {
        let all = |patterns: &[String]| patterns.iter().filter_map(|pattern| matcher(pattern).ok()).collect();
        Self {
            include: all(&spec.ns_include),
            exclude: all(&spec.ns_exclude),
            renamings: spec.renamings.iter().rev().filter_map(|renaming| renaming.rule().ok()).collect(),
        }
    }

    /// What a namespace of the archive is called after the restore; `None`: it is left out.
    pub fn restored(&self, name: &str) -> Option<String> {
        let matches = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(name));
        if (!self.include.is_empty() && !matches(&self.include)) || matches(&self.exclude) {
            return None;
        }
        let rule = self.renamings.iter().find(|(pattern, _)| pattern.is_match(name));
        Some(rule.map_or_else(|| name.to_owned(), |(pattern, to)| pattern.replace(name, to.as_str()).into_owned()))
    }

    /// The census that a restore of this archive must come to.
    pub fn applied(&self, census: Census) -> Census {
        let groups: Vec<Group> = census.groups;
        let names: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
        let renamed = groups.into_iter().filter_map(|group| Some(Group { name: self.restored(&group.name)?, ..group }));
        let mut groups: Vec<Group> = renamed.collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        let inventory = census.inventory.into_iter().map(|inventory| self.members(inventory, &names)).collect();
        Census { groups, inventory, ..census }
    }

    /// Members are namespaces, or namespaces with an index behind them.
    fn members(&self, inventory: Inventory, names: &[String]) -> Inventory {
        let renamed = |member: &String| {
            if inventory.kind != "indexes" {
                return self.restored(member);
            }
            // The longest namespace that it begins with: names of collections and of indexes may have dots.
            let owner = names.iter().filter(|name| member.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.')));
            let owner = owner.max_by_key(|name| name.len())?;
            Some(format!("{}{}", self.restored(owner)?, member.get(owner.len()..)?))
        };
        let mut members: Vec<String> = inventory.members.iter().filter_map(renamed).collect();
        members.sort();
        Inventory { count: members.len() as u64, members, ..inventory }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renaming(from: &str, to: &str) -> Renaming {
        Renaming { from: from.into(), to: to.into() }
    }

    fn namespaces(include: &[&str], exclude: &[&str], renamings: &[(&str, &str)]) -> Namespaces {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        Namespaces::of(&MongodbSpec {
            ns_include: texts(include),
            ns_exclude: texts(exclude),
            renamings: renamings.iter().map(|(from, to)| renaming(from, to)).collect(),
            ..MongodbSpec::default()
        })
    }

    #[test]
    fn namespaces_are_matched_whole_and_the_prefix_trap_is_none() {
        let some = namespaces(&["educationelly.*", r"shop.a\*b"], &["*.logs"], &[]);
        for (name, restored) in [
            ("educationelly.schools", true),
            ("educationelly-graphql.schools", false),
            ("educationelly.logs", false),
            ("shop.a*b", true),
            ("shop.aXb", false),
        ] {
            assert_eq!(some.restored(name).is_some(), restored, "{name}");
        }
    }

    #[test]
    fn names_change_as_mongorestore_changes_them() {
        for (renamings, name, restored) in [
            (&[("shop.*", "copy.*")][..], "shop.users", "copy.users"),
            (&[("*.*", "*_old.*")], "shop.users", "shop_old.users"),
            (&[("shop.$kind$_$day$", "$day$.$kind$")], "shop.orders_1", "1.orders"),
            (&[("shop.*", "first.*"), ("shop.users", "last.users")], "shop.users", "last.users"),
            (&[("shop.*", "copy.*")], "shopping.users", "shopping.users"),
        ] {
            assert_eq!(namespaces(&[], &[], renamings).restored(name).as_deref(), Some(restored), "{renamings:?}");
        }
    }

    #[test]
    fn patterns_that_mongorestore_refuses_are_refused() {
        for (from, to, message) in [
            ("a.*", "b.c", "`a.*` and `b.c` have different numbers of `*`"),
            ("a.$x", "b.$x$", "`a.$x` has an odd number of `$`"),
            ("a.$x$$x$", "b.$x$", "`$x$` is there twice in `a.$x$$x$`"),
            ("a.$x$", "b.$y$", "`$y$` is not in `a.$x$`"),
        ] {
            assert_eq!(renaming(from, to).check(), Err(message.to_owned()));
        }
        assert!(check_patterns(["a.$x$"]).is_err() && check_patterns(["a.*", "b.c"]).is_ok());
    }

    #[test]
    fn a_census_is_filtered_and_renamed_with_its_indexes() {
        let group = |name: &str, count| Group { name: name.into(), count, newest: Vec::new() };
        let inventory = |kind: &str, members: &[&str]| Inventory {
            kind: kind.into(),
            count: members.len() as u64,
            members: members.iter().map(ToString::to_string).collect(),
            named_by: 0,
        };
        let census = Census {
            vantage: crate::census::Vantage::Artifact,
            groups_are: "collections".into(),
            counted_in: "documents".into(),
            groups: vec![group("shop.a", 1), group("shop.a.b", 2), group("shop.logs", 3)],
            inventory: vec![
                inventory("indexes", &["shop.a._id_", "shop.a.b.x_1", "shop.logs._id_"]),
                inventory("views", &["shop.v"]),
            ],
            partitions: std::collections::BTreeMap::new(),
        };
        let applied = namespaces(&[], &["shop.logs"], &[("shop.a.b", "other.ab"), ("shop.v", "other.v")]).applied(census);
        let groups: Vec<(&str, u64)> = applied.groups.iter().map(|g| (g.name.as_str(), g.count)).collect();
        assert_eq!(groups, [("other.ab", 2), ("shop.a", 1)]);
        let members: Vec<&[String]> = applied.inventory.iter().map(|i| i.members.as_slice()).collect();
        assert_eq!(members, [&["other.ab.x_1".to_owned(), "shop.a._id_".to_owned()][..], &["other.v".to_owned()]]);
    }
}
