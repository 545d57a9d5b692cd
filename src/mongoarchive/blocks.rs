//! The data: interleaved blocks of documents, counted and compared with what closes each collection
//! (`common/archive/{parser,demultiplexer,multiplexer}.go`).

use super::bson::{self, Walker};
use super::finish::some;
use super::tally::Tally;
use super::window::{self, Frame, LARGEST, Stop, Window};
use super::{Cause, Kind, MOST_DAMAGES, Namespace, Survey, prelude, recognises};
use crate::open::magic;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, Read};

/// Time series lie in collections of this name up to the server that has them in collections of their own name.
const BUCKETS: &str = "system.buckets.";
const WITHOUT_BUCKETS: (u32, u32) = (8, 3);

/// mongorestore takes so many collections at once (`-j`), or as many as the header says.
const AT_ONCE: i32 = 4;

pub(super) fn survey(input: impl Read) -> io::Result<Survey> {
    let mut reading = Reading::new(input);
    match reading.all() {
        Ok(()) | Err(Stop::Lost) => {}
        Err(Stop::Input(error)) => return Err(error),
    }
    reading.window.drain()?;
    Ok(reading.finish())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Open,
    Closed,
}

/// What is known of a collection while its blocks come.
struct State {
    phase: Phase,
    tally: Tally,
}

struct Reading<R> {
    window: Window<R>,
    walker: Walker,
    survey: Survey,
    /// Beside `survey.namespaces`, one each.
    states: Vec<State>,
    /// Their places, by the names that stand in blocks.
    places: HashMap<String, usize>,
    /// How many are not closed yet.
    missing: usize,
    /// How many are open, and how many may be.
    open: usize,
    at_once: usize,
    unlisted: usize,
}

/// What the header of a block says.
struct Head {
    name: String,
    db: String,
    collection: String,
    closing: bool,
    crc: u64,
}

impl<R: Read> Reading<R> {
    fn new(input: R) -> Self {
        let (window, survey) = (Window::new(input), Survey::default());
        let (states, places) = (Vec::new(), HashMap::new());
        Self { window, walker: Walker::new(), survey, states, places, missing: 0, open: 0, at_once: 0, unlisted: 0 }
    }

    fn all(&mut self) -> Result<(), Stop> {
        prelude::read(&mut self.window, &mut self.walker, &mut self.survey)?;
        self.expect_listed();
        while self.missing > 0 {
            if !self.block()? {
                return Ok(());
            }
        }
        self.behind()
    }

