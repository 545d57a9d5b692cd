//! Broken archives: every defect is told.

use super::writer::{Doc, Writer, crc64, head, metadata};
use super::{documents, good, one, only, read, small, with};
use assay::mongoarchive::{Cause, MOST_DAMAGES, survey};
use std::io::{self, Read};

#[test]
fn every_cut_is_told() {
    let bytes = small();
    for cut in 0..bytes.len() {
        let survey = read(&bytes[..cut]);
        assert!(survey.damages.iter().any(|d| d.cause == Cause::Cut), "{cut}: {:?}", survey.damages);
        assert!(survey.namespaces.is_empty() || survey.namespaces.iter().any(|n| !n.complete), "{cut}");
    }
    let [at, inside, between] = [40, bytes.len() - 200, bytes.len() - 140].map(|cut| only(&bytes[..cut]));
    assert!(at.what.starts_with("it ends within its header"), "{at:?}");
    assert!(inside.at == bytes.len() as u64 - 200 && between.cause == Cause::Cut, "{inside:?}");
}

/// The bytes that can change without a trace: versions and numbers in the header, options and indexes in the list, which have no
/// checksum; `size`, which is never filled; and the name of `type`, which old archives do not have.
fn untold(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let place = |of: &[u8], from: usize| from + bytes[from..].windows(of.len()).position(|w| w == of).expect("there");
    let mut places = Vec::new();
    let concurrent = place(b"concurrent_collections\0", 0) + 23;
    places.push(concurrent..concurrent + 4);
    for version in ["server_version\0", "tool_version\0"] {
        let at = place(version.as_bytes(), 0) + version.len() + 4;
        let end = place(b"\0", at);
        places.push(at..end);
    }
    let mut at = 0;
    for _ in 0..3 {
        at = place(b"{\"options\"", at);
        let end = place(b"\0", at);
        places.push(at..end);
        // `size`, and the kind and name of `type`.
        places.push(end + 1..end + 17);
        at = end;
    }
    places
}

#[test]
fn a_changed_byte_is_told_unless_the_bytes_cannot_tell() {
    let bytes = small();
    let untold = untold(&bytes);
    let mut quiet = Vec::new();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let survey = read(&changed);
            if survey.damages.is_empty() {
                assert!(
                    untold.iter().any(|range| range.contains(&at)),
                    "byte {at}, bit {bit}: nothing was told: {:?}",
                    String::from_utf8_lossy(&bytes[at - 60..at + 20])
                );
                quiet.push(at);
            }
        }
    }
    assert!(untold.iter().all(|range| quiet.iter().any(|at| range.contains(at))), "the list names more than it must");
}

