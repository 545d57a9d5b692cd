//! Where a script goes while it is read: most of it straight on, a statement that may be changed when it has ended.

use std::io::Write;
use std::ops::Range;

/// A statement that is longer than this goes out as it is.
const MOST_HELD: usize = 1 << 20;

/// A change to a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is left out.
    pub place: Range<u64>,
    /// What comes in its place.
    pub with: Vec<u8>,
}

/// The way out of a script.
#[derive(Debug)]
pub struct Outlet<'o, W> {
    out: &'o mut W,
    /// What was held back of earlier pieces: it ends where the current piece begins.
    held: Vec<u8>,
    /// Where the current piece begins in the script.
    base: u64,
    /// What lies before was written.
    done: u64,
    /// Nothing is written any more.
    failed: Option<std::io::Error>,
}

impl<'o, W: Write> Outlet<'o, W> {
    /// A way out that nothing has gone yet.
    pub const fn new(out: &'o mut W) -> Self {
        Self { out, held: Vec::new(), base: 0, done: 0, failed: None }
    }

    /// Makes changes, in order, within this place of the script. What has gone out already cannot be changed.
    pub fn change(&mut self, edits: &[Edit], piece: &[u8]) {
        for edit in edits {
            if edit.place.start < self.done {
                continue;
            }
            self.write_to(edit.place.start, piece);
            self.write(&edit.with);
            self.skip_to(edit.place.end, piece);
        }
    }

    /// The current piece is over. What lies behind a place is held back, if there is one.
    ///
    /// # Errors
    /// What was to be written could not be.
    pub fn end_piece(&mut self, piece: &[u8], hold: Option<u64>) -> std::io::Result<()> {
        let end = self.base + piece.len() as u64;
        let hold = hold.filter(|from| end - from <= MOST_HELD as u64);
        self.write_to(hold.unwrap_or(end), piece);
        let rest = self.range(self.done.max(self.base), end, piece).map_or(&[][..], |(_, now)| now);
        self.held.extend_from_slice(rest);
        self.base = end;
        self.failed.take().map_or(Ok(()), Err)
    }

    /// The bytes of a place: what was held of it, and what is in the current piece.
    fn range<'p>(&self, from: u64, to: u64, piece: &'p [u8]) -> Option<(Range<usize>, &'p [u8])> {
        let held_from = self.base - self.held.len() as u64;
        let at = |place: u64| usize::try_from(place.min(self.base).saturating_sub(held_from)).ok();
        let now = |place: u64| usize::try_from(place.saturating_sub(self.base)).ok();
        Some((at(from)?..at(to)?, piece.get(now(from)?..now(to)?)?))
    }

    fn write_to(&mut self, to: u64, piece: &[u8]) {
        if to <= self.done {
            return;
        }
        let Some((held, now)) = self.range(self.done, to, piece) else { return };
        let kept = std::mem::take(&mut self.held);
        self.write(kept.get(held.clone()).unwrap_or_default());
        self.held = kept;
        self.held.drain(..held.end);
        self.write(now);
        self.done = to;
    }

    /// Leaves out everything but the line ends, so that lines keep their numbers.
    fn skip_to(&mut self, to: u64, piece: &[u8]) {
        if to <= self.done {
            return;
        }
        let Some((held, now)) = self.range(self.done, to, piece) else { return };
        let lines = self.held.get(held.clone()).unwrap_or_default().iter().chain(now).filter(|byte| **byte == b'\n').count();
        self.held.drain(..held.end);
        self.write(&vec![b'\n'; lines]);
        self.done = to;
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.failed.is_none() && !bytes.is_empty() {
            self.failed = self.out.write_all(bytes).err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn changes_are_the_same_wherever_it_was_cut(
            script in "[a-z\n]{1,60}", cut in 0usize..60, start in 0usize..60, length in 0usize..20, with in "[A-Z]{0,5}",
        ) {
            let start = start.min(script.len());
            let end = (start + length).min(script.len());
            let edit = Edit { place: start as u64..end as u64, with: with.clone().into_bytes() };
            let (first, second) = script.split_at(cut.min(end).max(start));
            let mut out = Vec::new();
            let mut outlet = Outlet::new(&mut out);
            outlet.end_piece(first.as_bytes(), Some(start as u64)).expect("write");
            outlet.change(&[edit], second.as_bytes());
            outlet.end_piece(second.as_bytes(), None).expect("write");
            let lines = "\n".repeat(script[start..end].matches('\n').count());
            prop_assert_eq!(String::from_utf8(out).expect("text"), [&script[..start], &with, &lines, &script[end..]].concat());
        }
    }
}
