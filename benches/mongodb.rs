//! A `MongoDB` archive from the store to the verdict, beside the bare mongorestore into the same kind of server, in the same run. Times
//! are printed and never decide anything.
//!
//! `make bench` runs it, or `cargo bench --bench mongodb`. `ASSAY_BENCH_ARCHIVE_MIB` is the archive's size before gzip (256),
//! `ASSAY_BENCH_ROUNDS` the number of rounds (3). The server is `mongod` from `PATH`, else what `tests/servers/mongodb` makes.

mod support;
#[path = "../tests/it/mongoarchive/writer.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod writer;

use flate2::{Compression, write::GzEncoder};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use writer::{Doc, Writer};

fn main() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (mib, rounds) = (number("ASSAY_BENCH_ARCHIVE_MIB", 256), number("ASSAY_BENCH_ROUNDS", 3));
    let dir = tempfile::Builder::new().prefix("assay-bench-").tempdir().expect("a temporary folder");
    // The servers run as another user.
    Command::new("chmod").arg("755").arg(dir.path()).status().expect("chmod");
    let (tools, server) = (made("mongo-tools"), made("mongodb"));
    std::fs::create_dir_all(dir.path().join("backups")).expect("a folder");
    std::fs::create_dir_all(dir.path().join("scenarios")).expect("a folder");
    let archive = dir.path().join("backups/events-20261121-030000.archive");
    let documents = make(&archive, mib << 20);
    let settings = format!(
        "stores:\n  here: {{ dir: backups }}\nscratch: {{ dir: scratch }}\nruntime: {{ local: {{ mongodb: {{ command: \"{server}\", bin: {tools} }} }} }}\n"
    );
    std::fs::write(dir.path().join("assay.yaml"), settings).expect("write");
    let scenario = "name: events\nartifact: { store: here, key: \"events-{timestamp}.archive\" }\nmongodb: {}\n";
    std::fs::write(dir.path().join("scenarios/events.yaml"), scenario).expect("write");
    println!("machine: {}", support::machine());
    println!("archive: {mib} MiB, {documents} documents; {rounds} rounds each in turn, medians");
    let [with, bare] =
        support::medians(rounds, [&|| support::run(assay(dir.path())), &|| bare(dir.path(), &archive, &tools, &server)]);
    let (time, by_hand) = (with.0.as_secs_f64(), bare.0.as_secs_f64());
    println!("a server and the bare mongorestore   {by_hand:>7.2} s");
    println!("assay                                {time:>7.2} s   {:+.1} %, budget +5 %", (time / by_hand - 1.0) * 100.0);
    println!("assay's own peak memory              {:>7} MiB, budget 64", with.1 >> 20);
}

fn assay(dir: &Path) -> Command {
    let mut command = support::assay(dir);
    command.args(["run", "events", "--quiet"]);
    command
}

/// The same kind of server, and mongorestore by itself.
fn bare(dir: &Path, archive: &Path, tools: &str, server: &str) -> (std::time::Duration, u64) {
    let mut command = Command::new("bash");
    command.arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/mongorestore.sh"));
    command.args([dir.display().to_string(), archive.display().to_string(), tools.to_owned(), server.to_owned()]);
    support::run(command)
}

/// What a script of `tests/servers/` prints.
fn made(script: &str) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(script);
    let output = Command::new(script).output().expect("a script");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Two collections of small documents, in blocks as mongodump writes them.
fn make(file: &Path, bytes: usize) -> u64 {
    const COLLECTIONS: [&str; 2] = ["visits", "orders"];
    let out = GzEncoder::new(BufWriter::new(File::create(file).expect("the archive")), Compression::fast());
    let mut writer = Writer::new(out, "7.0.14");
    for name in COLLECTIONS {
        writer.list_plain("events", name);
    }
    writer.terminate();
    let (mut written, mut documents) = (0, 0);
    while written < bytes {
        let mut block = Vec::new();
        while block.len() < 1 << 20 {
            let doc = Doc::new().id(1_700_000_000, documents).text("page", &format!("/products/{}", documents % 977));
            block.extend(
                doc.text("agent", &"some browser ".repeat(12))
                    .int64("took", i64::from(u32::try_from(documents % 5000).unwrap_or_default()))
                    .done(),
            );
            documents += 1;
        }
        written += block.len();
        writer.block("events", COLLECTIONS[usize::try_from(documents).expect("a count") % 2], &block);
    }
    for name in COLLECTIONS {
        writer.close("events", name);
    }
    writer.out.finish().expect("gzip").flush().expect("flushed");
    documents
}
