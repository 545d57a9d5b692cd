//! The reader of mongodump archives, over archives of an independent writer.

use crate::archive_writer::{Doc, Writer, crc64, every_type, head, metadata};
use assay::mongoarchive::{Blind, Cause, Damage, Kind, MOST_DAMAGES, Survey, contents, recognises, survey};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::{self, Read};

fn read(bytes: &[u8]) -> Survey {
    survey(bytes).expect("a slice can be read")
}

fn good(bytes: &[u8]) -> Survey {
    let survey = read(bytes);
    assert_eq!(survey.damages, [], "a healthy archive");
    assert!(survey.namespaces.iter().all(|n| n.complete && n.crc.is_some()));
    survey
}

/// The one damage of an archive.
fn only(bytes: &[u8]) -> Damage {
    let mut damages = read(bytes).damages;
    assert_eq!(damages.len(), 1, "{damages:?}");
    damages.remove(0)
}

fn documents(count: i32) -> Vec<u8> {
    (0..count).flat_map(|n| Doc::new().id(1_700_000_000, n.unsigned_abs().into()).int32("n", n).done()).collect()
}

/// Gives a few bytes at a time.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = buf.len().min(self.1);
        self.0.read(&mut buf[..n])
    }
}

/// Two collections of which one is empty, in interleaved blocks.
fn small() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), "7.0.14");
    for name in ["a", "b", "empty"] {
        writer.list_plain("shop", name);
    }
    writer.terminate();
    writer.block("shop", "a", &every_type(1));
    writer.block("shop", "b", &documents(2));
    writer.close("shop", "empty");
    writer.block("shop", "a", &documents(1));
    writer.close("shop", "b");
    writer.close("shop", "a");
    writer.out
}

/// One collection, written as the pieces that can be changed one by one.
fn with(list: impl FnOnce(&mut Writer<Vec<u8>>), body: impl FnOnce(&mut Writer<Vec<u8>>)) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), "7.0.14");
    list(&mut writer);
    writer.terminate();
    body(&mut writer);
    writer.out
}

fn one(body: impl FnOnce(&mut Writer<Vec<u8>>)) -> Vec<u8> {
    with(|w| w.list_plain("shop", "a"), body)
}

#[test]
fn the_checksum_of_the_writer_is_that_of_the_catalogue() {
    assert_eq!(crc64(0, b"123456789"), 0x995d_c9bb_df19_39fa);
    assert_eq!(crc64(crc64(0, b"1234"), b"56789"), 0x995d_c9bb_df19_39fa);
}

#[test]
fn documents_of_every_type_are_counted_however_the_bytes_come() {
    let bytes = small();
    let whole = good(&bytes);
    let counts: Vec<_> = whole.namespaces.iter().map(|n| (n.name(), n.documents)).collect();
    assert_eq!(counts, [("shop.a".to_owned(), 2), ("shop.b".to_owned(), 2), ("shop.empty".to_owned(), 0)]);
    assert_eq!(whole.namespaces[1].bytes, documents(2).len() as u64);
    assert_eq!(whole.namespaces[1].crc, Some(crc64(0, &documents(2))));
    assert_eq!(whole.namespaces[2].crc, Some(0));
    assert_eq!(whole.namespaces[0].newest, Some("2023-11-14T22:13:20Z".parse().expect("time")));
    let header = whole.header.as_ref().expect("header");
    assert_eq!((header.server_version(), header.tool.as_str(), header.concurrent_collections), (Some((7, 0)), "100.10.0", 4));
    assert_eq!(whole.blind, [Blind::ChangedDefinition].into());
    for step in [1, 2, 3, 7, 64, 1000] {
        assert_eq!(survey(Trickle(&bytes, step)).expect("read"), whole, "{step} bytes at a time");
    }
}

#[test]
fn an_archive_of_an_empty_database_is_whole() {
    let survey = good(&with(|_| (), |_| ()));
    assert_eq!((survey.namespaces.len(), survey.blind.len()), (0, 0));
    assert_eq!(survey.census().summary(), "0 collections, 0 documents");
}

#[test]
fn names_may_be_of_any_script_and_have_dollars_and_there_may_be_hundreds() {
    let names: Vec<_> = (0..200).map(|n| format!("Bücher.{n} 書$\"{n}\"")).collect();
    let list = |w: &mut Writer<Vec<u8>>| names.iter().for_each(|name| w.list_plain("größe", name));
    let survey = good(&with(list, |w| {
        for (n, name) in names.iter().enumerate() {
            if n % 3 != 0 {
                w.block("größe", name, &documents(i32::try_from(n).expect("n")));
            }
            w.close("größe", name);
        }
    }));
    assert_eq!(survey.namespaces.len(), 200);
    let expected: u64 = (0..200u64).filter(|n| n % 3 != 0).sum();
    assert_eq!(survey.census().total(), expected);
    assert_eq!(survey.census().count_of("größe.Bücher.7 書$\"7\""), Some(7));
    assert_eq!(survey.census().count_of("indexes"), Some(200));
}