#[test]
fn each_defect_is_told_by_its_name() {
    let block = |w: &mut Writer<Vec<u8>>| w.block("shop", "a", &documents(3));
    let whole = one(|w| {
        block(w);
        w.close("shop", "a");
    });
    good(&whole);
    let killed = one(|_| ());
    let no_eof = one(block);
    let raw = |bytes: &[u8]| {
        let bytes = bytes.to_vec();
        one(move |w| w.out.extend(bytes))
    };
    let crc = crc64(0, &documents(3));
    let in_block = |documents: &[u8], crc: u64| {
        raw(&[&head("shop", "a", false, 0)[..], documents, &[0xff; 4], &head("shop", "a", true, crc), &[0xff; 4]].concat())
    };
    let mut long = documents(3);
    long[0] += 1;
    let mut type_changed = documents(3);
    let place = type_changed.len() - 8;
    assert_eq!(type_changed[place], 0x10);
    type_changed[place] = 0x12;
    let seventeen = (17u32 << 20).to_le_bytes();
    let glued = [whole.clone(), whole.clone()].concat();
    let cut_and_glued = [no_eof.clone(), whole.clone()].concat();
    for (bytes, cause, what) in [
        (killed, Cause::Cut, "it ends behind the list of its collections: it has no data of shop.a (mongodump was stopped)"),
        (no_eof, Cause::Cut, "it ends before the last block of shop.a"),
        (in_block(&documents(3), crc ^ 1), Cause::Changed, "its checksum does not match its documents"),
        (in_block(&documents(2), crc), Cause::Changed, "its checksum does not match its documents"),
        (in_block(&long, crc64(0, &long)), Cause::Changed, "a document is damaged: a document does not end in a zero byte"),
        (
            in_block(&type_changed, crc64(0, &type_changed)),
            Cause::Changed,
            "a document is damaged: a value runs past the end of its document",
        ),
        (
            in_block(&seventeen, crc),
            Cause::Changed,
            "a document is said to have 17825792 bytes, and none may have more than 16 MiB",
        ),
        (in_block(&[0; 4], crc), Cause::Changed, "the length of a document is damaged"),
        (glued, Cause::Behind, "something stands behind its end: it looks like a mongodump archive"),
        (cut_and_glued, Cause::Cut, "it ends too early: another archive begins in the middle of it"),
        (
            [whole.clone(), vec![0; 700]].concat(),
            Cause::Behind,
            "something stands behind its end: it looks like nothing but zero bytes",
        ),
        ([whole.clone(), vec![0xff]].concat(), Cause::Behind, "something stands behind its end"),
        (Vec::new(), Cause::Cut, "it is empty"),
        (b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), Cause::Unknown, "it is not a mongodump archive: it looks like gzip"),
        (b"<html>".to_vec(), Cause::Unknown, "it is not a mongodump archive: it looks like an HTML page"),
        (whole[..3].to_vec(), Cause::Cut, "it ends within the first four bytes"),
    ] {
        let damages = read(&bytes).damages;
        assert!(damages.first().is_some_and(|d| (d.cause, d.what.as_str()) == (cause, what)), "{what}: {damages:?}");
    }
}

