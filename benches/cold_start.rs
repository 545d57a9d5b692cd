//! Cold start to verdict on a tiny dump, beside the bare procedure, in the same run: medians of several, with the machine named.
//! Times are printed and never decide anything.
//!
//! `make bench` runs it. It needs `PostgreSQL`'s server programs, as `assay demo` does.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use support::{assay, medians, run};

const ROUNDS: usize = 9;

fn main() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = prepare(dir.path());
    println!("machine: {}", support::machine());
    println!("dump:    {} bytes, {ROUNDS} rounds each in turn, medians", std::fs::metadata(&store).expect("the dump").len());
    let proof = || {
        let mut command = assay(dir.path());
        command.args(["run", "tiny", "--quiet"]);
        run(command)
    };
    let by_hand = || {
        let mut command = Command::new("bash");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/bare.sh")).arg(&store).stdout(Stdio::null());
        run(command)
    };
    let [proof, by_hand] = medians(ROUNDS, [&proof, &by_hand]);
    println!("assay run, cold start to verdict        {:>7.3} s   (budget 0.5 s)", proof.0.as_secs_f64());
    println!("bare: initdb, start, pg_restore, counts {:>7.3} s", by_hand.0.as_secs_f64());
    println!("assay's own peak memory                 {:>7} MiB", proof.1 >> 20);
}

/// A store in a folder with one tiny dump (the newest of the demo's `codetalk`), and a scenario for it.
fn prepare(dir: &Path) -> std::path::PathBuf {
    let status = assay(dir).args(["demo", "--quiet", "--dir", "demo"]).status().expect("assay demo");
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
