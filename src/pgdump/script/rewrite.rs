//! How a statement must be changed for a server that is not its own. Pure.

use super::database;
use super::outlet::Edit;
use super::rules::Rules;
use crate::pgdump::sql::{Encoding, PieceKind, Statement};
use std::ops::Range;

/// Longer names are cut by the server (`NAMEDATALEN`).
const LONGEST: usize = 63;

/// Databases that every server has and that a dump of a cluster makes again.
const BUILT_IN: [&str; 3] = ["postgres", "template0", "template1"];

/// What is known of the script where the statement stands.
#[derive(Debug, Clone, Copy)]
pub struct Around {
    pub encoding: Encoding,
    /// A tool of `PostgreSQL` wrote it.
    pub by_tool: bool,
    /// Nothing was made in this database yet.
    pub preamble: bool,
    /// There was a `DO`, which may make roles as it likes.
    pub may_make_roles: bool,
}

/// What happens to a statement.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub edits: Vec<Edit>,
    /// What to say of it.
    pub note: Option<String>,
    /// Roles that are made before it.
    pub roles: Vec<String>,
}

impl Change {
    fn leave_out(place: Range<u64>, note: Option<String>) -> Self {
        Self { edits: vec![Edit { place, with: Vec::new() }], note, roles: Vec::new() }
    }

    fn replace(place: Range<u64>, with: impl Into<Vec<u8>>, note: Option<String>) -> Self {
        Self { edits: vec![Edit { place, with: with.into() }], note, roles: Vec::new() }
    }
}

/// Whether a statement may be changed, as far as it was read: then it is held back until it has ended.
pub fn may_change(statement: &Statement, around: Around) -> bool {
    let second = |words: &[&str]| statement.pieces().len() < 2 || words.iter().any(|word| statement.is(1, word));
    match () {
        () if statement.is(0, "create") => {
            second(&["role", "user", "group", "policy", "schema", "database", "tablespace", "extension", "or"])
        }
        () if statement.is(0, "select") => around.preamble,
        () => ["alter", "grant", "revoke", "set", "drop", "reassign", "comment", "copy"].iter().any(|word| statement.is(0, word)),
    }
}

/// Decides on a statement that has ended. `named`: the roles in it. The rules learn what it makes.
pub fn decide(statement: &Statement, place: Range<u64>, named: Vec<Vec<u8>>, around: Around, rules: &mut Rules) -> Change {
    let left_out = without_effect(statement, &place, around, rules)
        .or_else(|| tablespace(statement, &place, rules))
        .or_else(|| of_database(statement, &place, around, rules))
        .or_else(|| extension(statement, &place, around, rules))
        .or_else(|| schema(statement, around, rules))
        .or_else(|| program(statement, &place, rules));
    let mut change = left_out.unwrap_or_else(|| of_role(statement, &place, around, rules));
    if change.edits.first().is_none_or(|edit| edit.place != place) {
        make_roles(named, place.start, around, rules, &mut change);
    }
    change
}

/// `--clean`: what is to be dropped is not there.
fn without_effect(statement: &Statement, place: &Range<u64>, around: Around, rules: &Rules) -> Option<Change> {
    let standing = rules.clean.as_ref().filter(|_| around.preamble)?;
    if !cleans(statement, around.by_tool) {
        return None;
    }
    let at = statement.behind(2, &["if", "exists"]);
    let name = statement.name(at).map(|name| around.encoding.decode(&name)).unwrap_or_default();
    let is_there = (statement.is(1, "schema") || statement.is(1, "extension")) && standing.contains(&name);
    (!is_there).then(|| Change::leave_out(place.clone(), None))
}

/// Whether a statement drops something. Before `pg_dump` drops a view that something depends on, it makes one of NULLs of it.
fn cleans(statement: &Statement, by_tool: bool) -> bool {
    let alters = statement.is(0, "alter") && statement.find("drop").is_some() && statement.find("add").is_none();
    let unlinks = statement.is(0, "select") && (1..6).any(|at| statement.is(at, "lo_unlink"));
    let of_nulls = by_tool && statement.begins(&["create", "or", "replace", "view"]);
    let drops = statement.is(0, "drop") && DROPPED.split_whitespace().any(|kind| statement.is(1, kind));
    drops || alters || unlinks || of_nulls
}

