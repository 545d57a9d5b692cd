//! What a script makes, and how many rows it puts where: counted from its statements and rows, checked against `pg_dump`'s own
//! comments. Pure.

use super::announced::{Announced, Entry};
use super::objects;
use crate::pgdump::sql::{Encoding, Qualified, RowCounter, Statement, Tuples};
use crate::pgdump::{Cause, Damage, Database};
use memchr::memchr;
use std::collections::BTreeSet;

/// What is counted of a script.
#[derive(Debug, Default)]
pub struct Census {
    databases: Vec<Database>,
    /// The one that statements go to.
    current: Database,
    /// Where unqualified names are: the first schema of `search_path`.
    path: Option<Vec<u8>>,
    /// Every table that the current database was given.
    made: BTreeSet<String>,
    /// A tool of `PostgreSQL` wrote it: what it announces must come.
    by_tool: bool,
    /// Tables with rows in the current database whose rows cannot be counted.
    uncounted: BTreeSet<String>,
    copies: u64,
    inserts: u64,
    /// How the last INSERT began, for which table, and the rows of those like it: there are many in a row.
    last: (Vec<u8>, String, u64),
    opened: u64,
    announced: Announced,
    rows: Option<Rows>,
    pub damages: Vec<Damage>,
}

/// The rows of the current `COPY`.
#[derive(Debug)]
struct Rows {
    table: String,
    start: Option<u64>,
    counter: RowCounter,
    counted: bool,
    carriage_return: Option<u64>,
}

/// What the census must know of the script.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    pub encoding: Encoding,
    /// A tool of `PostgreSQL` wrote it.
    pub by_tool: bool,
    /// Its line ends are wrong everywhere: said once.
    pub crlf: bool,
    /// Where the current token stands.
    pub at: u64,
}

impl Census {
    fn damage(&mut self, at: u64, what: String, cause: Cause) {
        self.damages.push(Damage { at, what, cause });
    }

    /// The script goes on in another database, or in the same one if it does not say which.
    pub fn connect(&mut self, name: Option<String>) {
        let Some(name) = name else { return };
        self.end_of_dump();
        (self.copies, self.inserts, self.opened) = (0, 0, 0);
        (self.path, self.made) = (None, BTreeSet::new());
        self.leave();
        self.current.name = Some(name);
    }

    /// The current database is complete. Where a script begins without a name and makes nothing, there is none of the dump.
    fn leave(&mut self) {
        self.end_inserts();
        for table in std::mem::take(&mut self.uncounted) {
            self.current.tables.remove(&table);
        }
        let database = std::mem::take(&mut self.current);
        if database != Database::default() {
            self.databases.push(database);
        }
    }

    /// How many tables the current database has made.
    pub fn made(&self) -> usize {
        self.made.len()
    }

    /// Whether rows are copied into a table that had its rows already.
    pub fn copies_again(&self, statement: &Statement, encoding: Encoding) -> bool {
        let table = statement.qualified(1).filter(|_| statement.is(0, "copy"));
        table.is_some_and(|(name, _)| self.current.tables.contains_key(&self.shown(&name, encoding)))
    }

    /// A comment of `pg_dump` announces what comes next.
    pub fn comment(&mut self, comment: &[u8], context: Context) {
        if comment.starts_with(b"-- load via partition root ") {
            return self.announced.at_root();
        }
        let Some(entry) = Entry::read(comment, context.at) else { return };
        if let Some(name) = entry.function(context.encoding) {
            self.current.objects.entry("functions").or_default().insert(name);
        }
        let lost = self.announced.begin(entry);
        self.lost_definition(lost);
    }

    /// One database's dump has ended.
    pub fn end_of_dump(&mut self) {
        let announced = std::mem::take(&mut self.announced);
        self.end_announced(announced);
    }

    fn lost_definition(&mut self, lost: Option<Entry>) {
        if let Some(entry) = lost.filter(|_| self.by_tool) {
            let what = format!("{} is announced, and its definition is missing", entry.shown());
            self.damage(entry.at, what, Cause::Changed);
        }
    }

    fn end_announced(&mut self, announced: Announced) {
        let (definition, rows) = announced.end();
        self.lost_definition(definition);
        // With INSERT statements, a table without rows has none.
        if self.by_tool && self.copies > 0 && self.inserts == 0 {
            for entry in rows {
                self.damage(
                    entry.at,
                    format!("the rows of {} are announced, and they are missing", entry.table()),
                    Cause::Changed,
                );
            }
        }
    }

    /// Takes a statement that has ended, and its rows if it is an `INSERT`.
    pub fn statement(&mut self, statement: &Statement, tuples: &Tuples, context: Context) {
        self.by_tool = context.by_tool;
        self.announced.answer();
        match () {
            () if tuples.is_insert() => self.insert(statement, tuples.rows(), context),
            () if statement.is(0, "copy") => self.copy(statement, context),
            () if statement.is(0, "set") => self.set(statement),
            () if statement.is(0, "select") => self.select(statement),
            () => {
                let found = objects::read(statement, &|name: &Qualified| self.shown(name, context.encoding), context.encoding);
                self.take(found);
            }
        }
    }

    fn take(&mut self, found: Option<objects::Found>) {
        match found {
            Some(objects::Found::Object(kind, name)) => {
                self.current.objects.entry(kind).or_default().insert(name);
            }
            Some(objects::Found::Table(name, parent)) => {
                if let Some(parent) = parent {
                    self.current.partitions.insert(name.clone(), parent);
                }
                self.made.insert(name);
            }
            Some(objects::Found::Partition(name, parent)) => {
                self.current.partitions.insert(name, parent);
            }
            None => {}
        }
    }

