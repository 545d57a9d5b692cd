//! Commands of psql in a script. A script is foreign code: it may name another server, or a program. Pure.

use crate::pgdump::sql::copies_from_stdin;

/// What a command is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `\connect`: the database, if it names one, and whether it names anything else.
    Connect(Option<Vec<u8>>, Other),
    Restrict(Vec<u8>),
    Unrestrict(Vec<u8>),
    /// It changes nothing but how psql reads and shows.
    Harmless,
    /// It would stop psql from stopping at an error.
    Unsafe,
    /// The end of rows where there are none.
    RowsEnd,
    /// It reads, writes or runs something outside of the database, or is unknown. Its name.
    Outside(String),
}

/// What a `\connect` names besides the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    Nothing,
    /// A server, a user or a way to connect.
    Server,
}

/// Commands that do nothing outside, whatever their arguments, as long as these run no program.
const HARMLESS: &[&str] = &[
    "set",
    "unset",
    "encoding",
    "echo",
    "qecho",
    "warn",
    "pset",
    "timing",
    "t",
    "a",
    "x",
    "H",
    "C",
    "f",
    "T",
    "q",
    "quit",
    "conninfo",
    "errverbose",
    "if",
    "elif",
    "else",
    "endif",
    "p",
    "r",
    "reset",
    "gexec",
    "gset",
    "gdesc",
    "html",
];

/// Reads a command, with its backslash.
pub fn read(line: &[u8]) -> Command {
    let from_stdin = copies_from_stdin(line);
    let line = line.get(1..).unwrap_or_default().trim_ascii_end();
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    // Damaged rows may look like a command: only what can be one is shown.
    let letters = name.len() <= 20 && name.iter().all(|byte| byte.is_ascii_alphabetic() || b"!?;".contains(byte));
    let shown = || if letters { String::from_utf8_lossy(name).into_owned() } else { "...".to_owned() };
    let Ok(text) = std::str::from_utf8(name) else { return Command::Outside(shown()) };
    // Backquotes run a program, and behind `\\` there may be another command.
    let plain = !rest.contains(&b'`') && !rest.contains(&b'\\');
    let key = || rest.trim_ascii().to_vec();
    match text {
        "c" | "connect" => connect(rest),
        "restrict" | "unrestrict" if !rest.trim_ascii().iter().all(u8::is_ascii_alphanumeric) => Command::Outside(shown()),
        "restrict" => Command::Restrict(key()),
        "unrestrict" => Command::Unrestrict(key()),
        "." => Command::RowsEnd,
        "set" | "unset" if has(rest, b"ON_ERROR_STOP") => Command::Unsafe,
        "copy" if plain && from_stdin => Command::Harmless,
        "g" | "gx" if plain && rest.trim_ascii().is_empty() => Command::Harmless,
        name if plain && HARMLESS.contains(&name) => Command::Harmless,
        _ => Command::Outside(shown()),
    }
}

fn has(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|part| part == what)
}

/// `\connect [-reuse-previous=on] DATABASE [USER [HOST [PORT]]]`, or a connection string in the place of the database.
fn connect(rest: &[u8]) -> Command {
    let (mut arguments, more) = arguments(rest);
    let options = arguments.iter().take_while(|it| it.starts_with(b"-reuse-previous=")).count();
    arguments.drain(..options);
    let mut arguments = arguments.into_iter();
    let database = arguments.next().filter(|it| it != b"-" && !it.is_empty());
    // Another command on the line, or a program in backquotes: only the database is taken.
    let other = if more || arguments.any(|it| it != b"-") { Other::Server } else { Other::Nothing };
    match database {
        Some(uri) if uri.starts_with(b"postgresql://") || uri.starts_with(b"postgres://") => {
            Command::Connect(in_uri(&uri), Other::Server)
        }
        Some(text) if text.contains(&b'=') => {
            let (name, more) = in_string(&text);
            Command::Connect(name, if more { Other::Server } else { other })
        }
        database => Command::Connect(database, other),
    }
}

/// The arguments of a command, unquoted: `'it''s \n'`, `"a""b"`, and parts of both without a space between. And whether there is more on
/// the line: `\\` ends a command, and backquotes run a program.
fn arguments(rest: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut more = false;
    let (mut all, mut current, mut quote) = (Vec::new(), None::<Vec<u8>>, None);
    let mut bytes = rest.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match quote {
            Some(open) if byte == open && bytes.next_if_eq(&open).is_none() => quote = None,
            Some(b'\'') if byte == b'\\' => current.get_or_insert_default().extend(bytes.next()),
            None if byte == b'\'' || byte == b'"' => {
                quote = Some(byte);
                current.get_or_insert_default();
            }
            None if byte.is_ascii_whitespace() => all.extend(current.take()),
            None if byte == b'\\' => {
                more = true;
                break;
            }
            // A program, or a variable of psql's.
            None if byte == b'`' || (byte == b':' && current.is_none()) => more = true,
            Some(_) | None => current.get_or_insert_default().push(byte),
        }
    }
    all.extend(current);
    (all, more)
}