/// What can be dropped, by the first word of its kind. Anything else behind `DROP` is a damaged statement, for the server to refuse.
const DROPPED: &str = "access aggregate cast collation conversion database domain event extension foreign function group index \
    language materialized operator owned policy procedural procedure publication role routine rule schema sequence server statistics \
    subscription table tablespace text transform trigger type user view";

/// Whether a statement ends the part of a script that only drops.
pub fn makes(statement: &Statement, by_tool: bool) -> bool {
    let makes = ["create", "copy", "insert", "alter"].iter().any(|word| statement.is(0, word));
    makes && !cleans(statement, by_tool)
}

/// `pg_dump -n public` makes the schema that every database has.
fn schema(statement: &Statement, around: Around, rules: &Rules) -> Option<Change> {
    let standing = rules.clean.as_ref()?;
    let name = statement.begins(&["create", "schema"]).then(|| statement.name(2)).flatten()?;
    let place = statement.pieces().get(1)?.place.end;
    let made = standing.contains(&around.encoding.decode(&name));
    made.then(|| Change::replace(place..place, " IF NOT EXISTS", None))
}

/// An extension that the script goes on without, and what is said of it.
fn extension(statement: &Statement, place: &Range<u64>, around: Around, rules: &Rules) -> Option<Change> {
    let at = match () {
        () if statement.begins(&["create", "extension"]) => statement.behind(2, &["if", "not", "exists"]),
        () if statement.begins(&["alter", "extension"]) || statement.begins(&["drop", "extension"]) => {
            statement.behind(2, &["if", "exists"])
        }
        () if statement.begins(&["comment", "on", "extension"]) => 3,
        () => return None,
    };
    let name = around.encoding.decode(&statement.name(at)?);
    rules.without_extensions.contains(&name).then(|| Change::leave_out(place.clone(), None))
}

/// Everything goes into the default tablespace.
fn tablespace(statement: &Statement, place: &Range<u64>, rules: &Rules) -> Option<Change> {
    if !rules.tablespaces {
        return None;
    }
    let about = statement.is(1, "tablespace") && ["create", "alter", "drop"].iter().any(|word| statement.is(0, word));
    let on = ["grant", "revoke", "comment"].iter().any(|word| statement.is(0, word))
        && statement.find("on").is_some_and(|at| statement.is(at + 1, "tablespace"));
    if about || on {
        let note = statement.is(0, "create").then(|| "tablespaces of the dump were left out".to_owned());
        return Some(Change::leave_out(place.clone(), note));
    }
    if statement.is(0, "alter") {
        let at = statement.find("set")?;
        let moves = statement.is(at + 1, "tablespace") || statement.is(at + 1, "default_tablespace");
        return moves.then(|| Change::leave_out(place.clone(), None));
    }
    let value = statement.behind(1, &["session", "local"]) + 2;
    let sets = statement.is(0, "set") && statement.is(value - 2, "default_tablespace") && !statement.text(value).is_empty();
    let place = statement.pieces().get(value)?.place.clone();
    sets.then(|| Change::replace(place, "''", Some("tablespaces of the dump were left out".to_owned())))
}

/// Databases are made with locales of this server; those that every server has stay.
fn of_database(statement: &Statement, place: &Range<u64>, around: Around, rules: &mut Rules) -> Option<Change> {
    let tablespaces = rules.tablespaces;
    let databases = rules.databases.as_mut().filter(|_| statement.is(1, "database"))?;
    let at = statement.behind(2, &["if", "exists"]);
    let name = around.encoding.decode(&statement.name(at)?);
    if statement.is(0, "drop") {
        let gone = databases.known.contains(&name) && !BUILT_IN.contains(&name.as_str());
        return (!gone).then(|| Change::leave_out(place.clone(), None));
    }
    if !statement.is(0, "create") {
        return None;
    }
    if BUILT_IN.contains(&name.as_str()) || !databases.known.insert(name.clone()) {
        return Some(Change::leave_out(place.clone(), None));
    }
    let fitted = database::fit(statement, &databases.locales, tablespaces)?;
    let note = fitted.note.map(|note| format!("database {name}: {note}"));
    Some(Change::replace(fitted.place, fitted.with, note))
}

