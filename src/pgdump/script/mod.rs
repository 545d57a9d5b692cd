//! SQL scripts of `pg_dump` and `pg_dumpall`, and by hand, read once as a stream in bounded memory: what is in them, what is wrong
//! with their bytes, and how they must be changed for a server that is not their own.
//!
//! Rows pass through untouched. A statement that may have to be changed is held back until it has ended; what is left out leaves
//! its line ends behind, so that the line numbers in psql's messages stay true. What is written may go straight into psql.

mod announced;
mod bytes;
mod census;
mod command;
mod database;
mod frame;
mod mentions;
mod objects;
mod outlet;
mod pass;
mod rewrite;
mod rules;

pub use frame::Author;
pub use rules::{Databases, Locales, Roles, Rules};

use crate::pgdump::Survey;
use crate::pgdump::sql::Lexer;
use outlet::Outlet;
use pass::Pass;
use std::collections::BTreeSet;
use std::io::{BufRead, ErrorKind, Write};

/// What one pass over a script has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// What it holds, and what is wrong with it.
    pub survey: Survey,
    /// Who wrote it, as its first line tells.
    pub author: Author,
    /// Its last line is there. A script by hand has none.
    pub has_end_mark: bool,
    /// Roles that it makes itself.
    pub roles_made: BTreeSet<String>,
    /// Roles that its statements name.
    pub roles_named: BTreeSet<String>,
    /// Roles that it names and nobody had: statements that make them were put in.
    pub roles_added: BTreeSet<String>,
    /// Databases that it makes.
    pub databases_made: BTreeSet<String>,
    /// Databases that it connects to, in its order.
    pub connects: Vec<String>,
    /// Extensions that it asks for.
    pub extensions: BTreeSet<String>,
    /// What was changed or left out and may matter: sentence fragments, each once.
    pub notes: Vec<String>,
}

/// Looks at a script without changing it.
///
/// # Errors
/// It cannot be read.
pub fn survey(input: impl BufRead) -> std::io::Result<Survey> {
    pass(input, &mut std::io::sink(), &mut Rules::default()).map(|script| script.survey)
}

/// Looks at a script and writes it, changed by the rules; with none of them, as it is. The rules learn what the script makes.
///
/// # Errors
/// The script cannot be read, or what is to be written cannot be: then nothing more of the script is looked at.
pub fn pass(mut input: impl BufRead, output: &mut impl Write, rules: &mut Rules) -> std::io::Result<Script> {
    let (mut lexer, mut outlet, mut pass) = (Lexer::default(), Outlet::new(output), Pass::new(rules));
    loop {
        let piece = match input.fill_buf() {
            Ok(piece) => piece,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if piece.is_empty() {
            break;
        }
        pass.push(&mut lexer, piece, &mut outlet)?;
        let length = piece.len();
        input.consume(length);
    }
    pass.finish(lexer, &mut outlet)
}

#[cfg(test)]
mod tests;
