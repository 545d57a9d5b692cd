//! `pg_dump --clean` without `--if-exists`: a plain dump that begins by dropping what it is about to make. In an empty
//! database there is nothing to drop, and psql would stop at the first `DROP` of a healthy dump. So each of these statements
//! is tried out first, and those that find nothing to drop are not shown to psql.

use super::client;
use super::lexer::{Lexer, Token};
use crate::error::{Error, Result};
use crate::runtime::Call;
use crate::runtime::local::{Instance, ToolRun};
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// How much of a dump is looked through for such statements. They stand before all others.
const MOST: u64 = 16 << 20;

/// How much of a file is read at once.
const PIECE: usize = 256 * 1024;

/// How long to wait between two looks for psql's end of the pipe.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Statements of a script before it makes anything that drop something.
#[derive(Debug, Default)]
struct Cleaning {
    lexer: Lexer,
    statement: Statement,
    found: Vec<Range<u64>>,
    over: bool,
}

/// The current statement, as far as it was read.
#[derive(Debug, Default)]
struct Statement {
    start: Option<u64>,
    words: Vec<Vec<u8>>,
}

/// A statement is known by its first words; a table's and a column's name may stand between `ALTER` and `DROP`.
const WORDS: usize = 12;

impl Statement {
    fn is(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(at, word)| self.words.get(at).is_some_and(|w| w.eq_ignore_ascii_case(word.as_bytes())))
    }

    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|w| w.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Whether it drops something. Before `pg_dump` drops a view that something depends on, it makes one of NULLs of it.
    fn cleans(&self) -> bool {
        let alters = self.is(&["alter"]) && self.has("drop") && !self.has("add");
        let unlinks = self.is(&["select"]) && self.has("lo_unlink");
        let of_nulls = self.is(&["create", "or", "replace", "view"]) && self.has("null") && !self.has("from");
        self.is(&["drop"]) || alters || unlinks || of_nulls
    }

    /// Whether what follows it is no preamble any more.
    fn makes(&self) -> bool {
        ["create", "copy", "insert", "alter"].iter().any(|word| self.is(&[word]))
    }
}

impl Cleaning {
    fn push(&mut self, bytes: &[u8]) {
        let Self { lexer, statement, found, over } = self;
        lexer.push(bytes, &mut |token, place| {
            if *over {
                return;
            }
            let start = *statement.start.get_or_insert(place.start);
            match token {
                Token::Word(word) if statement.words.len() < WORDS => statement.words.push(word.to_vec()),
                Token::End => {
                    let ended = std::mem::take(statement);
                    if ended.cleans() {
                        found.push(start..place.end);
                    } else {
                        *over = ended.makes();
                    }
                }
                _ => {}
            }
        });
    }
}

/// The statements of a script that drop something before anything is made: their places and themselves.
fn cleaning(script: &Path) -> std::io::Result<Vec<(Range<u64>, String)>> {
    let mut cleaning = Cleaning::default();
    let mut file = std::fs::File::open(script)?.take(MOST);
    let mut piece = vec![0; PIECE];
    let mut text = Vec::new();
    while !cleaning.over {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        let read = piece.get(..read).unwrap_or_default();
        cleaning.push(read);
        // A dump that drops nothing in its first statements is over within the first piece.
        text.extend_from_slice(read);
    }
    let statement = |place: &Range<u64>| {
        let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        // Names in another encoding are other names here, and nothing has those either.
        String::from_utf8_lossy(text.get(at(place.start)..at(place.end)).unwrap_or_default()).into_owned()
    };
    Ok(cleaning.found.into_iter().map(|place| (place.clone(), statement(&place))).collect())
}

/// The places of the statements at the beginning of a script that find nothing to drop in this database.
///
/// # Errors
/// Harness: the script cannot be read, or the server does not answer.
pub async fn without_effect(script: &Path, instance: &Instance, database: &str) -> Result<Vec<Range<u64>>> {
    let statements = cleaning(script).map_err(|e| Error::from(e).context("cannot read the payload"))?;
    if statements.is_empty() {
        return Ok(Vec::new());
    }
    let fail = |e: tokio_postgres::Error| client::harness(&e).context("cannot try out what the dump drops");
    let client = client::connect(instance.place(), instance.password(), database).await.map_err(fail)?;
    client.batch_execute("BEGIN").await.map_err(fail)?;
    let mut without_effect = Vec::new();
    for (place, statement) in statements {
        if finds_nothing(&client, &statement).await.map_err(fail)? {
            without_effect.push(place);
        }
    }
    client.batch_execute("ROLLBACK").await.map_err(fail)?;
    Ok(without_effect)
}

/// Whether a statement fails because there is nothing of this name. Any other failure is for psql to show.
async fn finds_nothing(client: &Client, statement: &str) -> Result<bool, tokio_postgres::Error> {
    client.batch_execute("SAVEPOINT tried").await?;
    let Err(error) = client.batch_execute(statement).await else { return Ok(false) };
    let code = error.code().cloned().ok_or(error)?;
    client.batch_execute("ROLLBACK TO SAVEPOINT tried").await?;
    Ok([
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_OBJECT,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::UNDEFINED_COLUMN,
        SqlState::INVALID_SCHEMA_NAME,
    ]
    .contains(&code))
}