/// `COPY ... FROM PROGRAM` runs a program.
fn program(statement: &Statement, place: &Range<u64>, rules: &Rules) -> Option<Change> {
    let at = statement.find("program").filter(|_| rules.commands && statement.is(0, "copy"))?;
    let runs = statement.is(at - 1, "from") || statement.is(at - 1, "to");
    runs.then(|| Change::leave_out(place.clone(), Some("COPY ... PROGRAM was left out".to_owned())))
}

/// Roles that are there are not made again; the one that runs the script stays as it is; no password is set, and roles are given by
/// whoever runs the script.
fn of_role(statement: &Statement, place: &Range<u64>, around: Around, rules: &mut Rules) -> Change {
    if statement.is(0, "grant") && rules.roles.is_some() {
        let edits = grantor(statement).map(|place| Edit { place, with: Vec::new() });
        return Change { edits: edits.into_iter().collect(), ..Change::default() };
    }
    let role = ["role", "user", "group"].iter().any(|word| statement.is(1, word)) && !statement.is(2, "mapping");
    let Some(server) = rules.roles.as_mut().filter(|_| role) else { return Change::default() };
    let at = statement.behind(2, &["if", "exists"]);
    let Some(name) = statement.name(at).map(|name| role_name(&name, around.encoding)) else { return Change::default() };
    let is_there = statement.is(0, "create") && !server.known.insert(name.clone());
    let own = name == server.superuser && (statement.is(0, "alter") || statement.is(0, "drop"));
    if is_there || own {
        return Change::leave_out(place.clone(), None);
    }
    if statement.is(0, "drop") {
        server.known.remove(&name);
        return Change::default();
    }
    let edits = password(statement).map(|place| Edit { place, with: Vec::new() });
    Change { edits: edits.into_iter().collect(), ..Change::default() }
}

/// Where a role's password stands: `[ENCRYPTED] PASSWORD 'secret'`.
fn password(statement: &Statement) -> Option<Range<u64>> {
    let at = statement.find("password").filter(|_| statement.is(0, "create") || statement.is(0, "alter"))?;
    let start = if statement.is(at - 1, "encrypted") { at - 1 } else { at };
    let value = statement.pieces().get(at + 1).filter(|piece| matches!(piece.kind, PieceKind::Text | PieceKind::Word))?;
    Some(statement.pieces().get(start)?.place.start..value.place.end)
}

/// Where it stands who gave a role to another. From `PostgreSQL` 16 on that must be the superuser that made the cluster, and it has
/// another name there.
fn grantor(statement: &Statement) -> Option<Range<u64>> {
    let at = statement.find("granted").filter(|at| statement.find("on").is_none() && statement.is(at + 1, "by"))?;
    Some(statement.pieces().get(at)?.place.start..statement.pieces().get(at + 2)?.place.end)
}

/// A role's name, as the server cuts it.
pub fn role_name(name: &[u8], encoding: Encoding) -> String {
    let name = encoding.decode(name);
    let end = (0..=LONGEST.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or_default();
    name.get(..end).unwrap_or_default().to_owned()
}

/// Makes the roles that a statement names and nobody has. As powerful as the role that restores, because the dump may act as
/// them (`SET SESSION AUTHORIZATION`) or give them what only a superuser may own (an event trigger); and nobody can connect as one.
fn make_roles(named: Vec<Vec<u8>>, before: u64, around: Around, rules: &mut Rules, change: &mut Change) {
    let Some(server) = &mut rules.roles else { return };
    let mut with = Vec::new();
    for raw in named {
        let name = role_name(&raw, around.encoding);
        if server.known.insert(name.clone()) {
            with.extend(make_role(&raw, around.may_make_roles));
            change.roles.push(name);
        }
    }
    if !with.is_empty() {
        change.edits.insert(0, Edit { place: before..before, with });
    }
}

fn make_role(raw: &[u8], perhaps: bool) -> Vec<u8> {
    let mut create = b"CREATE ROLE \"".to_vec();
    for byte in raw {
        create.extend(std::iter::repeat_n(*byte, 1 + usize::from(*byte == b'"')));
    }
    create.extend(b"\" SUPERUSER NOLOGIN; ");
    if !perhaps {
        return create;
    }
    let head = &b"DO $assay$ BEGIN "[..];
    [head, &create, b"EXCEPTION WHEN duplicate_object THEN NULL; END $assay$; "].concat()
}
