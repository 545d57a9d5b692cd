//! Counts the rows of a `COPY` in text format, and their columns. Pure.

use memchr::{memchr, memchr_iter};

/// Counts rows that are pushed in pieces.
#[derive(Debug, Default)]
pub struct RowCounter {
    /// Complete rows.
    rows: u64,
    /// How many tabs each row must have.
    tabs: Option<usize>,
    /// In the row that a piece has cut: its tabs, and its length.
    begun_tabs: usize,
    begun: u64,
    torn: Option<Torn>,
    /// The bytes of complete rows.
    position: u64,
}

/// A row that has another number of columns than its table's rows have here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// How many bytes into the rows it begins.
    pub at: u64,
    pub columns: usize,
    /// It begins with a name that a tool of `PostgreSQL` writes before its messages.
    pub message: bool,
}

impl RowCounter {
    /// Counts rows of this many columns, or of any number.
    #[must_use]
    pub fn new(columns: Option<usize>) -> Self {
        Self { tabs: columns.map(|columns| columns.saturating_sub(1)), ..Self::default() }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some(end) = memchr(b'\n', rest) {
            let (row, after) = rest.split_at(end);
            let tabs = self.begun_tabs + self.tabs_in(row);
            if self.tabs.is_some_and(|expected| expected != tabs) && self.torn.is_none() {
                // The tool's name is looked for in one piece only: what is not found is a torn row all the same.
                let message = self.begun == 0 && is_message(row);
                self.torn = Some(Torn { at: self.position, columns: tabs + 1, message });
            }
            self.rows += 1;
            self.position += self.begun + end as u64 + 1;
            (self.begun_tabs, self.begun) = (0, 0);
            rest = after.get(1..).unwrap_or_default();
        }
        self.begun_tabs += self.tabs_in(rest);
        self.begun += rest.len() as u64;
    }

    fn tabs_in(&self, row: &[u8]) -> usize {
        if self.tabs.is_some() { tabs(row) } else { 0 }
    }

    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The first row with a wrong number of columns.
    #[must_use]
    pub const fn torn(&self) -> Option<Torn> {
        self.torn
    }
}

/// How many tabs there are in a row.
#[must_use]
pub fn tabs(row: &[u8]) -> usize {
    // memchr's count is made for longer texts than most rows are, and a sum in one byte is one that vectors hold most of.
    if u8::try_from(row.len()).is_ok() {
        return row.iter().map(|byte| u8::from(*byte == b'\t')).sum::<u8>().into();
    }
    memchr_iter(b'\t', row).count()
}

/// Whether a line is what a tool of `PostgreSQL` writes to its error output.
#[must_use]
pub fn is_message(line: &[u8]) -> bool {
    [&b"pg_dump: "[..], b"pg_dumpall: ", b"pg_restore: ", b"psql: "].iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(pieces: &[&[u8]], columns: usize) -> (u64, Option<Torn>) {
        let mut counter = RowCounter::new(Some(columns));
        for piece in pieces {
            counter.push(piece);
        }
        (counter.rows(), counter.torn())
    }

    #[test]
    fn rows_and_columns_are_counted() {
        assert_eq!(count(&[b"1\t2\n\t\n"], 2), (2, None));
        assert_eq!(count(&[b"\n\n"], 1), (2, None));
        assert_eq!(count(&[b"1\t2\n3", b"4\n5\t6\n"], 2), (3, Some(Torn { at: 4, columns: 1, message: false })));
        assert_eq!(count(&[b"1\t2\t3\n"], 2), (1, Some(Torn { at: 0, columns: 3, message: false })));
        assert_eq!(count(&[b"1\t2\npg_dump: error: x\n"], 2).1, Some(Torn { at: 4, columns: 1, message: true }));
        let mut any = RowCounter::new(None);
        any.push(b"1\t2\n3\n");
        assert_eq!((any.rows(), any.torn()), (2, None));
    }

    #[test]
    fn tabs_are_counted_in_rows_of_any_length() {
        for length in [0, 1, 254, 255, 256, 257, 1000] {
            assert_eq!(tabs(&vec![b'\t'; length]), length);
            assert_eq!(tabs(&vec![b'x'; length]), 0);
        }
    }

    proptest! {
        #[test]
        fn pieces_change_nothing(rows in "[ab\t\n]{0,40}", cut in 0usize..40, columns in 0usize..4) {
            let (first, second) = rows.as_bytes().split_at(cut.min(rows.len()));
            prop_assert_eq!(count(&[first, second], columns), count(&[rows.as_bytes()], columns));
        }
    }
}
