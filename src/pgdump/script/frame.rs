//! How a script begins and ends. What `pg_dump` and `pg_dumpall` write has a first and a last line, and nothing behind it
//! (`pg_backup_archiver.c`, `pg_dumpall.c`); a script by hand may begin and end as it likes. Pure.

use super::bytes::Bytes;
use crate::pgdump::{Cause, Damage};

/// Who wrote a script.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Author {
    /// Somebody by hand, or another tool: nothing is promised.
    #[default]
    Other,
    /// `pg_dump`, or `pg_restore --file`.
    PgDump,
    /// `pg_dumpall`
    PgDumpAll,
}

/// The first and last lines that were met.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Frame {
    pub author: Author,
    /// Something stood before the first line.
    led: bool,
    cluster_open: bool,
    dump_open: bool,
    /// The outermost end was met.
    pub ended: bool,
    /// Where it was met.
    ended_at: u64,
    /// Statements that may stand behind the end do.
    followed: bool,
    /// `\restrict KEY` without its `\unrestrict KEY`.
    key: Option<Vec<u8>>,
    crlf: bool,
    /// A part of another dump was found behind the end.
    part: bool,
    /// Where another dump begins behind the end.
    again: Option<u64>,
    pub damages: Vec<Damage>,
}

const DUMP: &str = "-- PostgreSQL database dump";
const CLUSTER: &str = "-- PostgreSQL database cluster dump";
const COMPLETE: &str = " complete";

impl Frame {
    fn damage(&mut self, at: u64, what: &str, cause: Cause) {
        self.damages.push(Damage { at, what: what.to_owned(), cause });
    }

    /// Whether a tool of `PostgreSQL` wrote it, so that what it never writes is damage.
    pub fn by_tool(&self) -> bool {
        self.author != Author::Other
    }

    /// Takes a comment; `within`: in the middle of a statement. `true`: one database's dump ends here.
    pub fn comment(&mut self, comment: &[u8], at: u64, within: bool) -> bool {
        if !comment.starts_with(b"-- PostgreSQL database ") {
            let part = self.ended && !self.part && comment.starts_with(b"-- Name: ");
            if part && self.again.is_none() {
                self.part = true;
                self.damage(at, "a part of another dump stands behind the end", Cause::Behind);
            }
            // Behind the closing line only its own `--` stands.
            self.followed |= self.ended && comment.trim_ascii() != b"--";
            return false;
        }
        let Ok(line) = std::str::from_utf8(comment.trim_ascii_end()) else { return false };
        let (begins, ends) = match line.strip_suffix(COMPLETE) {
            Some(line) => (None, Some(line)),
            None => (Some(line), None),
        };
        if ends.is_some() && within && self.by_tool() && !self.ended {
            self.damage(at, "a statement before the closing line does not end", Cause::Changed);
        }
        match (begins, ends) {
            (Some(DUMP | CLUSTER), _) => self.begin(begins == Some(CLUSTER), at, within, comment.ends_with(b"\r")),
            (_, Some(DUMP)) => self.end(false, at),
            (_, Some(CLUSTER)) => self.end(true, at),
            _ => return false,
        }
        ends.is_some()
    }

    fn begin(&mut self, cluster: bool, at: u64, within: bool, crlf: bool) {
        if crlf && !self.crlf {
            self.crlf = true;
            self.damage(at, "its line ends were changed by a transfer in text mode: LF became CRLF", Cause::Changed);
        }
        if within {
            self.damage(at, "something that is no SQL stands before the dump's first line", Cause::Changed);
        }
        if self.ended {
            self.again = self.again.or(Some(at));
        } else if !self.led && self.author == Author::Other {
            self.author = if cluster { Author::PgDumpAll } else { Author::PgDump };
        }
        if cluster {
            self.cluster_open = true;
        } else if self.dump_open {
            self.damage(at, "another dump begins before the end of the one before", Cause::Changed);
        }
        self.dump_open |= !cluster;
    }

    fn end(&mut self, cluster: bool, at: u64) {
        let open = if cluster { &mut self.cluster_open } else { &mut self.dump_open };
        let was_open = std::mem::take(open);
        if cluster {
            self.dump_open = false;
        }
        if !was_open && self.by_tool() {
            let cause = if self.ended { Cause::Behind } else { Cause::Changed };
            self.damage(at, "the end of another dump", cause);
        }
        if self.by_tool() && !self.cluster_open && !self.ended {
            (self.ended, self.ended_at) = (true, at);
        }
    }

