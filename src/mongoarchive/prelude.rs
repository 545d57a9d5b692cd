//! What stands before the data: the magic, the header, and the list of the collections (`common/archive/prelude.go`).

use super::bson::{self, Walker};
use super::metadata::{self, Metadata};
use super::window::{Frame, Stop, Window};
use super::{Cause, Contents, Header, MAGIC, Namespace, Survey, recognises};
use crate::open::magic;
use std::io::Read;

/// The only version of the format that there is.
const FORMAT: &str = "0.1";

/// A list of more bytes is no list: it would be one of some hundred thousand collections.
const LONGEST_LIST: u64 = 256 << 20;

/// More than a server allows for `db.collection` (255 bytes).
const LONGEST_NAME: usize = 1000;

/// What the first bytes tell.
pub(super) fn contents(head: &[u8]) -> Option<Contents> {
    if !recognises(head) {
        return None;
    }
    let mut survey = Survey::default();
    let whole = read(&mut Window::new(head), &mut Walker::new(), &mut survey).is_ok();
    Some(Contents { header: survey.header, namespaces: survey.namespaces, whole })
}

/// Reads up to the first block.
pub(super) fn read<R: Read>(window: &mut Window<R>, walker: &mut Walker, survey: &mut Survey) -> Result<(), Stop> {
    read_magic(window, survey)?;
    read_header(window, walker, survey)?;
    while let Some(length) = next(window, survey, "the list of its collections")? {
        let at = window.at();
        match listed(window.first(length), walker) {
            Ok((namespace, wrong)) => {
                if let Some(wrong) = wrong {
                    survey.damage(
                        at,
                        Cause::Changed,
                        Some(&namespace.name()),
                        format!("its entry in the list of collections is damaged: {wrong}"),
                    );
                }
                survey.namespaces.push(namespace);
            }
            Err(what) => survey.damage(at, Cause::Changed, None, format!("the list of its collections is damaged: {what}")),
        }
        window.consume(length);
        if window.at() > LONGEST_LIST {
            return survey.lost(at, Cause::Unknown, None, "its list of collections is longer than any");
        }
    }
    Ok(())
}

fn read_magic<R: Read>(window: &mut Window<R>, survey: &mut Survey) -> Result<(), Stop> {
    window.fill(magic::ENOUGH)?;
    let head = window.first(magic::ENOUGH);
    if recognises(head) {
        window.consume(MAGIC.len());
        return Ok(());
    }
    if head.is_empty() {
        return survey.lost(0, Cause::Cut, None, "it is empty");
    }
    if MAGIC.starts_with(head) {
        return survey.lost(0, Cause::Cut, None, "it ends within the first four bytes");
    }
    let is = magic::looks_like(head);
    survey.lost(0, Cause::Unknown, None, format!("it is not a mongodump archive: it looks like {is}"))
}

fn read_header<R: Read>(window: &mut Window<R>, walker: &mut Walker, survey: &mut Survey) -> Result<(), Stop> {
    let at = window.at();
    let Some(length) = next(window, survey, "its header")? else {
        return survey.lost(at, Cause::Changed, None, "it has no header");
    };
    let header = header(window.first(length), walker);
    window.consume(length);
    match header {
        Ok(header) if header.format != FORMAT => {
            survey.damage(at, Cause::Unknown, None, "its header tells a version of the format that is not known: only 0.1 is");
            survey.header = Some(header);
        }
        Ok(header) => survey.header = Some(header),
        Err(what) => survey.damage(at, Cause::Changed, None, format!("its header is damaged: {what}")),
    }
    Ok(())
}

/// The length of the document that stands next; `None` behind the terminator.
fn next<R: Read>(window: &mut Window<R>, survey: &mut Survey, inside: &str) -> Result<Option<usize>, Stop> {
    let at = window.at();
    match window.frame()? {
        Frame::Document(length) => Ok(Some(length)),
        Frame::Terminator => {
            window.consume(4);
            Ok(None)
        }
        Frame::End | Frame::Cut => {
            let end = at + window.bytes().len() as u64;
            survey.lost(end, Cause::Cut, None, format!("it ends within {inside}")).map(|()| None)
        }
        Frame::Wrong(_) => survey.lost(at, Cause::Changed, None, format!("{inside} is damaged")).map(|()| None),
    }
}

fn header(document: &[u8], walker: &mut Walker) -> Result<Header, String> {
    walker.check(document)?;
    let field = |name: &str| bson::field(document, name);
    let text =
        |name: &str| field(name).and_then(|f| f.text()).map(ToOwned::to_owned).ok_or_else(|| format!("`{name}` is missing"));
    let concurrent = field("concurrent_collections").and_then(|f| f.int32());
    Ok(Header {
        concurrent_collections: concurrent.ok_or("`concurrent_collections` is missing")?,
        format: text("version")?,
        server: text("server_version")?,
        tool: text("tool_version")?,
    })
}

/// One entry of the list, and what is wrong with it. `size` is never filled.
fn listed(document: &[u8], walker: &mut Walker) -> Result<(Namespace, Option<&'static str>), &'static str> {
    walker.check(document)?;
    let text = |name: &str| bson::field(document, name).and_then(|field| field.text());
    let db = text("db").ok_or("an entry has no `db`")?;
    let collection = text("collection").filter(|name| !name.is_empty()).ok_or("an entry has no `collection`")?;
    if db.len() + collection.len() > LONGEST_NAME {
        return Err("a name is longer than any server allows");
    }
    let mut namespace = Namespace { db: db.to_owned(), collection: collection.to_owned(), ..Namespace::default() };
    let Some(json) = text("metadata") else { return Ok((namespace, Some("the options and indexes are missing"))) };
    let Ok(metadata) = metadata::read(json) else {
        return Ok((namespace, Some("the options and indexes are no JSON of the kind that they should be")));
    };
    let entry_type = bson::field(document, "type").map_or("", |field| field.text().unwrap_or("no text"));
    let wrong = contradiction(&metadata, collection, entry_type);
    namespace.kind = metadata.kind();
    namespace.options = metadata.options.names;
    namespace.indexes = metadata.indexes.into_iter().map(Into::into).collect();
    Ok((namespace, wrong))
}

/// What an entry says twice must be the same. `entry_type` is missing in old archives; "" is a collection.
fn contradiction(metadata: &Metadata, collection: &str, entry_type: &str) -> Option<&'static str> {
    let ordinary = |kind: &str| matches!(kind, "" | "collection");
    let differ = |kind: &str| kind != entry_type && !(ordinary(kind) && ordinary(entry_type));
    let time_series = metadata.is_time_series() != (entry_type == "timeseries");
    match () {
        () if !metadata.has_a_good_uuid() => Some("the UUID is none"),
        () if metadata.name.as_deref().is_some_and(|name| name != collection) => Some("it has two names"),
        () if time_series || metadata.kind.as_deref().is_some_and(differ) => {
            Some("its type and its options contradict each other")
        }
        () => None,
    }
}
