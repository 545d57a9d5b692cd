//! Cold start to verdict on a tiny dump, beside the bare procedure, in the same run: medians of several, with the machine named.
//! Times are printed and never decide anything.
//!
//! `make bench` runs it. It needs `PostgreSQL`'s server programs, as `assay demo` does.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 9;

fn main() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = prepare(dir.path());
    println!("machine: {}", machine());
    println!("dump:    {} bytes, {} rounds each, medians", std::fs::metadata(&store).expect("the dump").len(), ROUNDS);
    let assay = median(|| {
        let status = assay(dir.path()).args(["run", "tiny", "--quiet"]).stdout(Stdio::null()).status().expect("assay");
        assert!(status.success(), "the tiny dump must pass");
    });
    let bare = median(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/bare.sh");
        let status = Command::new("bash").arg(script).arg(&store).stdout(Stdio::null()).status().expect("bash");
        assert!(status.success(), "the bare procedure must work");
    });
    println!("assay run, cold start to verdict        {:>7.3} s   (budget 0.5 s)", assay.as_secs_f64());
    println!("bare: initdb, start, pg_restore, counts {:>7.3} s", bare.as_secs_f64());
}

/// A store in a folder with one tiny dump (the newest of the demo's `codetalk`), and a scenario for it.
fn prepare(dir: &Path) -> std::path::PathBuf {
    let status = assay(dir).args(["demo", "--quiet", "--dir", "demo"]).stdout(Stdio::null()).status().expect("assay demo");
    assert!(status.success(), "the demo must work");
    let dumps = dir.join("demo/store/my-backups/postgresql-backups");
    let mut names: Vec<_> = std::fs::read_dir(&dumps).expect("dumps").map(|e| e.expect("entry").path()).collect();
    names.retain(|path| path.to_string_lossy().contains("codetalk"));
    names.sort();
    let newest = names.pop().expect("a dump");
    std::fs::create_dir_all(dir.join("backups")).expect("folder");
    std::fs::create_dir_all(dir.join("scenarios")).expect("folder");
    let dump = dir.join("backups").join(newest.file_name().expect("name").to_string_lossy().replace("codetalk", "tiny"));
    std::fs::copy(&newest, &dump).expect("copy");
    std::fs::write(dir.join("assay.yaml"), "stores:\n  here: { dir: backups }\n").expect("assay.yaml");
    let scenario = "name: tiny\nartifact: { store: here, key: \"tiny-{timestamp}.dump\" }\npostgres: {}\nchecks:\n  - count: { of: tables, min: 5 }\n";
    std::fs::write(dir.join("scenarios/tiny.yaml"), scenario).expect("scenario");
    dump
}

fn assay(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command.current_dir(dir);
    command
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
