//! The reader of mongodump archives, over archives of an independent writer.

mod broken;
mod fixtures;
mod good;
pub mod writer;

use assay::mongoarchive::{Damage, Survey, survey};
use std::io::{self, Read};
use writer::{Doc, Writer, every_type};

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