#[test]
fn blocks_that_do_not_belong_are_told() {
    let full = |w: &mut Writer<Vec<u8>>| {
        w.block("shop", "a", &documents(1));
        w.close("shop", "a");
    };
    let both = |body: &dyn Fn(&mut Writer<Vec<u8>>)| {
        let list = |w: &mut Writer<Vec<u8>>| ["a", "b"].iter().for_each(|name| w.list_plain("shop", name));
        only(&with(list, |w| {
            full(w);
            body(w);
            w.close("shop", "b");
        }))
    };
    let again = both(&|w| w.block("shop", "a", &documents(1)));
    assert_eq!((again.what.as_str(), again.namespace.as_deref()), ("a block of it comes after its last one", Some("shop.a")));
    assert_eq!(both(&|w| w.close("shop", "a")).what, "a block of it comes after its last one");
    assert_eq!(both(&Writer::terminate).what, "the end of a block stands where a block should begin");
    let stranger = both(&|w| {
        w.block("shop", "z", &documents(1));
        w.close("shop", "z");
    });
    assert_eq!((stranger.cause, stranger.namespace.as_deref()), (Cause::Changed, Some("shop.z")));
    let filled = both(&|w| {
        w.out.extend(head("shop", "b", false, 7));
        w.terminate();
    });
    assert!(filled.what.contains("only the last one may"), "{filled:?}");
    let twice = only(&with(|w| (0..2).for_each(|_| w.list_plain("shop", "a")), full));
    assert_eq!(twice.what, "the list of its collections names it twice");
    let view = metadata("view", "a", r#""viewOn":"b""#, &[]);
    assert_eq!(only(&with(|w| w.list("shop", "a", "view", &view), full)).what, "it is a view and has documents");
}

#[test]
fn more_open_collections_than_mongorestore_can_serve_are_told() {
    let archive = |open: usize| {
        let names: Vec<_> = (0..open).map(|n| n.to_string()).collect();
        let list = |w: &mut Writer<Vec<u8>>| names.iter().for_each(|name| w.list_plain("shop", name));
        with(list, |w| {
            for name in &names {
                w.block("shop", name, &documents(1));
            }
            for name in &names {
                w.close("shop", name);
            }
        })
    };
    good(&archive(4));
    let damage = only(&archive(7));
    assert_eq!((damage.cause, damage.namespace.as_deref()), (Cause::Unknown, Some("shop.4")));
}

#[test]
fn an_archive_of_another_format_is_told_and_one_of_a_newer_server_is_read() {
    let mut bytes = small();
    let version = bytes.windows(4).position(|w| w == b"0.1\0").expect("version");
    bytes[version + 2] = b'2';
    let damage = only(&bytes);
    assert_eq!(damage.cause, Cause::Unknown, "{damage:?}");
    let mut writer = Writer::new(Vec::new(), "12.1.0-alpha+3");
    writer.terminate();
    assert_eq!(good(&writer.out).header.and_then(|h| h.server_version()), Some((12, 1)));
}

#[test]
fn a_list_that_contradicts_itself_is_told() {
    let series = r#""timeseries":{"timeField":"at"}"#;
    for (kind, json, what) in [
        ("", "{".to_owned(), "no JSON"),
        ("view", metadata("collection", "a", "", &[]), "contradict"),
        ("", metadata("", "a", series, &[]), "contradict"),
        ("timeseries", metadata("timeseries", "a", "", &[]), "contradict"),
        ("", metadata("", "other", "", &[]), "two names"),
        ("", r#"{"uuid":"xyz"}"#.to_owned(), "UUID"),
    ] {
        let damages = read(&with(|w| w.list("shop", "a", kind, &json), |w| w.close("shop", "a"))).damages;
        assert!(damages.first().is_some_and(|d| d.cause == Cause::Changed && d.what.contains(what)), "{what}: {damages:?}");
    }
}

#[test]
fn damages_are_bounded_and_never_show_what_a_name_hides() {
    let stranger = |n: u32| [head(&format!("x\u{1b}[31m{n}"), "y", true, 0), vec![0xff; 4]].concat();
    let survey = read(&one(|w| w.out.extend((0..1000).flat_map(stranger))));
    assert_eq!(survey.damages.len(), MOST_DAMAGES);
    assert!(survey.damages.iter().all(|d| !d.what.contains('\u{1b}') && !format!("{:?}", d.namespace).contains("u{1b}")));
    let bad: Vec<u8> = (0..500).flat_map(|_| Doc::new().raw(0x77, "value-to-hide", &[]).done()).collect();
    let damages = read(&one(|w| {
        w.block("shop", "a", &bad);
        w.close("shop", "a");
    }))
    .damages;
    assert_eq!(damages.len(), 1, "one for each collection");
    assert!(!damages[0].what.contains("hide"));
}

/// Breaks after its bytes, as a network does.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::Error::other("the network broke")) } else { self.0.read(buf) }
    }
}

#[test]
fn an_error_of_the_input_is_never_a_damage() {
    let bytes = small();
    for at in 0..=bytes.len() {
        assert_eq!(survey(Broken(&bytes[..at])).expect_err("broken").to_string(), "the network broke", "{at}");
    }
    let mut damaged = bytes;
    damaged[0] = 0;
    assert!(survey(Broken(&damaged)).is_err(), "it is read to its end all the same");
}

#[test]
fn a_document_of_the_largest_size_is_read_and_a_larger_one_is_not() {
    let sized = |size: usize| {
        let empty = Doc::new().text("t", "").done().len();
        Doc::new().text("t", &"x".repeat(size - empty)).done()
    };
    for (size, damages) in [(16 << 20, 0), ((16 << 20) + 1, 1)] {
        let survey = read(&one(|w| {
            w.block("shop", "a", &[documents(1), sized(size), documents(1)].concat());
            w.close("shop", "a");
        }));
        assert_eq!(survey.damages.len(), damages, "{size}: {:?}", survey.damages);
    }
}