    /// `schema.name`, as text.
    fn shown(&self, name: &Qualified, encoding: Encoding) -> String {
        let schema = name.schema.as_deref().or(self.path.as_deref()).unwrap_or(b"public");
        format!("{}.{}", encoding.decode(schema), encoding.decode(&name.name))
    }

    fn insert(&mut self, statement: &Statement, rows: Option<u64>, context: Context) {
        self.inserts += 1;
        self.announced.rows();
        if self.last.0 != statement.head() {
            self.end_inserts();
            let Some((name, _)) = statement.qualified(statement.behind(1, &["into"])) else { return };
            self.last = (statement.head().to_vec(), self.shown(&name, context.encoding), 0);
        }
        match rows {
            Some(rows) => self.last.2 += rows,
            None => drop(self.uncounted.insert(self.last.1.clone())),
        }
    }

    /// Other statements come than INSERTs into the same table.
    fn end_inserts(&mut self) {
        let (head, table, rows) = std::mem::take(&mut self.last);
        if !head.is_empty() {
            *self.current.tables.entry(table).or_default() += rows;
        }
    }

    fn copy(&mut self, statement: &Statement, context: Context) {
        let Some((name, behind)) = statement.qualified(1) else { return };
        let Some(stdin) = statement.find("stdin") else { return };
        self.copies += 1;
        let table = self.shown(&name, context.encoding);
        let listed = statement.is_sign(behind, b'(').then(|| statement.listed()).flatten();
        let options = statement.pieces().len() > stdin + 1;
        // In CSV a row may have many lines, and a binary file none.
        let counted =
            !["csv", "binary", "header"].iter().any(|word| (stdin..statement.pieces().len()).any(|at| statement.is(at, word)));
        if context.by_tool {
            self.check_table(&name, &table, context);
        }
        let columns = listed.filter(|_| context.by_tool && !options);
        let rows = RowCounter::new(columns);
        self.rows = Some(Rows { table, start: None, counter: rows, counted, carriage_return: None });
    }

    /// Whether these rows are those that were announced, and their table is one that the script has made.
    fn check_table(&mut self, name: &Qualified, table: &str, context: Context) {
        let other = self.announced.rows().filter(|entry| !entry.is(name)).map(Entry::table);
        let Some(expected) = other else {
            let extensions = self.current.objects.get("extensions").is_some_and(|all| !all.is_empty());
            if !self.made.is_empty() && !self.made.contains(table) && !extensions {
                self.damage(context.at, format!("rows for {table}, a table that is not in the dump"), Cause::Changed);
            }
            return;
        };
        // With --load-via-partition-root the rows of a partition go to its root.
        if self.made.contains(&expected) && !self.current.partitions.contains_key(&expected) {
            self.damage(context.at, format!("the rows announced for {expected} stand under the name of {table}"), Cause::Changed);
        }
    }

    /// Takes a piece of the rows of a `COPY`.
    pub fn rows(&mut self, piece: &[u8], context: Context) {
        let Some(rows) = &mut self.rows else { return };
        rows.start.get_or_insert(context.at);
        rows.counter.push(piece);
        // pg_dump writes `\r`.
        if context.by_tool && !context.crlf && rows.counted && rows.carriage_return.is_none() {
            rows.carriage_return = memchr(b'\r', piece).map(|at| context.at + at as u64);
        }
    }

    /// The rows of a `COPY` have ended, or the script in the middle of them. Its table.
    pub fn end_rows(&mut self) -> Option<String> {
        let Rows { table, start, counter, counted, carriage_return } = self.rows.take()?;
        if let Some(torn) = counter.torn() {
            let what = if torn.message {
                format!("what a tool wrote to its error output stands among the rows of {table}")
            } else {
                format!("a row of {table} has {} columns, which is not what the others have", torn.columns)
            };
            self.damage(start.unwrap_or_default() + torn.at, what, Cause::Changed);
        }
        if let Some(at) = carriage_return {
            self.damage(
                at,
                format!("a carriage return stands among the rows of {table}, and pg_dump never writes one"),
                Cause::Changed,
            );
        }
        if counted {
            *self.current.tables.entry(table.clone()).or_default() += counter.rows();
        } else {
            self.uncounted.insert(table.clone());
        }
        Some(table)
    }

    /// `SET search_path`
    fn set(&mut self, statement: &Statement) {
        let at = statement.behind(1, &["session", "local"]);
        if statement.is(at, "search_path") {
            self.search(statement.text(at + 2));
        }
    }

    fn search(&mut self, path: &[u8]) {
        self.end_inserts();
        let first = path.split(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
        let first = first.strip_prefix(b"\"").and_then(|it| it.strip_suffix(b"\"")).unwrap_or(first);
        let names = !first.is_empty() && !first.starts_with(b"$") && first != b"default";
        self.path = names.then(|| first.to_vec());
    }

    /// Functions that stand for statements: `set_config`, and those that make large objects.
    fn select(&mut self, statement: &Statement) {
        let Some((function, behind)) = statement.qualified(1) else { return };
        match function.name.as_slice() {
            b"set_config" if statement.text(behind + 1) == b"search_path" => self.search(statement.text(behind + 3)),
            // A dump opens each one that it makes; one of data only may open what is there.
            b"lo_create" | b"lo_creat" | b"lo_from_bytea" | b"lo_import" => self.current.large_objects += 1,
            b"lo_open" => {
                self.opened += 1;
                let opened = self.opened;
                self.current.large_objects = self.current.large_objects.max(opened);
            }
            _ => {}
        }
    }

    /// The script is over; `whole`: not too early.
    pub fn finish(mut self, whole: bool) -> (Vec<Database>, Vec<Damage>) {
        if whole {
            self.end_of_dump();
        }
        self.leave();
        if self.databases.is_empty() {
            self.databases.push(Database::default());
        }
        (self.databases, self.damages)
    }
}
