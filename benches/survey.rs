//! The artifact's census of a large custom archive beside `pg_restore -f /dev/null`, which reads and decompresses the same bytes: both
//! stand beside a restore, so it is processor time that counts. Times are printed and never decide anything.
//!
//! `cargo bench --bench survey`. `ASSAY_BENCH_DUMP` is an archive that is there already; otherwise one is made, of a database of
//! `ASSAY_BENCH_MIB` (1024) in `ASSAY_BENCH_DIR`. `ASSAY_BENCH_ROUNDS` is the number of rounds (5).

#[expect(dead_code, reason = "here a part of it is enough")]
mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// How often a second the kernel counts what a process used (`USER_HZ`).
const TICKS: f64 = 100.0;

/// What a pass over the archive took, in seconds.
#[derive(Clone, Copy)]
struct Took {
    wall: f64,
    processor: f64,
}

fn main() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (mib, rounds) = (number("ASSAY_BENCH_MIB", 1024), number("ASSAY_BENCH_ROUNDS", 5));
    let base = std::env::var_os("ASSAY_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let room = tempfile::Builder::new().prefix("assay-bench-").tempdir_in(base).expect("a temporary folder");
    let dump = std::env::var_os("ASSAY_BENCH_DUMP").map_or_else(|| make(room.path(), mib), PathBuf::from);
    println!("machine:  {}", support::machine());
    println!("dump: {} MiB, {rounds} rounds in turn, medians", fs::metadata(&dump).expect("the dump").len() >> 20);
    let passes: Vec<_> = (0..=rounds).map(|_| (timed(|| survey(&dump)), timed(|| tool(&dump)))).skip(1).collect();
    let ours = median(passes.iter().map(|pass| pass.0));
    let tools = median(passes.iter().map(|pass| pass.1));
    println!("assay's survey          {:>6.2} s of processor time {:>6.2} s in all", ours.processor, ours.wall);
    println!("pg_restore -f /dev/null {:>6.2} s of processor time {:>6.2} s in all", tools.processor, tools.wall);
    println!("assay takes {:.2} of its processor time", ours.processor / tools.processor);
}

fn make(room: &Path, mib: usize) -> PathBuf {
    // The servers of the bare tools run as another user.
    support::run({
        let mut command = Command::new("chmod");
        command.arg("755").arg(room);
        command
    });
    support::run(tools(&["make", &room.display().to_string(), &mib.to_string()]));
    room.join("large.dump")
}

fn survey(dump: &Path) {
    let survey = assay::pgdump::survey(File::open(dump).expect("the dump")).expect("it can be read");
    assert_eq!(survey.damages, [], "the dump is whole");
    assert!(survey.databases.iter().any(|database| !database.tables.is_empty()), "rows were counted");
}

fn tool(dump: &Path) {
    support::run(tools(&["read", &dump.display().to_string()]));
}

fn tools(args: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/tools.sh")).args(args);
    command
}

fn timed(pass: impl FnOnce()) -> Took {
    let (began, before) = (Instant::now(), processor());
    pass();
    let wall = began.elapsed().as_secs_f64();
    Took { wall, processor: processor() - before }
}

/// The processor time of this process and of the children that it waited for: fields 14 to 17 of `/proc/self/stat`, proc(5).
fn processor() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("proc is mounted");
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    behind_name.split_whitespace().skip(11).take(4).map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / TICKS
}

fn median(passes: impl Iterator<Item = Took>) -> Took {
    let all: Vec<_> = passes.collect();
    let middle = |part: fn(&Took) -> f64| {
        let mut sorted: Vec<_> = all.iter().map(part).collect();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    Took { wall: middle(|took| took.wall), processor: middle(|took| took.processor) }
}
