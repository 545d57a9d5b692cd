//! What a script consists of.

use super::encoding::Encoding;

/// How many bytes of a token are kept: enough for any name, and for the signature of any function but a few.
pub const KEPT: usize = 4096;

/// What a script consists of. Block comments and dollar-quoted texts are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'t> {
    /// A keyword, an unquoted name or a number, as it is written. Numbers in the rows of an `INSERT` are left out, and so are
    /// their commas.
    Word(&'t [u8]),
    /// A quoted name, unquoted.
    Name(&'t [u8]),
    /// A string literal, unquoted; escape sequences as they are written.
    Text(&'t [u8]),
    /// Any other character.
    Sign(u8),
    /// The end of a statement.
    End,
    /// A comment to the end of its line, with its dashes.
    Comment(&'t [u8]),
    /// A command of psql, with its backslash, to the end of its line.
    Command(&'t [u8]),
    /// A piece of the rows of a `COPY`, with its line ends.
    Rows(&'t [u8]),
    /// The line `\.` behind the rows.
    RowsEnd,
    /// From here on the script has this encoding.
    Encoding(Encoding),
}

/// What a script's end would cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Nothing: it may end here.
    Nothing,
    /// A literal, a quoted name or a dollar quote.
    Quote,
    /// A block comment.
    Comment,
    /// The rows of a `COPY`.
    Rows,
    /// Parentheses, or a function's body.
    Bracket,
}
