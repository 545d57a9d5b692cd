//! Where in a script the lexer is.

/// What the bytes so far have begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Between,
    Word,
    /// In the middle of a character of a word.
    WordHalf,
    /// Within quotes: the quote, and whether a backslash escapes.
    Quoted(u8, bool),
    /// At a byte within quotes that means nothing: it is escaped, or the second half of a character.
    Escaped(u8),
    /// Behind a quote within quotes: the end, or the first half of a doubled one.
    Quote(u8, bool),
    /// Behind the first character of what may open a comment.
    Half(u8),
    LineComment,
    /// Within comments that are nested this deep, and the character before.
    Comment(u32, u8),
    /// Within `$tag`, before its second dollar.
    Tag,
    /// Within a dollar quote, and how much of its end was read.
    Dollar(usize),
    Command,
    /// Behind the semicolon of a `COPY ... FROM stdin`.
    BeforeRows,
    /// At this many characters of the line `\.`; 3: a carriage return stands behind it.
    Rows(usize),
    /// In a row.
    Row,
}