/// The database of `dbname='a b' host=c`, and whether there is anything else in it.
fn in_string(text: &[u8]) -> (Option<Vec<u8>>, bool) {
    let (mut name, mut more) = (None, false);
    let mut bytes = text.iter().copied().peekable();
    loop {
        while bytes.next_if(u8::is_ascii_whitespace).is_some() {}
        let key: Vec<u8> = std::iter::from_fn(|| bytes.next_if(|byte| *byte != b'=')).collect();
        if bytes.next().is_none() {
            return (name, more);
        }
        while bytes.next_if(u8::is_ascii_whitespace).is_some() {}
        let quoted = bytes.next_if_eq(&b'\'').is_some();
        let mut value = Vec::new();
        while let Some(byte) = bytes.next_if(|byte| if quoted { *byte != b'\'' } else { !byte.is_ascii_whitespace() }) {
            value.extend(if byte == b'\\' { bytes.next() } else { Some(byte) });
        }
        if quoted {
            bytes.next();
        }
        match key.trim_ascii() {
            b"dbname" => name = Some(value),
            _ => more = true,
        }
    }
}

/// The database of `postgresql://host/database?...`.
fn in_uri(uri: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(uri).ok()?;
    let (_, path) = text.split_once("://")?.1.split_once('/')?;
    let name = path.split('?').next().unwrap_or_default();
    (!name.is_empty()).then(|| name.as_bytes().to_vec())
}

/// A `\connect` to a database of the same server, written as `pg_dump` writes it (`appendPsqlMetaConnect`).
pub fn connect_to(database: &[u8]) -> Vec<u8> {
    let simple = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'.';
    if !database.is_empty() && database.iter().all(simple) {
        return [b"\\connect ", database].concat();
    }
    let mut all = b"\\connect -reuse-previous=on \"dbname='".to_vec();
    for byte in database.iter().filter(|byte| **byte != b'\n' && **byte != b'\r') {
        match byte {
            b'\'' | b'\\' => all.extend([b'\\', *byte]),
            b'"' => all.extend(b"\"\""),
            _ => all.push(*byte),
        }
    }
    all.extend(b"'\"");
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_are_told_apart() {
        let connect = |name: Option<&str>, other| Command::Connect(name.map(|name| name.as_bytes().to_vec()), other);
        let outside = |name: &str| Command::Outside(name.to_owned());
        for (line, command) in [
            ("\\connect shop", connect(Some("shop"), Other::Nothing)),
            ("\\c \"a \"\"b\"\r", connect(Some("a \"b"), Other::Nothing)),
            ("\\connect -reuse-previous=on \"dbname='it\\'s = 1'\"", connect(Some("it's = 1"), Other::Nothing)),
            ("\\connect shop alice db.example.org 5433", connect(Some("shop"), Other::Server)),
            ("\\connect shop - - -", connect(Some("shop"), Other::Nothing)),
            ("\\connect 'host=db.example.org dbname=shop'", connect(Some("shop"), Other::Server)),
            ("\\connect postgresql://db.example.org/shop?user=x", connect(Some("shop"), Other::Server)),
            ("\\connect - alice", connect(None, Other::Server)),
            ("\\c shop \\\\ \\! true", connect(Some("shop"), Other::Server)),
            ("\\restrict abc1", Command::Restrict(b"abc1".to_vec())),
            ("\\unrestrict abc1", Command::Unrestrict(b"abc1".to_vec())),
            ("\\restrict `true`", outside("restrict")),
            ("\\.", Command::RowsEnd),
            ("\\set ON_ERROR_STOP off", Command::Unsafe),
            ("\\set x 1", Command::Harmless),
            ("\\set x `true`", outside("set")),
            ("\\echo a \\\\ \\! true", outside("echo")),
            ("\\g", Command::Harmless),
            ("\\g |true", outside("g")),
            ("\\i other.sql", outside("i")),
            ("\\! true", outside("!")),
            ("\\copy t from program 'true'", outside("copy")),
        ] {
            assert_eq!(read(line.as_bytes()), command, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_database_can_be_connected_to(name in "[a-z'\"\\\\ =`$:/.-]{1,20}") {
            let line = connect_to(name.as_bytes());
            prop_assert_eq!(read(&line), Command::Connect(Some(name.into_bytes()), Other::Nothing));
        }
    }
}