    /// Takes `\restrict KEY` or `\unrestrict KEY`; `last`: the script ends with it.
    pub fn restrict(&mut self, begins: bool, key: &[u8], at: u64, last: bool) {
        if begins {
            return self.key = Some(key.to_vec());
        }
        match self.key.take() {
            Some(open) if open != key && last && open.starts_with(key) => {
                self.damage(at, "it is cut in the middle of its last line, \\unrestrict", Cause::Cut);
            }
            Some(open) if open != key => self.damage(at, "\\unrestrict has another key than \\restrict", Cause::Changed),
            None if self.by_tool() => self.damage(at, "\\unrestrict without \\restrict", Cause::Changed),
            _ => {}
        }
    }

    /// Takes a statement: whether its first word is one of SQL, and whether a tool's message.
    pub fn statement(&mut self, at: u64, first: bool, sql: bool, message: bool) {
        self.led |= self.author == Author::Other && sql;
        self.followed |= self.ended;
        if sql || !(first || self.by_tool()) {
            return;
        }
        let (what, cause) = match () {
            () if self.ended => ("something that is no SQL stands behind the end of the dump", Cause::Behind),
            () if message && !self.by_tool() => ("it is no dump but what a tool wrote to its error output", Cause::Unknown),
            () if message => ("what a tool wrote to its error output stands among the statements", Cause::Changed),
            () if self.by_tool() => ("something that is no SQL statement, or an unknown one", Cause::Changed),
            () => ("it begins with something that is no SQL: no PostgreSQL dump", Cause::Unknown),
        };
        self.damage(at, what, cause);
    }

    /// Takes a statement; `twice`: it makes a table, or fills one, that was made or filled before. Behind another dump's end that is
    /// the same dump again, or another state of it.
    pub fn content(&mut self, twice: bool) {
        if let Some(at) = self.again.take_if(|_| twice) {
            self.part = true;
            self.damage(at, "another dump, or the same one twice, begins behind the end", Cause::Behind);
        }
    }

    /// The script is over; `begun`: within a statement. What comes back is whether its end is there.
    pub fn finish(&mut self, bytes: &Bytes, begun: Option<u64>) -> bool {
        let (end, whole) = (bytes.length(), !self.dump_open && !self.cluster_open);
        if self.dump_open || self.cluster_open {
            let tool = if self.cluster_open { "pg_dumpall" } else { "pg_dump" };
            self.damage(end, &format!("it ends too early: the closing line of {tool} is missing"), Cause::Cut);
        } else if let Some(at) = begun.filter(|at| self.is_behind(*at)) {
            self.damage(at, "something that is no SQL statement stands behind the end of the dump", Cause::Behind);
        } else if self.key.is_some() && self.by_tool() {
            self.damage(end, "it ends too early: \\restrict has no \\unrestrict", Cause::Cut);
        } else if self.ended && !self.followed && !self.crlf && !bytes.ends_with_empty_line() {
            self.damage(end, "it is cut by its last bytes: pg_dump ends with an empty line", Cause::Cut);
        }
        if self.by_tool() && bytes.begins_with_message() {
            self.damage(0, "what a tool wrote to its error output stands before the dump", Cause::Changed);
        }
        whole
    }

    /// Whether something that begins there stands behind the end.
    pub const fn is_behind(&self, at: u64) -> bool {
        self.ended && at > self.ended_at
    }

    /// Whether carriage returns were found at line ends already.
    pub const fn crlf(&self) -> bool {
        self.crlf
    }
}

/// Every command of `PostgreSQL` 18 by its first word (its manual, part VI, "SQL Commands").
const COMMANDS: &[&str] = &[
    "insert",
    "select",
    "create",
    "alter",
    "set",
    "copy",
    "comment",
    "grant",
    "revoke",
    "drop",
    "begin",
    "commit",
    "abort",
    "analyse",
    "analyze",
    "call",
    "checkpoint",
    "close",
    "cluster",
    "deallocate",
    "declare",
    "delete",
    "discard",
    "do",
    "end",
    "execute",
    "explain",
    "fetch",
    "import",
    "listen",
    "load",
    "lock",
    "merge",
    "move",
    "notify",
    "prepare",
    "reassign",
    "refresh",
    "reindex",
    "release",
    "reset",
    "rollback",
    "savepoint",
    "security",
    "show",
    "start",
    "table",
    "truncate",
    "unlisten",
    "update",
    "vacuum",
    "values",
    "with",
];

/// Whether a statement of SQL can begin with this word.
pub fn is_command(word: &[u8]) -> bool {
    COMMANDS.iter().any(|command| word.eq_ignore_ascii_case(command.as_bytes()))
}

/// Whether a tool's message begins with this word.
pub fn is_tool(word: &[u8]) -> bool {
    [&b"pg_dump"[..], b"pg_dumpall", b"pg_restore", b"psql"].contains(&word)
}
