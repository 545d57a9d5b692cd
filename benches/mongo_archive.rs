//! The reader of mongodump archives beside `zcat` on the same file, in the same run: medians of five, the peak of its memory, with the
//! machine named. Figures are printed and never decide anything.
//!
//! `make bench` runs it. It makes its archive by itself: many small documents in four collections, under gzip as mongodump leaves it.
//! `ASSAY_BENCH_ARCHIVE_MIB` is the size of the archive before gzip, 1024 when it is not set.

#[path = "../tests/it/mongoarchive/writer.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod writer;

use assay::secret::Secrets;
use assay::{mongoarchive, open};
use flate2::{Compression, write::GzEncoder};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use writer::{Doc, Writer};

const ROUNDS: usize = 5;

/// The argument with which the bench calls itself, so that the memory of the reader alone is measured.
const READ: &str = "read-this-archive";

const COLLECTIONS: [&str; 4] = ["customers", "events", "orders", "sessions"];

const WORDS: [&str; 16] = [
    "harbour", "lantern", "copper", "meadow", "signal", "timber", "violet", "walnut", "anchor", "bramble", "cinder", "drizzle",
    "ember", "falcon", "granite", "hollow",
];

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, read, file] = arguments.as_slice()
        && read == READ
    {
        return look(Path::new(file));
    }
    let mib: u64 = std::env::var("ASSAY_BENCH_ARCHIVE_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(1024);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("bench.archive.gz");
    let documents = make(&file, mib << 20);
    let stored = std::fs::metadata(&file).expect("the archive").len();
    println!("machine: {}", machine());
    println!("archive: {mib} MiB, {} MiB under gzip, {documents} documents; {ROUNDS} rounds each, medians", stored >> 20);
    let reader = median(|| println!("  reader: {}", run(&file)));
    let zcat = median(|| {
        let status = Command::new("zcat").arg(&file).stdout(Stdio::null()).status().expect("zcat");
        assert!(status.success(), "zcat must work");
    });
    let (reader, zcat) = (reader.as_secs_f64(), zcat.as_secs_f64());
    let rate = |seconds: f64| f64::from(u32::try_from(mib).expect("size")) / seconds;
    println!("zcat FILE > /dev/null   {zcat:>7.3} s   {:>5.0} MiB/s", rate(zcat));
    println!("reader, with its gzip   {reader:>7.3} s   {:>5.0} MiB/s", rate(reader));
    println!("speed of the reader     {:>7.2} x zcat   (budget 0.9)", zcat / reader);
}

/// Reads the archive through the gzip layer, as a scenario does, and prints what was found and the peak of this process' memory.
fn look(file: &Path) {
    let stored = Box::new(File::open(file).expect("the archive"));
    let opened = open::open(stored, &[], &Secrets::default(), &mongoarchive::recognises).expect("gzip");
    let survey = mongoarchive::survey(opened.payload).expect("readable");
    assert!(survey.damages.is_empty(), "{:?}", survey.damages);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map_or("unknown", str::trim);
    println!("{}, peak memory {peak} (budget 32 MiB)", survey.census().summary());
}

fn run(file: &Path) -> String {
    let this = std::env::current_exe().expect("this program");
    let output = Command::new(this).arg(READ).arg(file).stderr(Stdio::inherit()).output().expect("the bench itself");
    assert!(output.status.success(), "the archive must be read");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Writes an archive of about so many bytes before gzip, and tells how many documents it has.
fn make(file: &Path, size: u64) -> u64 {
    // A block of mongodump: 16 MiB of one collection.
    const BLOCK: usize = 15 << 20;
    let out = BufWriter::new(File::create(file).expect("the archive"));
    let mut writer = Writer::new(GzEncoder::new(out, Compression::default()), "7.0.14");
    for collection in COLLECTIONS {
        writer.list_plain("bench", collection);
    }
    writer.terminate();
    let (mut random, mut documents, mut written) = (Random(0x9E37_79B9_7F4A_7C15), 0, 0);
    let mut block = Vec::with_capacity(16 << 20);
    for collection in COLLECTIONS.iter().cycle() {
        block.clear();
        while block.len() < BLOCK && written < size {
            let document = document(documents, &mut random);
            written += document.len() as u64;
            block.extend(document);
            documents += 1;
        }
        writer.block("bench", collection, &block);
        if written >= size {
            break;
        }
    }
    for collection in COLLECTIONS {
        writer.close("bench", collection);
    }
    writer.out.finish().expect("gzip").flush().expect("the archive");
    documents
}

/// A document as applications have them: some 250 bytes in ten fields.
fn document(number: u64, random: &mut Random) -> Vec<u8> {
    let text = |random: &mut Random, words: usize| (0..words).map(|_| random.word()).collect::<Vec<_>>().join(" ");
    let address = Doc::new().text("street", &text(random, 2)).int32("number", random.small(200)).text("city", random.word());
    let tags = Doc::new().text("0", random.word()).text("1", random.word());
    let time = 1_700_000_000_000 + i64::from(random.small(1 << 30));
    Doc::new()
        .id(1_700_000_000 + u32::try_from(number >> 8).expect("number"), random.next())
        .text("name", &text(random, 2))
        .text("note", &text(random, 8))
        .int32("amount", random.small(10_000))
        .raw(0x01, "score", &f64::from(random.small(1000)).to_le_bytes())
        .bool("active", random.small(2) == 1)
        .raw(0x09, "at", &time.to_le_bytes())
        .doc("address", address)
        .array("tags", tags)
        .done()
}

/// xorshift64: the same archive every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn small(&mut self, below: u32) -> i32 {
        i32::try_from(self.next() % u64::from(below)).expect("small")
    }

    fn word(&mut self) -> &'static str {
        WORDS[usize::try_from(self.next() % 16).expect("small")]
    }
}

fn median(mut round: impl FnMut()) -> Duration {
    round(); // warms the caches of both alike
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            round();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|l| l.strip_prefix("model name")).map_or("unknown", |m| m.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} x {model}, {}", std::env::consts::OS)
}
