//! Healthy archives: what is in them is told as it was written.

use super::writer::{Doc, Writer, crc64, metadata};
use super::{Trickle, documents, good, read, small, with};
use assay::mongoarchive::{Blind, Cause, Kind, contents, recognises, survey};
use proptest::prelude::*;
use std::collections::BTreeMap;

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
            for (db, name) in own {
                w.list_plain(db, name);
            }
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
            for name in names { w.close("db", name); }
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
