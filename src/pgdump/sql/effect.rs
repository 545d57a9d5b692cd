//! What the commands of psql do to how a script is read on. Pure.

use super::encoding::Encoding;

/// What a command of psql does to what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// `\g` and its like send the statement before them.
    Sends,
    Encoding(Encoding),
    /// Another session begins with the server's settings.
    Connects,
    /// Rows follow `\copy ... from stdin`.
    Copies,
    Other,
}

impl Effect {
    /// Reads a command, with its backslash.
    pub fn of(command: &[u8]) -> Self {
        let mut words = command.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        match words.next().unwrap_or_default() {
            b"\\g" | b"\\gx" | b"\\gexec" | b"\\gset" | b"\\gdesc" | b"\\r" | b"\\reset" | b"\\watch" | b"\\crosstabview" => {
                Self::Sends
            }
            b"\\encoding" => words.next().map_or(Self::Other, |name| Self::Encoding(Encoding::named(name))),
            b"\\c" | b"\\connect" => Self::Connects,
            b"\\copy" if copies_from_stdin(command) => Self::Copies,
            _ => Self::Other,
        }
    }
}

/// Whether rows follow a command: `\copy ... from stdin`.
#[must_use]
pub fn copies_from_stdin(command: &[u8]) -> bool {
    let command = command.to_ascii_lowercase();
    let words: Vec<_> =
        command.split(|byte| byte.is_ascii_whitespace() || *byte == b';').filter(|word| !word.is_empty()).collect();
    words.first().is_some_and(|word| *word == b"\\copy") && words.windows(2).any(|pair| pair == [&b"from"[..], b"stdin"])
}
