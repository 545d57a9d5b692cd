//! One pass over a script: hands each token to those who count, check and change.

use super::Script;
use super::bytes::Bytes;
use super::census::{Census, Context};
use super::command::{self, Command, Other};
use super::frame::{Frame, is_command, is_tool};
use super::mentions::Mentions;
use super::outlet::{Edit, Outlet};
use super::rewrite::{self, Around};
use super::rules::Rules;
use crate::pgdump::sql::{Encoding, Lexer, Open, PieceKind, Statement, Token, Tuples};
use crate::pgdump::{Blind, Cause, Damage, Database, Survey};
use std::io::Write;
use std::ops::Range;

/// More damages than this are not listed.
const MOST_DAMAGES: usize = 100;

/// More names, or notes, than this are not collected.
const MOST_NAMES: usize = 10_000;

/// What is known of a script while it is read.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Pass<'r> {
    rules: &'r mut Rules,
    none: bool,
    script: Script,
    frame: Frame,
    census: Census,
    bytes: Bytes,
    statement: Statement,
    statements: u64,
    mentions: Mentions,
    tuples: Tuples,
    /// The current statement is held back.
    hold: bool,
    preamble: bool,
    may_make_roles: bool,
    encoding: Encoding,
    /// The last encoding that the script has named, and where.
    declared: Encoding,
    since: u64,
    /// The last command, if the script ends with it.
    finishing: bool,
}

impl<'r> Pass<'r> {
    /// A pass that has read nothing.
    pub fn new(rules: &'r mut Rules) -> Self {
        Self {
            none: rules.none(),
            rules,
            script: Script::default(),
            frame: Frame::default(),
            census: Census::default(),
            bytes: Bytes::default(),
            statement: Statement::default(),
            statements: 0,
            mentions: Mentions::default(),
            tuples: Tuples::default(),
            hold: false,
            preamble: true,
            may_make_roles: false,
            encoding: Encoding::Unknown,
            declared: Encoding::Unknown,
            since: 0,
            finishing: false,
        }
    }

    /// Takes the next piece of the script.
    pub fn push(&mut self, lexer: &mut Lexer, piece: &[u8], outlet: &mut Outlet<impl Write>) -> std::io::Result<()> {
        lexer.push(piece, &mut |token, place| self.take(&token, place, piece, outlet));
        self.bytes.push(piece, self.declared, self.since);
        let held = match self.statement.start() {
            Some(start) if self.hold => Some(start),
            // The first word of a statement, or a command.
            _ => lexer.begun().filter(|_| !self.none),
        };
        outlet.end_piece(piece, held)
    }

    /// The script is over.
    pub fn finish(mut self, mut lexer: Lexer, outlet: &mut Outlet<impl Write>) -> std::io::Result<Script> {
        self.finishing = true;
        lexer.finish(&mut |token, place| self.take(&token, place, &[], outlet));
        outlet.end_piece(&[], None)?;
        self.open_at_the_end(lexer.open());
        let begun = self.statement.start();
        if let Some(at) = begun.filter(|_| self.statements == 0) {
            self.first_word(at);
        }
        let whole = self.frame.finish(&self.bytes, begun);
        let Self { mut script, frame, census, bytes, statements, declared: encoding, .. } = self;
        script.author = frame.author;
        script.has_end_mark = frame.ended;
        let mut survey = Survey { blind: [Blind::LostLines, Blind::ChangedRow].into(), ..Survey::default() };
        if !frame.by_tool() {
            survey.blind.insert(Blind::LostEnd);
        }
        let (by_tool, mut damages) = (frame.by_tool(), frame.damages);
        let (databases, more) = census.finish(whole);
        damages.extend(more);
        damages.extend(bytes.damages());
        if statements == 0 && begun.is_none() && damages.is_empty() && !by_tool {
            let what = "there is no statement in it: no dump".to_owned();
            damages.push(Damage { at: bytes.length(), what, cause: Cause::Cut });
        }
        damages.sort_by_key(|damage| damage.at);
        damages.truncate(MOST_DAMAGES);
        survey.damages = bytes.something_else().map_or(damages, |damage| vec![damage]);
        survey.databases = databases;
        if !matches!(encoding, Encoding::Utf8 | Encoding::Latin1 | Encoding::Unknown) {
            let left_out: Vec<bool> = survey.databases.iter_mut().map(Database::keep_plain_names).collect();
            survey.blind.extend(left_out.contains(&true).then_some(Blind::Names));
        }
        if !by_tool {
            // Nothing is promised where no tool of PostgreSQL wrote it.
            survey.databases.iter_mut().for_each(|database| database.objects.clear());
        }
        script.survey = survey;
        Ok(script)
    }

