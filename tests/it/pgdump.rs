//! The reader of dumps over the corpus, without a server: what it counts in healthy ones, and what it tells of broken ones.

use assay::open;
use assay::pgdump::{self, Cause, Survey};
use assay::secret::Secrets;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

/// What no look at the bytes can tell, and why.
const UNTELLABLE: &[(&str, &str)] = &[
    ("content-15-data-only.dump", "whole, and made so on purpose"),
    ("content-15-empty-database.dump", "whole, and made so on purpose"),
    ("content-15-extension-alone.dump", "whole; the server does not have the extension"),
    ("content-15-extension-words.dump", "whole; the server does not have the extension"),
    ("content-15-no-post-data.dump", "whole, and made so on purpose"),
    ("content-15-other-database.dump", "whole, and made so on purpose"),
    ("content-15-pre-data.dump", "whole, and made so on purpose"),
    ("content-15-rows-missing.dump", "whole, and made so on purpose"),
    ("content-15-schema-only.dump", "whole, and made so on purpose"),
    ("content-15-table-missing.dump", "whole, and made so on purpose"),
    ("content-18-data-only.dump", "whole, and made so on purpose"),
    ("content-18-empty-database.dump", "whole, and made so on purpose"),
    ("content-18-no-post-data.dump", "whole, and made so on purpose"),
    ("content-18-pre-data.dump", "whole, and made so on purpose"),
    ("content-18-rows-missing.dump", "whole, and made so on purpose"),
    ("content-18-schema-only.dump", "whole, and made so on purpose"),
    ("content-18-table-missing.dump", "whole, and made so on purpose"),
    ("custom-15-bad-value.dump", "compressed anew: the server alone knows what a type takes"),
    ("custom-15-check-violated.dump", "compressed anew: the server alone checks constraints"),
    ("custom-15-duplicate-row.dump", "compressed anew: the server alone checks constraints"),
    ("custom-15-flip-toc-defn.dump", "a definition has no checksum, and the name of a type is that of nothing else here"),
    ("custom-15-orphan-row.dump", "compressed anew: the server alone checks constraints"),
    ("custom-18-flip-toc-defn.dump", "a definition has no checksum, and the name of a type is that of nothing else here"),
    ("series-future", "whole; the time is that of the store"),
    ("series-stale", "whole; the time is that of the store"),
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn manifest() -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join("postgres.json")).expect("manifest")).expect("JSON")
}

fn word<'v>(case: &'v Value, key: &str) -> &'v str {
    case[key].as_str().expect(key)
}

/// The archives that are not encrypted.
fn archives(manifest: &Value) -> impl Iterator<Item = &Value> {
    let of_interest =
        |case: &&Value| matches!(word(case, "format"), "custom" | "tar" | "directory") && case["scenario"]["open"].is_null();
    manifest["fixtures"].as_array().expect("cases").iter().filter(of_interest)
}

/// The survey of a case's file below its layers; an error of a layer in its words.
fn survey(case: &Value) -> Result<Survey, String> {
    let stored = File::open(fixtures().join(word(case, "file"))).expect("fixture");
    let recognises = |head: &[u8]| head.starts_with(b"PGDMP") || head.get(257..262) == Some(b"ustar");
    let opened = open::open(Box::new(stored), &[], &Secrets::default(), &recognises).map_err(|e| e.to_string())?;
    pgdump::survey(opened.payload).map_err(|e| e.to_string())
}

/// The rows per table that must be in a dump. Those of a tree of partitions may all stand at its root: they are counted there.
fn at_roots<'t>(tables: impl Iterator<Item = (&'t String, u64)>, partitions: &BTreeMap<String, String>) -> BTreeMap<String, u64> {
    let mut rows: BTreeMap<String, u64> = BTreeMap::new();
    for (table, count) in tables.filter(|(_, count)| *count > 0) {
        let root = std::iter::successors(Some(table), |table| partitions.get(*table)).last().expect("itself");
        *rows.entry(root.clone()).or_default() += count;
    }
    rows
}

#[test]
fn every_healthy_archive_of_the_corpus_is_whole_and_counted_right() {
    let manifest = manifest();
    let mut seen = 0;
    for case in archives(&manifest).filter(|case| word(case, "verdict") == "pass") {
        let name = word(case, "name");
        let survey = survey(case).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(survey.damages, [], "{name}");
        let [database] = survey.databases.as_slice() else { panic!("{name}: one database") };
        let truth = &manifest["databases"][case["holds"][0].as_str().expect("holds")];
        let tables = truth["tables"].as_object().expect("tables");
        let expected = at_roots(tables.iter().map(|(table, rows)| (table, rows.as_u64().expect("rows"))), &database.partitions);
        let found = at_roots(database.tables.iter().map(|(table, rows)| (table, *rows)), &database.partitions);
        assert_eq!(found, expected, "{name}");
        assert_eq!(Some(database.large_objects), truth["large_objects"].as_u64(), "{name}");
        seen += 1;
    }
    assert!(seen > 40, "{seen} archives");
}