#[test]
fn views_capped_collections_and_validators_are_told_apart() {
    let bytes = with(
        |w| {
            w.list("shop", "v", "view", &metadata("view", "v", r#""viewOn":"a","pipeline":[]"#, &[]));
            w.list(
                "shop",
                "log",
                "collection",
                &metadata("collection", "log", r#""capped":true,"size":{"$numberInt":"9"}"#, &[]),
            );
            let strict = metadata(
                "collection",
                "strict",
                r#""validator":{"a":{"$gt":{"$numberInt":"0"}}}"#,
                &[("_id_", "_id"), ("by a", "a")],
            );
            w.list("shop", "strict", "", &strict);
            // --viewsAsCollections: the type stays, `viewOn` does not.
            w.list("shop", "was", "view", &metadata("view", "was", "", &[]));
        },
        |w| {
            w.close("shop", "v");
            w.block("shop", "was", &documents(3));
            for name in ["log", "strict", "was"] {
                w.close("shop", name);
            }
        },
    );
    let survey = good(&bytes);
    let kinds: Vec<_> = survey.namespaces.iter().map(|n| n.kind.clone()).collect();
    assert_eq!(kinds, [Kind::View { on: "a".into() }, Kind::Capped, Kind::Collection, Kind::Collection]);
    let census = survey.census();
    let groups: Vec<_> = census.groups.iter().map(|g| (g.name.as_str(), g.count)).collect();
    assert_eq!(groups, [("shop.log", 0), ("shop.strict", 0), ("shop.was", 3)]);
    let members: BTreeMap<_, _> = census.inventory.iter().map(|i| (i.kind.as_str(), i.members.join(", "))).collect();
    assert_eq!(members["views"], "shop.v");
    assert_eq!(members["capped"], "shop.log");
    assert_eq!(members["validators"], "shop.strict");
    assert_eq!(members["indexes"], "shop.strict._id_, shop.strict.by a");
}

/// A bucket of a time series: the first kind has a field per measurement, the others a count.
fn bucket(version: i32, measurements: i32) -> Vec<u8> {
    let control = Doc::new().int32("version", version);
    let control = if version == 1 { control } else { control.int32("count", measurements) };
    let times = (0..measurements).fold(Doc::new(), |doc, n| doc.raw(0x09, &n.to_string(), &[0; 8]));
    let data = if version == 1 { Doc::new().doc("at", times) } else { Doc::new().raw(0x05, "at", &[0, 0, 0, 0, 7]) };
    Doc::new().id(1_700_000_000, 1).doc("control", control).doc("data", data).done()
}

#[test]
fn a_time_series_lies_in_its_buckets_and_its_measurements_are_counted() {
    for (server, data) in [("5.0.9", "system.buckets.w"), ("8.2.1", "system.buckets.w"), ("8.3.0-rc1", "w"), ("9.0.0", "w")] {
        let other = if data == "w" { "system.buckets.w" } else { "w" };
        let archive = |data: &str| {
            let mut writer = Writer::new(Vec::new(), server);
            let options = r#""timeseries":{"timeField":"at","metaField":"m"}"#;
            writer.list("iot", "w", "timeseries", &metadata("timeseries", "w", options, &[]));
            writer.terminate();
            writer.block("iot", data, &[bucket(1, 3), bucket(2, 40), bucket(3, 5)].concat());
            writer.close("iot", data);
            writer.out
        };
        let survey = good(&archive(data));
        let series = &survey.namespaces[0];
        assert_eq!((series.documents, series.measurements), (3, Some(48)), "{server}");
        assert_eq!(survey.census().count_of("iot.w"), Some(48));
        let damages = read(&archive(other)).damages;
        assert!(damages[0].what.contains("does not name it") && damages[1].cause == Cause::Cut, "{server}: {damages:?}");
    }
}

#[test]
fn buckets_that_do_not_tell_are_counted_and_named_as_untold() {
    let options = r#""timeseries":{"timeField":"at"}"#;
    let survey = good(&with(
        |w| w.list("iot", "w", "timeseries", &metadata("timeseries", "w", options, &[])),
        |w| {
            w.block("iot", "system.buckets.w", &[bucket(1, 3), documents(1)].concat());
            w.close("iot", "system.buckets.w");
        },
    ));
    assert_eq!((survey.namespaces[0].measurements, survey.census().total()), (None, 2));
    assert!(survey.blind.contains(&Blind::Measurements));
}

#[test]
fn the_oplog_and_what_is_the_servers_own_are_no_collections() {
    let entry = |seconds: u32| Doc::new().raw(0x11, "ts", &[[1, 0, 0, 0], seconds.to_le_bytes()].concat()).text("op", "n").done();
    let own = [("admin", "system.users"), ("shop", "$admin.system.roles"), ("config", "settings")];
    let survey = good(&with(
        |w| {
            own.iter().for_each(|(db, name)| w.list_plain(db, name));
            w.list("", "oplog", "", "");
            w.list_plain("admin", "mine");
        },
        |w| {
            for (db, name) in own {
                w.block(db, name, &documents(1));
                w.close(db, name);
            }
            w.close("admin", "mine");
            w.block("", "oplog", &[entry(1_700_000_001), entry(1_700_000_003), entry(1_700_000_002)].concat());
            w.close("", "oplog");
        },
    ));
    let oplog = survey.oplog.as_ref().expect("oplog");
    assert_eq!((oplog.entries, oplog.complete), (3, true));
    assert_eq!(oplog.until, Some("2023-11-14T22:13:23Z".parse().expect("time")));
    assert_eq!(survey.namespaces.len(), 4);
    let groups: Vec<_> = survey.census().groups.into_iter().map(|g| g.name).collect();
    assert_eq!(groups, ["admin.mine"]);
}

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
            names.iter().for_each(|name| w.block("shop", name, &documents(1)));
            names.iter().for_each(|name| w.close("shop", name));
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

#[test]
fn the_beginning_of_an_archive_tells_what_it_lists() {
    let bytes = small();
    assert!(recognises(&bytes) && !recognises(&bytes[1..]) && contents(&bytes[1..]).is_none());
    let whole = contents(&bytes).expect("archive");
    assert_eq!((whole.whole, whole.namespaces.len()), (true, 3));
    let list = bytes.windows(4).position(|w| w == [0xff; 4]).expect("terminator");
    assert!(contents(&bytes[..list + 4]).expect("archive").whole);
    let part = contents(&bytes[..list - 10]).expect("archive");
    assert_eq!((part.whole, part.namespaces.len(), part.header.is_some()), (false, 2, true));
    let head = contents(&bytes[..20]).expect("archive");
    assert_eq!((head.whole, head.namespaces.len(), head.header), (false, 0, None));
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

/// Any sound document.
fn any_document() -> impl Strategy<Value = Doc> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|n| Doc::new().int32("n", n)),
        ".{0,40}".prop_map(|text| Doc::new().text("t", &text)),
        any::<(u32, u64)>().prop_map(|(seconds, n)| Doc::new().id(seconds, n)),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| {
            let length = u32::try_from(bytes.len()).expect("length").to_le_bytes();
            Doc::new().raw(0x05, "b", &[&length[..], &[0], &bytes].concat())
        }),
        Just(Doc::new().raw(0x0b, "r", b"a*\0i\0").bool("x", true)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop::collection::vec((inner, any::<bool>()), 1..4).prop_map(|docs| {
            let add = |doc: Doc, (inner, list): (Doc, bool)| if list { doc.array("0", inner) } else { doc.doc("d", inner) };
            docs.into_iter().fold(Doc::new(), add)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn what_was_written_is_read_back(
        blocks in prop::collection::vec((0usize..4, prop::collection::vec(any_document(), 0..6)), 0..12),
        step in 1usize..5000,
    ) {
        let names = ["a", "b.c", "$d", "é"];
        let mut written = [(0u64, Vec::new()), (0, Vec::new()), (0, Vec::new()), (0, Vec::new())];
        let list = |w: &mut Writer<Vec<u8>>| names.iter().for_each(|name| w.list_plain("db", name));
        let bytes = with(list, |w| {
            for (place, documents) in &blocks {
                let bytes: Vec<u8> = documents.iter().cloned().flat_map(Doc::done).collect();
                w.block("db", names[*place], &bytes);
                written[*place].0 += documents.len() as u64;
                written[*place].1.extend(bytes);
            }
            names.iter().for_each(|name| w.close("db", name));
        });
        let survey = survey(Trickle(&bytes, step)).expect("read");
        prop_assert_eq!(&survey.damages, &[]);
        for (namespace, (documents, bytes)) in survey.namespaces.iter().zip(&written) {
            prop_assert_eq!((namespace.documents, namespace.bytes), (*documents, bytes.len() as u64));
            prop_assert_eq!(namespace.crc, Some(crc64(0, bytes)));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..1000) {
        let good = small();
        let (begin, end) = good.split_at(at.min(good.len()));
        bytes.splice(0..0, begin.iter().copied());
        drop(read(&bytes));
        bytes.extend(end);
        drop(read(&bytes));
        drop(contents(&bytes));
    }
}