    /// What the end of the script cuts.
    fn open_at_the_end(&mut self, open: Open) {
        let table = self.census.end_rows();
        let what = match (open, table) {
            (Open::Rows, Some(table)) => format!("it ends in the middle of the rows of {table}"),
            (Open::Rows, None) => "it ends in the middle of rows".to_owned(),
            (Open::Quote, _) => "it ends in the middle of a quoted text".to_owned(),
            (Open::Comment, _) => "it ends in the middle of a comment".to_owned(),
            (Open::Bracket, _) => "it ends in the middle of a statement".to_owned(),
            (Open::Nothing, _) if self.frame.by_tool() && !self.frame.ended && self.statement.start().is_some() => {
                "it ends in the middle of a statement".to_owned()
            }
            (Open::Nothing, _) => return,
        };
        let behind = self.statement.start().is_none_or(|start| self.frame.is_behind(start));
        let cause = if self.frame.ended && behind { Cause::Behind } else { Cause::Cut };
        self.frame.damages.push(Damage { at: self.bytes.length(), what, cause });
    }

    fn context(&self, at: u64) -> Context {
        Context { encoding: self.encoding, by_tool: self.frame.by_tool(), crlf: self.frame.crlf(), at }
    }

    fn around(&self) -> Around {
        let (encoding, preamble, may_make_roles) = (self.encoding, self.preamble, self.may_make_roles);
        Around { encoding, by_tool: self.frame.by_tool(), preamble, may_make_roles }
    }

    fn encoding(&mut self, encoding: Encoding, at: u64) {
        self.encoding = encoding;
        // Behind `\connect` it is said again.
        if encoding != Encoding::Unknown && encoding != self.declared {
            (self.declared, self.since) = (encoding, at);
        }
    }

    fn take(&mut self, token: &Token, place: Range<u64>, piece: &[u8], outlet: &mut Outlet<impl Write>) {
        match token {
            Token::Comment(comment) => {
                let within = self.statement.start().is_some();
                if self.frame.comment(comment, place.start, within) {
                    self.census.end_of_dump();
                } else if !within {
                    self.census.comment(comment, self.context(place.start));
                }
            }
            Token::Command(line) => self.command(line, place, piece, outlet),
            Token::Rows(rows) => self.census.rows(rows, self.context(place.start)),
            Token::RowsEnd => drop(self.census.end_rows()),
            Token::Encoding(encoding) => self.encoding(*encoding, place.start),
            Token::End => self.end(&place, piece, outlet),
            token => {
                self.tuples.take(token);
                if self.tuples.is_past_table() {
                    return;
                }
                self.statement.take(token, &place);
                self.mentions.take(token);
                if self.statement.pieces().len() <= 2 {
                    self.hold = !self.none && rewrite::may_change(&self.statement, self.around());
                }
            }
        }
    }

    /// A statement has ended.
    fn end(&mut self, place: &Range<u64>, piece: &[u8], outlet: &mut Outlet<impl Write>) {
        let tuples = std::mem::take(&mut self.tuples);
        let named = self.mentions.end();
        let Some(start) = self.statement.start() else { return };
        self.first_word(start);
        self.statements += 1;
        let context = self.context(start);
        let (made, copies_again) = (self.census.made(), self.census.copies_again(&self.statement, self.encoding));
        self.census.statement(&self.statement, &tuples, context);
        self.frame.content(copies_again || self.makes_again(made));
        if !tuples.is_insert() {
            self.note(&named);
            self.change(start..place.end, named, piece, outlet);
        }
        self.preamble &= !rewrite::makes(&self.statement, self.frame.by_tool());
        self.statement.clear();
        self.hold = false;
    }