/// Runs a tool that reads the script from this pipe, blanks in the place of what is left out: line numbers stay.
///
/// # Errors
/// Harness: the pipe cannot be made, the script cannot be read, or the tool cannot be started.
pub async fn run_piped(call: &Call, pipe: &Path, script: &Path, left_out: &[Range<u64>], instance: &Instance) -> Result<ToolRun> {
    let fail = |e: std::io::Error| Error::from(e).context("cannot hand the dump to psql");
    make_pipe(pipe).map_err(fail)?;
    let run = instance.run(call);
    tokio::pin!(run);
    let run = tokio::select! {
        run = &mut run => run,
        fed = feed(script, left_out, pipe) => match fed {
            // Unless psql stopped at a statement.
            Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(fail(e)),
            _ => run.await,
        },
    };
    let _ = std::fs::remove_file(pipe);
    run
}

/// A named pipe that the tool's user can read.
fn make_pipe(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    // Whatever the umask. The folder around it is private.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

async fn feed(script: &Path, left_out: &[Range<u64>], path: &Path) -> std::io::Result<()> {
    let mut file = tokio::fs::File::open(script).await?;
    let mut pipe = open(path).await?;
    let (mut piece, mut position) = (vec![0; PIECE], 0);
    loop {
        let read = file.read(&mut piece).await?;
        let Some(bytes) = piece.get_mut(..read).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
        blank(bytes, position, left_out);
        pipe.write_all(bytes).await?;
        position += read as u64;
    }
}

/// A pipe can only be opened for writing once somebody reads it.
async fn open(path: &Path) -> std::io::Result<pipe::Sender> {
    loop {
        match pipe::OpenOptions::new().open_sender(path) {
            Err(e) if e.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => tokio::time::sleep(LOOK_EVERY).await,
            opened => return opened,
        }
    }
}

/// Puts blanks into the places that are left out of these bytes, which begin at `position`.
fn blank(bytes: &mut [u8], position: u64, left_out: &[Range<u64>]) {
    let at = |place: u64| usize::try_from(place.saturating_sub(position)).unwrap_or(usize::MAX).min(bytes.len());
    let places: Vec<_> = left_out.iter().map(|place| at(place.start)..at(place.end)).collect();
    for place in places {
        let left_out = bytes.get_mut(place).unwrap_or_default();
        left_out.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(script: &str) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), script).expect("write");
        cleaning(file.path()).expect("read").into_iter().map(|(_, statement)| statement).collect()
    }

    #[test]
    fn what_drops_before_anything_is_made_is_found() {
        let preamble = "-- DROP x;\n\\restrict abc\nSET a = 'b;';\nSELECT pg_catalog.set_config('search_path', '', false);\n";
        let drops = [
            "ALTER TABLE ONLY public.t DROP CONSTRAINT \"a;b\";",
            "DROP TABLE public.t;",
            "ALTER TABLE public.t ALTER COLUMN id\n  DROP DEFAULT;",
            "SELECT pg_catalog.lo_unlink('16400');",
            "CREATE OR REPLACE VIEW public.v AS\nSELECT\n    NULL::integer AS x;",
            "DROP FUNCTION public.f(a integer);",
        ];
        let script = format!("{preamble}{}\nCREATE TABLE public.t ();\nDROP TABLE public.t;\n", drops.join("\n-- next\n"));
        assert_eq!(found(&script), drops);
        assert_eq!(found("CREATE TABLE t (); DROP TABLE t;"), [""; 0]);
        assert_eq!(found("SET x = y; COPY t FROM stdin;\nDROP TABLE t;\n\\.\nDROP TABLE t;"), [""; 0]);
        assert_eq!(found(""), [""; 0]);
    }

    proptest! {
        #[test]
        fn blanks_are_the_same_wherever_it_was_cut(cut in 0usize..30, start in 0u64..30, length in 0u64..30) {
            let script = b"DROP TABLE a;\nDROP TABLE\n b;\nCREATE".to_vec();
            let left_out = start..start + length;
            let mut whole = script.clone();
            blank(&mut whole, 0, std::slice::from_ref(&left_out));
            let (mut first, mut second) = (script[..cut].to_vec(), script[cut..].to_vec());
            blank(&mut first, 0, std::slice::from_ref(&left_out));
            blank(&mut second, cut as u64, std::slice::from_ref(&left_out));
            prop_assert_eq!([first, second].concat(), whole.clone());
            for (at, (is, was)) in whole.iter().zip(&script).enumerate() {
                let left = left_out.contains(&(at as u64)) && *was != b'\n';
                prop_assert_eq!(*is, if left { b' ' } else { *was });
            }
        }
    }
}