    /// Every collection of the list is waited for, under the name that its data has.
    fn expect_listed(&mut self) {
        let header = self.survey.header.as_ref();
        let at_once = header.map_or(i32::MAX, |h| h.concurrent_collections.max(AT_ONCE));
        self.at_once = usize::try_from(at_once).unwrap_or(usize::MAX);
        let in_buckets = header.and_then(super::Header::server_version).is_none_or(|version| version < WITHOUT_BUCKETS);
        let mut twice = Vec::new();
        for (place, namespace) in self.survey.namespaces.iter().enumerate() {
            let prefix = if in_buckets && matches!(namespace.kind, Kind::TimeSeries { .. }) { BUCKETS } else { "" };
            let name = format!("{}.{prefix}{}", namespace.db, namespace.collection);
            let phase = match self.places.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(place);
                    self.missing += 1;
                    Phase::Waiting
                }
                Entry::Occupied(_) => {
                    twice.push(namespace.name());
                    Phase::Closed
                }
            };
            self.states.push(State { phase, tally: Tally::new(namespace) });
        }
        let at = self.window.at();
        for name in twice {
            self.survey.damage(at, Cause::Changed, Some(&name), "the list of its collections names it twice");
        }
    }

    /// Reads a block. `false`: the archive ends here.
    fn block(&mut self) -> Result<bool, Stop> {
        let at = self.window.at();
        match self.window.frame()? {
            Frame::Document(length) => {
                let head = head(self.window.first(length), &mut self.walker);
                self.window.consume(length);
                match head {
                    Ok(head) => self.body(at, &head)?,
                    Err(what) => {
                        self.survey.lost(at, Cause::Changed, None, format!("the header of a block is damaged: {what}"))?;
                    }
                }
            }
            Frame::Terminator => {
                self.survey.damage(at, Cause::Changed, None, "the end of a block stands where a block should begin");
                self.window.consume(4);
            }
            Frame::End | Frame::Cut => {
                self.unfinished();
                return Ok(false);
            }
            Frame::Wrong(_) => self.wrong(at, None, "the header of a block is damaged: its length is none")?,
        }
        Ok(true)
    }

    fn body(&mut self, at: u64, head: &Head) -> Result<(), Stop> {
        let place = self.place(at, head)?;
        self.opened(at, place, &head.name);
        if head.closing {
            return self.close(at, place, head);
        }
        if head.crc != 0 {
            self.survey.damage(
                at,
                Cause::Changed,
                Some(&head.name),
                "the header of a block has a checksum, and only the last one may",
            );
        }
        self.documents(place, &head.name)
    }

    /// The place of a block's collection. One that is not listed gets a place of its own.
    fn place(&mut self, at: u64, head: &Head) -> Result<usize, Stop> {
        if let Some(place) = self.places.get(&head.name) {
            return Ok(*place);
        }
        self.survey.damage(at, Cause::Changed, Some(&head.name), "it has data, and the list of collections does not name it");
        self.unlisted += 1;
        if self.unlisted > MOST_DAMAGES {
            return Err(Stop::Lost);
        }
        let place = self.states.len();
        let namespace = Namespace { db: head.db.clone(), collection: head.collection.clone(), ..Namespace::default() };
        self.states.push(State { phase: Phase::Waiting, tally: Tally::new(&namespace) });
        self.survey.namespaces.push(namespace);
        self.places.insert(head.name.clone(), place);
        self.missing += 1;
        Ok(place)
    }

    fn opened(&mut self, at: u64, place: usize, name: &str) {
        let Some(state) = self.states.get_mut(place) else { return };
        match state.phase {
            Phase::Open => {}
            Phase::Closed => {
                state.tally.faulty = true;
                self.survey.damage(at, Cause::Changed, Some(name), "a block of it comes after its last one");
            }
            Phase::Waiting => {
                state.phase = Phase::Open;
                self.open += 1;
                if self.open == self.at_once + 1 {
                    let what = "more collections are open at once than its header says: mongorestore would wait for ever";
                    self.survey.damage(at, Cause::Unknown, Some(name), what);
                }
            }
        }
    }

    /// The last block of a collection: no documents, and the checksum of all that came.
    fn close(&mut self, head_at: u64, place: usize, head: &Head) -> Result<(), Stop> {
        let at = self.window.at();
        match self.window.frame()? {
            Frame::Terminator => {
                self.window.consume(4);
                self.closed(head_at, place, head);
                Ok(())
            }
            Frame::Document(_) => {
                self.survey.damage(at, Cause::Changed, Some(&head.name), "its last block has documents, and should have none");
                self.documents(place, &head.name)?;
                self.closed(head_at, place, head);
                Ok(())
            }
            Frame::End | Frame::Cut => self.cut("within the last block of", &head.name),
            Frame::Wrong(_) => self.wrong(at, Some(&head.name), "its last block has no end"),
        }
    }

    fn closed(&mut self, at: u64, place: usize, head: &Head) {
        let (Some(state), Some(namespace)) = (self.states.get_mut(place), self.survey.namespaces.get_mut(place)) else { return };
        if state.phase == Phase::Closed {
            return;
        }
        state.phase = Phase::Closed;
        self.open -= 1;
        self.missing -= 1;
        namespace.crc = Some(head.crc);
        let wrong_checksum = state.tally.crc() != head.crc;
        let filled_view = matches!(namespace.kind, Kind::View { .. }) && state.tally.documents > 0;
        state.tally.faulty |= wrong_checksum || filled_view;
        if wrong_checksum {
            self.survey.damage(at, Cause::Changed, Some(&head.name), "its checksum does not match its documents");
        }
        if filled_view {
            self.survey.damage(at, Cause::Changed, Some(&head.name), "it is a view and has documents");
        }
    }

    /// The documents of a block and its terminator.
    fn documents(&mut self, place: usize, name: &str) -> Result<(), Stop> {
        loop {
            self.run(place, name);
            let at = self.window.at();
            match self.window.frame()? {
                Frame::Document(_) => {}
                Frame::Terminator => {
                    self.window.consume(4);
                    return Ok(());
                }
                Frame::Cut => return self.cut("within a document of", name),
                Frame::End => return self.cut("within the documents of", name),
                Frame::Wrong(length) if length > LARGEST && i32::try_from(length).is_ok() => {
                    let what = format!("a document is said to have {length} bytes, and none may have more than 16 MiB");
                    return self.wrong(at, Some(name), &what);
                }
                Frame::Wrong(_) => return self.wrong(at, Some(name), "the length of a document is damaged"),
            }
        }
    }

    /// All documents that are whole in the window: the checksum of many at once costs less than that of each.
    fn run(&mut self, place: usize, name: &str) {
        let Some(state) = self.states.get_mut(place) else { return };
        let (at, bytes) = (self.window.at(), self.window.bytes());
        let mut done = 0;
        while let Some(rest) = bytes.get(done..)
            && let Some(Frame::Document(length)) = window::frame(rest)
            && let Some(document) = rest.get(..length)
        {
            match self.walker.check(document) {
                Ok(()) => state.tally.look_at(document),
                Err(what) => {
                    // One per collection: a damaged one is seldom alone.
                    if !state.tally.faulty {
                        let what = format!("a document is damaged: {what}");
                        self.survey.damage(at + done as u64, Cause::Changed, Some(name), what);
                    }
                    state.tally.faulty = true;
                }
            }
            state.tally.documents += 1;
            done += length;
        }
        state.tally.add(bytes.get(..done).unwrap_or_default());
        self.window.consume(done);
    }

    /// Where the next document begins is not known any more.
    fn wrong(&mut self, at: u64, name: Option<&str>, what: &str) -> Result<(), Stop> {
        if recognises(self.window.bytes()) {
            return self.survey.lost(at, Cause::Cut, name, "it ends too early: another archive begins in the middle of it");
        }
        self.survey.lost(at, Cause::Changed, name, what)
    }

    fn cut(&mut self, inside: &str, name: &str) -> Result<(), Stop> {
        let end = self.window.at() + self.window.bytes().len() as u64;
        self.survey.lost(end, Cause::Cut, Some(name), format!("it ends {inside} {}", super::finish::shown(name)))
    }

    /// The archive ends between two blocks, or in the header of one, and collections are not closed.
    fn unfinished(&mut self) {
        let end = self.window.at() + self.window.bytes().len() as u64;
        let spaces = self.survey.namespaces.iter().zip(&self.states);
        let open: Vec<_> = spaces.filter(|(_, state)| state.phase != Phase::Closed).map(|(n, _)| n.name()).collect();
        let what = if self.states.iter().all(|state| state.phase == Phase::Waiting) {
            format!("it ends behind the list of its collections: it has no data of {} (mongodump was stopped)", some(&open))
        } else {
            format!("it ends before the last block of {}", some(&open))
        };
        let one = if let [name] = open.as_slice() { Some(name.as_str()) } else { None };
        self.survey.damage(end, Cause::Cut, one, what);
    }

    /// All collections are closed: nothing may follow.
    fn behind(&mut self) -> Result<(), Stop> {
        let at = self.window.at();
        if !self.window.fill(1)? {
            return Ok(());
        }
        self.window.fill(magic::ENOUGH)?;
        let head = self.window.first(magic::ENOUGH);
        let what = match magic::looks_like(head) {
            magic::UNKNOWN => "something stands behind its end".to_owned(),
            known => format!("something stands behind its end: it looks like {known}"),
        };
        self.survey.lost(at, Cause::Behind, None, what)
    }

    fn finish(mut self) -> Survey {
        for (namespace, state) in self.survey.namespaces.iter_mut().zip(&self.states) {
            state.tally.tell(namespace);
            namespace.complete = state.phase == Phase::Closed && !state.tally.faulty;
        }
        self.survey.finish();
        self.survey
    }
}

/// Reads the header of a block. mongorestore refuses other fields and another type of the checksum.
fn head(document: &[u8], walker: &mut Walker) -> Result<Head, &'static str> {
    walker.check(document)?;
    let (mut db, mut collection, mut closing, mut crc) = (None, None, None, None);
    for field in bson::elements(document) {
        match field.name {
            b"db" => db = field.text(),
            b"collection" => collection = field.text().filter(|name| !name.is_empty()),
            b"EOF" => closing = field.bool(),
            b"CRC" => crc = field.int64(),
            _ => return Err("it has a field that does not belong there"),
        }
    }
    let db = db.ok_or("`db` is missing")?.to_owned();
    let collection = collection.ok_or("`collection` is missing")?.to_owned();
    let name = format!("{db}.{collection}");
    let crc = crc.ok_or("`CRC` is missing")?.cast_unsigned();
    Ok(Head { name, db, collection, closing: closing.ok_or("`EOF` is missing")?, crc })
}