    /// Whether a statement begins as one of SQL does.
    fn first_word(&mut self, start: u64) {
        let (word, tool) = (is_command(self.statement.text(0)), is_tool(self.statement.text(0)));
        let (sql, message) = match self.statement.pieces().first().map(|piece| piece.kind) {
            Some(PieceKind::Word) => (word, tool),
            // `(SELECT 1);`
            _ => (self.statement.is_sign(0, b'('), false),
        };
        self.frame.statement(start, self.statements == 0, sql, message);
    }

    /// Whether the statement makes a table that was made already: so many there were before it.
    fn makes_again(&self, before: usize) -> bool {
        let table = self.statement.is(1, "table") || self.statement.is(2, "table");
        self.statement.is(0, "create") && table && self.census.made() == before
    }

    /// Notes what a statement names and makes.
    fn note(&mut self, named: &[Vec<u8>]) {
        let room = MOST_NAMES.saturating_sub(self.script.roles_named.len());
        self.script.roles_named.extend(named.iter().take(room).map(|name| rewrite::role_name(name, self.encoding)));
        self.may_make_roles |= self.statement.is(0, "do");
        if !self.statement.is(0, "create") {
            return;
        }
        let at = self.statement.behind(2, &["if", "not", "exists"]);
        let Some(name) = self.statement.name(at).map(|name| self.encoding.decode(&name)) else { return };
        let is = |word: &str| self.statement.is(1, word);
        match () {
            () if is("database") => drop(self.script.databases_made.insert(name)),
            () if is("extension") => drop(self.script.extensions.insert(name)),
            () if (is("role") || is("user") || is("group")) && !self.statement.is(2, "mapping") => {
                self.script.roles_made.insert(name);
            }
            () => {}
        }
    }

    fn change(&mut self, place: Range<u64>, named: Vec<Vec<u8>>, piece: &[u8], outlet: &mut Outlet<impl Write>) {
        if self.none {
            return;
        }
        let change = rewrite::decide(&self.statement, place, named, self.around(), self.rules);
        outlet.change(&change.edits, piece);
        self.script.roles_added.extend(change.roles);
        if let Some(note) = change.note {
            self.add_note(note);
        }
    }

    fn add_note(&mut self, note: String) {
        if self.script.notes.len() < MOST_DAMAGES && !self.script.notes.contains(&note) {
            self.script.notes.push(note);
        }
    }

    fn command(&mut self, line: &[u8], place: Range<u64>, piece: &[u8], outlet: &mut Outlet<impl Write>) {
        let mut with = None;
        match command::read(line) {
            Command::Restrict(key) => self.frame.restrict(true, &key, place.start, false),
            Command::Unrestrict(key) => self.frame.restrict(false, &key, place.start, self.finishing),
            Command::Connect(database, other) => with = self.connect(database, other),
            Command::Harmless => {}
            Command::Unsafe => with = Some(Vec::new()),
            Command::RowsEnd => self.stray(place.start, "the end of a table's rows, \\., without their beginning"),
            Command::Outside(name) => {
                self.stray(place.start, "a command of psql that pg_dump never writes");
                self.add_note(format!("the psql command \\{name} was left out"));
                with = Some(Vec::new());
            }
        }
        if let Some(with) = with.filter(|_| self.rules.commands) {
            outlet.change(&[Edit { place, with }], piece);
        }
    }

    /// Something that no tool of `PostgreSQL` writes.
    fn stray(&mut self, at: u64, what: &str) {
        if self.frame.by_tool() {
            let cause = if self.frame.ended { Cause::Behind } else { Cause::Changed };
            self.frame.damages.push(Damage { at, what: what.to_owned(), cause });
        }
    }

    /// The script goes on in another database. What comes back replaces the command.
    fn connect(&mut self, database: Option<Vec<u8>>, other: Other) -> Option<Vec<u8>> {
        let name = database.as_ref().map(|name| self.encoding.decode(name));
        self.census.connect(name.clone());
        self.script.connects.extend(name);
        self.preamble = true;
        if other == Other::Nothing {
            return None;
        }
        self.add_note("\\connect names a server or a user: only its database was taken".to_owned());
        Some(database.map_or_else(Vec::new, |database| command::connect_to(&database)))
    }
}