#[test]
fn every_broken_archive_of_the_corpus_is_told_where_bytes_can_tell() {
    let manifest = manifest();
    let broken = archives(&manifest).filter(|case| word(case, "verdict") != "pass");
    let untold = broken.filter(|case| survey(case).is_ok_and(|survey| survey.damages.is_empty()));
    let untold: BTreeSet<_> = untold.map(|case| word(case, "name")).collect();
    let expected: BTreeSet<_> = UNTELLABLE.iter().map(|(name, _)| *name).collect();
    let surprises: Vec<_> = untold.symmetric_difference(&expected).collect();
    assert!(surprises.is_empty(), "told otherwise than expected: {surprises:#?}");
}

/// What is told of one broken dump.
fn told(file: &str) -> Vec<(Cause, String)> {
    let path = fixtures().join("broken/postgres").join(file);
    let survey = pgdump::survey(File::open(path).expect("fixture")).expect("read");
    survey.damages.into_iter().map(|damage| (damage.cause, damage.what)).collect()
}

#[test]
fn damages_name_the_table_and_the_kind_of_trouble() {
    for (file, cause, what) in [
        ("custom-15-cut-middle.dump", Cause::Cut, "the archive ends too early, in the rows of public.orders"),
        ("custom-15-cut-between.dump", Cause::Cut, "the rows of public.orders are missing: the archive ends before them"),
        ("custom-15-archive-twice.dump", Cause::Behind, "another archive stands behind the end"),
        ("custom-15-rubbish-behind.dump", Cause::Behind, "something stands behind the end of the archive"),
        ("custom-15-stderr-head.dump", Cause::Changed, "something stands before the archive that begins here"),
        ("custom-15-lost-block.dump", Cause::Changed, "the rows of public.orders are missing"),
        ("custom-15-twice-block.dump", Cause::Changed, "the rows of public.orders stand there twice"),
        ("custom-15-flip-data-middle.dump", Cause::Changed, "the rows of public.orders cannot be decompressed: they are damaged"),
        ("custom-15-short-row.dump", Cause::Changed, "the rows of public.products have another number of columns in row 7"),
        ("custom-15-flip-month.dump", Cause::Changed, "the time in the archive's header is none"),
        ("custom-15-flip-toc-sign.dump", Cause::Changed, "it says -22 entries, in the header"),
        ("custom-19-newer.dump", Cause::Newer, "its version 1.17 is newer than any that is known here (1.16), in the header"),
        ("tar-15-cut-middle.tar", Cause::Cut, "the archive ends too early, in the rows of public.orders (3372.dat)"),
        ("tar-15-archive-twice.tar", Cause::Behind, "something stands behind the end of the tar archive"),
        ("directory-15-lost-member.tar", Cause::Changed, "the rows of public.orders are missing: there is no 3372.dat"),
        ("directory-15-flip-trailer.tar", Cause::Changed, "the rows of public.orders cannot be decompressed: they are damaged"),
        ("directory-15-lost-toc.tar", Cause::Changed, "the tar archive holds no toc.dat"),
    ] {
        let told = told(file);
        assert!(told.contains(&(cause, what.to_owned())), "{file}: {told:#?}");
    }
}

#[test]
fn what_was_cut_anywhere_is_told_as_cut() {
    for file in ["shop-18-custom-zstd.dump", "shop-15-tar.tar", "shop-17-directory-lz4.tar"] {
        let whole = std::fs::read(fixtures().join("good/postgres").join(file)).expect("fixture");
        let end = content_end(file, &whole);
        // Every place would take long here; the reader's own tests take every one of a small archive. The mark of a tar of any member
        // stands at 257.
        for cut in (262..end).step_by(13).chain([end - 512, end - 1]) {
            let survey = pgdump::survey(&whole[..cut]).expect("read");
            assert!(survey.damages.iter().any(|damage| damage.cause == Cause::Cut), "{file} at {cut}: {:?}", survey.damages);
        }
    }
}

/// Where the last byte that means something stands: `tar` fills up its last record with blocks of zeros.
fn content_end(file: &str, whole: &[u8]) -> usize {
    let last = whole.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    if file.contains("tar") { last.next_multiple_of(512) + 2 * 512 } else { whole.len() }
}
