//! Counts the rows in a table's data as they stand in an archive: lines of COPY's text format up to `\.`, or INSERT statements.
//!
//! A line break or a tab within a value is written as `\n` or `\t`, and so are all their kind (`CopyAttributeOutText` in `copyto.c` of
//! `PostgreSQL`): a break is a row's end, a tab a column's, and a zero byte or a carriage return cannot be.

use super::super::sql::{InsertCounter, tabs};
use memchr::{memchr, memchr_iter, memchr2};

/// What stands first in the data of a table that was dumped with `--inserts`.
const INSERT: &[u8] = b"INSERT INTO ";

/// Counts while the data come in pieces.
#[derive(Default)]
pub struct RowCounter {
    copy: Copied,
    line: Line,
    head: Vec<u8>,
    /// Only for data that begin as INSERT statements do; rows of COPY may begin so, too.
    inserts: Option<InsertCounter>,
}

/// What was counted; how it must be read is known from the table of contents.
pub struct Counted {
    copy: Copied,
    inserts: Option<Result<u64, String>>,
}

/// Rows of COPY's text format.
#[derive(Debug, Default, Clone, Copy)]
struct Copied {
    rows: u64,
    /// The tabs in the first row.
    tabs: u64,
    /// The first row with another number of tabs.
    torn: Option<u64>,
    /// Rows with something in them.
    filled: u64,
    /// `\.` was seen.
    ended: bool,
    /// Something stands behind it.
    behind: bool,
    /// The row with the first byte that cannot be.
    control: Option<u64>,
}

/// The line that has not ended yet.
#[derive(Default)]
struct Line {
    tabs: u64,
    length: u64,
    head: [u8; 2],
}

impl RowCounter {
    /// The next piece.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.head.len() < INSERT.len() {
            self.sniff(bytes);
        } else if let Some(inserts) = &mut self.inserts {
            inserts.push(bytes);
        }
        if self.copy.control.is_none()
            && let Some(at) = memchr2(0, b'\r', bytes)
        {
            self.copy.control = Some(self.copy.rows + 1 + memchr_iter(b'\n', &bytes[..at]).count() as u64);
        }
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            self.line.push(&rest[..end]);
            self.copy.line(&self.line);
            self.line = Line::default();
            rest = &rest[end + 1..];
        }
        self.line.push(rest);
    }

    fn sniff(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(INSERT.len() - self.head.len());
        self.head.extend_from_slice(&bytes[..count]);
        if self.head == INSERT {
            let mut inserts = InsertCounter::new();
            inserts.push(INSERT);
            inserts.push(&bytes[count..]);
            self.inserts = Some(inserts);
        }
    }

    /// The data are at their end.
    pub fn finish(mut self) -> Counted {
        if self.line.length > 0 {
            // A last line without its break: behind the end, or rows that have none.
            self.copy.behind |= self.copy.ended;
            self.copy.ended = false;
        }
        Counted { copy: self.copy, inserts: self.inserts.map(|inserts| inserts.finish().map_err(|damage| damage.what)) }
    }
}

impl Line {
    fn push(&mut self, part: &[u8]) {
        if let (0..=1, Some(byte)) = (self.length, part.first()) {
            self.head[usize::from(self.length == 1)] = *byte;
            if let (0, Some(second)) = (self.length, part.get(1)) {
                self.head[1] = *second;
            }
        }
        self.length += part.len() as u64;
        self.tabs += tabs(part) as u64;
    }
}

impl Copied {
    fn line(&mut self, line: &Line) {
        if self.ended {
            self.behind |= line.length > 0;
        } else if line.length == 2 && line.head == *b"\\." {
            self.ended = true;
        } else {
            self.row(line);
        }
    }

    fn row(&mut self, line: &Line) {
        self.rows += 1;
        self.filled += u64::from(line.length > 0);
        if self.rows == 1 {
            self.tabs = line.tabs;
        } else if self.tabs != line.tabs && self.torn.is_none() {
            self.torn = Some(self.rows);
        }
    }

    /// What is wrong with rows of so many columns.
    fn flaw(&self, columns: u64) -> Option<String> {
        if let Some(row) = self.control {
            return Some(format!("hold a byte in row {row} that COPY never writes"));
        }
        if self.rows > 0 && self.tabs + 1 != columns && (columns > 0 || self.filled > 0) {
            return Some(format!("have {} columns in their first row, but {columns} in the table of contents", self.tabs + 1));
        }
        if let Some(row) = self.torn {
            return Some(format!("have another number of columns in row {row}"));
        }
        match (self.behind, self.ended) {
            (true, _) => Some("go on behind their end mark".into()),
            (false, false) => Some("end without their end mark".into()),
            (false, true) => None,
        }
    }
}

impl Counted {
    /// The rows of data that follow a COPY statement with so many columns, and what is wrong with them.
    pub fn copied(&self, columns: Option<u64>) -> (u64, Option<String>) {
        (self.copy.rows, self.copy.flaw(columns.unwrap_or(self.copy.tabs + 1)))
    }

    /// The rows of INSERT statements, and what is wrong with them.
    pub fn inserted(self) -> (u64, Option<String>) {
        match self.inserts {
            Some(Ok(rows)) => (rows, None),
            Some(Err(what)) => (0, Some(format!("cannot be read as INSERT statements: {what}"))),
            // An empty table has nothing but empty lines.
            None if self.copy.filled == 0 && !self.copy.ended => (0, None),
            None => (0, Some("are no INSERT statements, and no COPY is named for them".into())),
        }
    }
}
